"""Inputs of the interaction graph as searches will give them: training queries over stored passages."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mice_train.encode import StoredPassages, load_passages, load_queries
from mice_train.ragged import from_lengths
from mice_train.records import read_queries
from mice_train.stored_form import StoredForm, stored_as
from mice_train.watch import Feed

QUERIES = 80
DOCUMENTS = 12


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
