"""Stage 3: hard candidates of every query: what BM25 and the encoder rank high in its pool."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from mice_train.bm25 import Bm25
from mice_train.encode import load_passages, load_queries
from mice_train.records import Passage, Query, read_passages, read_queries
from mice_train.reporting import Log, progress
from mice_train.tokens import document_text
from mice_train.whole_file import write_whole

HARD = 12
"""Candidates kept from each of BM25 and the encoder for training queries."""
WINDOW = 100
"""BM25 candidates of a validation query: what re-ranking sees."""
NONE = -1


def find_candidates(work: Path, log: Log = print) -> None:
    """Writes candidates.npz: bm25 [q,WINDOW], nearest [q,HARD], passage numbers, NONE where there is none. A finished
    one is left alone."""
    if (work / "candidates.npz").exists():
        return
    passages, queries = read_passages(work / "passages.jsonl"), read_queries(work / "queries.jsonl")
    passage_vectors = load_passages(work).vectors
    query_vectors = load_queries(work).vectors
    lexical = np.full((len(queries), WINDOW), NONE, np.int32)
    nearest = np.full((len(queries), HARD), NONE, np.int32)
    for pool, members in progress(list(members_by_pool(passages).items()), "candidates", log):
        index = Bm25([document_text(passages[m].title, passages[m].text) for m in members])
        asking = np.array([n for n, q in enumerate(queries) if passages[q.original].pool == pool])
        for held_out, k in ((False, HARD), (True, WINDOW)):
            rows = np.array([n for n in asking if queries[n].held_out == held_out], int)
            if len(rows) == 0:
                continue
            found, scores = index.top([queries[n].text for n in rows], k)
            lexical[rows, : found.shape[1]] = np.where(scores > 0, members[found], NONE)
        found = top_cosine(query_vectors[asking], passage_vectors[members], min(HARD, len(members)))
        nearest[asking[:, None], np.arange(found.shape[1])] = members[found]
        log(f"candidates in {pool}: {len(members)} passages, {len(asking)} queries")
    for row, query in enumerate(queries):
        variant_stands_in(lexical[row], query)
        variant_stands_in(nearest[row], query)
    write_whole(work / "candidates.npz", lambda path: np.savez(path, bm25=lexical, nearest=nearest))


def variant_stands_in(candidates: np.ndarray, query: Query) -> None:
    """Where a query has its own variant of a passage, that takes the original's place."""
    candidates[candidates == query.original] = query.positive


def members_by_pool(passages: list[Passage]) -> dict[str, np.ndarray]:
    pools = sorted({p.pool for p in passages})
    return {pool: np.array([n for n, p in enumerate(passages) if p.pool == pool and not p.hidden])
            for pool in pools}


def top_cosine(queries: np.ndarray, passages: np.ndarray, k: int) -> np.ndarray:
    """Unit rows [q,H], [n,H] → [q,k] row numbers, best first."""
    out = []
    right = torch.from_numpy(passages).T
    for start in range(0, len(queries), 2048):
        out.append((torch.from_numpy(queries[start : start + 2048]) @ right).topk(k).indices)
    return torch.cat(out).numpy()
