"""Inputs of the graphs as they will come: training queries, and passages."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mice_train.encode import StoredPassages, load_passages, load_queries
from mice_train.ragged import from_lengths
from mice_train.records import is_held_out, read_passages, read_queries
from mice_train.source import Source
from mice_train.stored_form import StoredForm, stored_as
from mice_train.tokens import document_text, load_tokenizer, tokenize
from mice_train.watch import Feed

QUERIES = 80
DOCUMENTS = 12
ENCODER_QUERIES = 400
ENCODER_PASSAGES = 160


def encoder_texts(source: Source, work: Path) -> list[list[int]]:
    """Token ids of training queries and passages, cut as the encoder reads them."""
    tokenizer, rng, reading = load_tokenizer(source.tokenizer_path), np.random.default_rng(0), source.reading
    queries = [query.text for query in read_queries(work / "queries.jsonl") if not query.held_out]
    passages = [document_text(passage.title, passage.text) for passage in read_passages(work / "passages.jsonl")
                if not passage.hidden and not is_held_out(passage)]
    return [ids for texts, most, limit in ((queries, ENCODER_QUERIES, reading.query_tokens),
                                           (passages, ENCODER_PASSAGES, reading.document_tokens))
            for ids in tokenize(tokenizer, [texts[row] for row in rng.permutation(len(texts))[:most]], limit)]


def interaction_feeds(work: Path, form: StoredForm) -> list[Feed]:
    """Queries that are not held out, so that these can be measured on, each with its first candidates of BM25."""
    found = np.load(work / "candidates.npz")["bm25"][:, :DOCUMENTS]
    trained = [n for n, query in enumerate(read_queries(work / "queries.jsonl"))
               if not query.held_out and found[n].min() >= 0]
    chosen = np.random.default_rng(0).choice(trained, min(QUERIES, len(trained)), replace=False)
    rows, places = np.unique(found[chosen], return_inverse=True)
    passages, queries = stored_as(only(load_passages(work), rows), form), load_queries(work)
    scales = from_lengths(passages.scales, passages.states.lengths)
    return [{"query_states": queries.states.row(query).astype(np.float32),
             "document_states": passages.states.padded(read), "document_scales": scales.padded(read),
             "document_lengths": passages.states.lengths[read]}
            for query, read in zip(chosen, places.reshape(len(chosen), -1), strict=True)]


def only(passages: StoredPassages, rows: np.ndarray) -> StoredPassages:
    lengths = passages.states.lengths[rows]
    scales = from_lengths(passages.scales, passages.states.lengths)
    return StoredPassages(from_lengths(np.concatenate([passages.states.row(row) for row in rows]), lengths),
                          np.concatenate([scales.row(row) for row in rows]), passages.vectors[rows])
