"""Stage 2: every passage and query through the frozen encoder, once.

Passages are stored as the product stores them (projected int8 states, int8 vector), so that training sees
exactly the quantised input of search time. Written in parts, so that an interrupted run goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mice_train.device import autocast, device
from mice_train.encoder import Encoder, load_encoder
from mice_train.layer_readers import readers_of
from mice_train.projection import Projection, explained, fit_projection
from mice_train.quantize import dequantize, quantize
from mice_train.ragged import Ragged, by_token_budget, from_lengths
from mice_train.records import read_passages, read_queries
from mice_train.reporting import Log, progress
from mice_train.source import Source
from mice_train.tokens import document_text, load_tokenizer, tokenize
from mice_train.whole_file import write_whole

QUERIES_PER_PART = 4096
PASSAGES_PER_PART = 1024
BATCH_TOKENS = 2048
PROJECTION_SAMPLE = 800
"""Passages whose token states the projection is fitted on."""


@dataclass(frozen=True)
class StoredPassages:
    """states int8 [tokens,D] ragged by passage, scales float32 [tokens], vectors float32 [n,H] (dequantised)."""

    states: Ragged
    scales: np.ndarray
    vectors: np.ndarray


@dataclass(frozen=True)
class StoredQueries:
    """states float16 [tokens,H] ragged by query, vectors float32 [n,H]."""

    states: Ragged
    vectors: np.ndarray


def encode(source: Source, work: Path, log: Log = print, backwards: bool = False) -> None:
    """A second process may start from the other end (`backwards`): two one-thread processes are faster than
    one with two threads, most of all beside other work."""
    encoder = load_encoder(source)
    tokenizer = load_tokenizer(source.tokenizer_path)
    passages = [document_text(p.title, p.text) for p in read_passages(work / "passages.jsonl")]
    queries = [q.text for q in read_queries(work / "queries.jsonl")]
    reading = source.reading
    passage_ids = tokenize(tokenizer, passages, reading.document_tokens)
    query_ids = tokenize(tokenizer, queries, reading.query_tokens)
    projection = load_or_fit_projection(source, encoder, passage_ids, work, log)

    def keep_passage(states: Tensor, lengths: np.ndarray, vectors: Tensor) -> dict[str, np.ndarray]:
        q, scale = quantize(projection.project(encoder.readable(states)))
        return {"states": flatten(q, lengths), "scales": flatten(scale, lengths),
                "vectors": dequantize(*quantize(vectors)).numpy()}

    def keep_query(states: Tensor, lengths: np.ndarray, vectors: Tensor) -> dict[str, np.ndarray]:
        return {"states": flatten(states.half(), lengths), "vectors": vectors.numpy()}

    def write(what: str, ids: list[list[int]], keep: Keep, rows_per_part: int) -> None:
        write_parts(encoder, reading.bottom, ids, work / what, keep, rows_per_part, backwards, log)

    write("queries", query_ids, keep_query, QUERIES_PER_PART)
    write("passages", passage_ids, keep_passage, PASSAGES_PER_PART)


def load_or_fit_projection(
    source: Source, encoder: Encoder, ids: list[list[int]], work: Path, log: Log = print
) -> Projection:
    path = work / "projection.pt"
    if path.exists():
        return Projection(**torch.load(path))
    bottom, dims = source.reading.bottom, source.reading.wide_dims
    rows = np.random.default_rng(0).choice(len(ids), min(PROJECTION_SAMPLE, len(ids)), replace=False)
    sample = [ids[row] for row in rows]
    batches = run_encoder(encoder, bottom, sample)
    states = torch.cat([torch.from_numpy(flatten(encoder.readable(s), lengths)) for _, s, lengths, _ in batches])
    readers = readers_of(encoder.layers[bottom:]).cpu()
    half = len(states) // 2
    projection = fit_projection(states[:half], readers, dims)
    log(f"projection to {dims}: keeps {explained(projection, states[half:], readers):.4f} of what the "
        f"interaction layers read, on {len(states) - half} tokens not fitted on")
    write_whole(path, lambda unfinished: torch.save(vars(projection), unfinished))
    return projection


def run_encoder(
    encoder: Encoder, bottom: int, ids: list[list[int]]
) -> Iterator[tuple[np.ndarray, Tensor, np.ndarray, Tensor]]:
    """Yields (rows, states [n,T,H] float32, lengths [n], vectors [n,H]) by length-sorted batches."""
    lengths = np.array([len(row) for row in ids])
    for rows in by_token_budget(lengths, BATCH_TOKENS):
        batch, mask = pad([ids[row] for row in rows])
        with torch.inference_mode(), autocast():
            states, vectors = encoder(batch, mask, bottom)
        yield rows, states.float().cpu(), lengths[rows], vectors.float().cpu()


def pad(ids: list[list[int]]) -> tuple[Tensor, Tensor]:
    """→ ids and mask, int64 [B,T], where modules compute."""
    longest = max(map(len, ids))
    batch = torch.tensor([row + [0] * (longest - len(row)) for row in ids])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in ids])
    return batch.to(device()), mask.to(device())


def flatten(x: Tensor, lengths: np.ndarray) -> np.ndarray:
    """[B,T,…] → [sum(lengths),…], padding dropped."""
    keep = torch.arange(x.shape[1])[None] < torch.from_numpy(lengths)[:, None]
    return x[keep].numpy()


Keep = Callable[[Tensor, np.ndarray, Tensor], dict[str, np.ndarray]]
"""(states [n,T,…], lengths [n], vectors [n,H]) → the arrays to store: one row a token, or one where named below."""
ONE_PER_ROW = frozenset({"vectors"})


def write_parts(
    encoder: Encoder, bottom: int, ids: list[list[int]], folder: Path, keep: Keep, rows_per_part: int, backwards: bool,
    log: Log = print,
) -> None:
    """One npz per part, its rows in order; finished parts are left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    starts = list(range(0, len(ids), rows_per_part))
    for start in progress(starts[::-1] if backwards else starts, f"encode {folder.name}", log):
        path = folder / f"{start:08d}.npz"
        if path.exists():
            continue
        part = ids[start : start + rows_per_part]
        kept = [(rows, lengths, keep(states, lengths, vectors))
                for rows, states, lengths, vectors in run_encoder(encoder, bottom, part)]
        rows = in_row_order(kept)
        write_whole(path, lambda unfinished, rows=rows: np.savez(unfinished, **rows))


def in_row_order(kept: list[tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]]) -> dict[str, np.ndarray]:
    rows = np.concatenate([rows for rows, _, _ in kept])
    lengths = np.concatenate([lengths for _, lengths, _ in kept])
    order = np.argsort(rows)
    out = {"lengths": lengths[order]}
    for name in kept[0][2]:
        flat = np.concatenate([arrays[name] for _, _, arrays in kept])
        ragged = from_lengths(flat, np.ones_like(rows) if name in ONE_PER_ROW else lengths)
        out[name] = np.concatenate([ragged.row(at) for at in order])
    return out


def load_parts(folder: Path) -> dict[str, np.ndarray]:
    parts = [np.load(path) for path in sorted(folder.glob("[0-9]*.npz")) if ".tmp" not in path.name]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0].files}


def load_passages(work: Path) -> StoredPassages:
    arrays = load_parts(work / "passages")
    return StoredPassages(from_lengths(arrays["states"], arrays["lengths"]), arrays["scales"], arrays["vectors"])


def load_queries(work: Path) -> StoredQueries:
    arrays = load_parts(work / "queries")
    return StoredQueries(from_lengths(arrays["states"], arrays["lengths"]), arrays["vectors"])
