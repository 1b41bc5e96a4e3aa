"""Stage 2: every passage and query through the frozen encoder, once.

Passages are stored as the product stores them (projected int8 states, int8 vector), so that training sees
exactly the quantised input of search time. Written in parts, so that an interrupted run goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
    tokens: np.ndarray | None = None
    """Ids [tokens], where lexical blocks want them."""


@dataclass(frozen=True)
class StoredQueries:
    """states float16 [tokens,H] ragged by query, vectors float32 [n,H]."""

    states: Ragged
    vectors: np.ndarray
    tokens: np.ndarray | None = None
    """Ids [tokens], where lexical blocks want them."""


def encode(source: Source, work: Path, log: Log = print, backwards: bool = False) -> None:
    """A second process may start from the other end (`backwards`): two one-thread processes are faster than
    one with two threads, most of all beside other work."""
    encode_depths(source, {source.reading.bottom: work}, log, backwards)


def encode_depths(source: Source, works: Mapping[int, Path], log: Log = print, backwards: bool = False) -> None:
    """Depth → the work folder that gets the states after as many layers, all from one pass. The folders hold the same
    passages and queries."""
    encoder = load_encoder(source)
    tokenizer = load_tokenizer(source.tokenizer_path)
    work = next(iter(works.values()))
    passages = [document_text(p.title, p.text) for p in read_passages(work / "passages.jsonl")]
    queries = [q.text for q in read_queries(work / "queries.jsonl")]
    passage_ids = tokenize(tokenizer, passages, source.reading.document_tokens)
    query_ids = tokenize(tokenizer, queries, source.reading.query_tokens)
    fit_projections(encoder, passage_ids, works, source.reading.wide_dims, log)

    def keep_passage(projection: Projection) -> Keep:
        def keep(states: Tensor, lengths: np.ndarray, vectors: Tensor) -> dict[str, np.ndarray]:
            q, scale = quantize(projection.project(encoder.readable(states)))
            return {"states": flatten(q, lengths), "scales": flatten(scale, lengths),
                    "vectors": dequantize(*quantize(vectors)).numpy()}
        return keep

    def keep_query(states: Tensor, lengths: np.ndarray, vectors: Tensor) -> dict[str, np.ndarray]:
        return {"states": flatten(states.half(), lengths), "vectors": vectors.numpy()}

    asked = [Destination(depth, folder / "queries", keep_query) for depth, folder in works.items()]
    read = [Destination(depth, folder / "passages", keep_passage(load_projection(folder)))
            for depth, folder in works.items()]
    write_parts(encoder, query_ids, asked, QUERIES_PER_PART, backwards, log)
    write_parts(encoder, passage_ids, read, PASSAGES_PER_PART, backwards, log)


def fit_projections(
    encoder: Encoder, ids: list[list[int]], works: Mapping[int, Path], dims: int, log: Log = print
) -> None:
    """Writes work/projection.pt, one a depth. A finished one is left alone."""
    missing = {depth: work / "projection.pt" for depth, work in works.items() if not (work / "projection.pt").exists()}
    if not missing:
        return
    rows = np.random.default_rng(0).choice(len(ids), min(PROJECTION_SAMPLE, len(ids)), replace=False)
    read: dict[int, list[Tensor]] = {depth: [] for depth in missing}
    for _, states, lengths, _ in run_encoder(encoder, list(missing), [ids[row] for row in rows]):
        for depth, one in zip(missing, states, strict=True):
            read[depth].append(torch.from_numpy(flatten(encoder.readable(one), lengths)))
    for depth, path in missing.items():
        tokens, readers = torch.cat(read.pop(depth)), readers_of(encoder.layers[depth:]).cpu()
        half = len(tokens) // 2
        projection = fit_projection(tokens[:half], readers, dims)
        log(f"projection of layer {depth} to {dims}: keeps {explained(projection, tokens[half:], readers):.4f} of what "
            f"the interaction layers read, on {len(tokens) - half} tokens not fitted on")
        write_whole(path, lambda unfinished, made=projection: torch.save(vars(made), unfinished))


def load_projection(work: Path) -> Projection:
    return Projection(**torch.load(work / "projection.pt"))


def run_encoder(
    encoder: Encoder, depths: Sequence[int], ids: list[list[int]]
) -> Iterator[tuple[np.ndarray, list[Tensor], np.ndarray, Tensor]]:
    """Yields (rows, states [n,T,H] float32 of every depth, lengths [n], vectors [n,H]) by length-sorted batches."""
    lengths = np.array([len(row) for row in ids])
    for rows in by_token_budget(lengths, BATCH_TOKENS):
        batch, mask = pad([ids[row] for row in rows])
        with torch.inference_mode(), autocast():
            states, vectors = encoder.read_to(batch, mask, depths)
        yield rows, [one.float().cpu() for one in states], lengths[rows], vectors.float().cpu()


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


@dataclass(frozen=True)
class Destination:
    """Where the states of one depth go, and what is kept of them."""

    depth: int
    folder: Path
    keep: Keep


def write_parts(
    encoder: Encoder, ids: list[list[int]], destinations: Sequence[Destination], rows_per_part: int, backwards: bool,
    log: Log = print,
) -> None:
    """One npz per part, its rows in order; finished parts are left alone."""
    starts = list(range(0, len(ids), rows_per_part))
    what = f"encode {destinations[0].folder.name}"
    for start in progress(starts[::-1] if backwards else starts, what, log):
        name = f"{start:08d}.npz"
        missing = [one for one in destinations if not (one.folder / name).exists()]
        if not missing:
            continue
        part = ids[start : start + rows_per_part]
        kept: list[list[tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]]] = [[] for _ in missing]
        for rows, states, lengths, vectors in run_encoder(encoder, [one.depth for one in missing], part):
            for one, read, batches in zip(missing, states, kept, strict=True):
                batches.append((rows, lengths, one.keep(read, lengths, vectors)))
        for one, batches in zip(missing, kept, strict=True):
            arrays = in_row_order(batches)
            write_whole(one.folder / name, lambda unfinished, arrays=arrays: np.savez(unfinished, **arrays))


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
