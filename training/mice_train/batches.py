"""Which queries with which candidates make a batch. Pure and seeded: a step's batch depends on its number only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mice_train.negatives import NONE
from mice_train.records import Query

DOCUMENTS = 8
"""Documents a query: the positive first (where there is one), then negatives."""
FROM_EACH = 3
"""Negatives from each of BM25 and the encoder's nearest; the rest are random."""
QUERY_TOKENS_PER_BATCH = 448
"""Padded query tokens: most of the work is per query token and document."""
MOST_QUERIES = 32
CHUNK = 2048
"""Queries within which batches of similar query length are formed."""
UNLABELLED = 0.1
"""Share of the queries whose candidates need not hold the positive; there only the encoder teaches."""

TEACHER_SHARE = {
    "question": 0.15, "web": 0.15, "keywords-asked": 0.25, "claim": 0.25,
    "sentence": 0.3, "heading": 0.4, "title": 0.4, "keywords": 0.7,
}
"""How much of the target is the encoder's own distribution. High where the label is weak: a heading or a keyword
list fits other passages too."""


@dataclass(frozen=True)
class Example:
    """candidates[0] is the positive unless teacher_share is 1."""

    query: int
    candidates: np.ndarray
    teacher_share: float


@dataclass(frozen=True)
class Candidates:
    """Passage numbers by query, see negatives.py; `background` = passages random negatives come from."""

    bm25: np.ndarray
    nearest: np.ndarray
    background: np.ndarray


def choose(query: int, record: Query, candidates: Candidates, rng: np.random.Generator) -> Example:
    barred = {NONE, record.positive, record.original}
    unlabelled = rng.random() < UNLABELLED
    first = [] if unlabelled else [record.positive]
    taken = list(first)
    for source in (candidates.bm25[query, :12], candidates.nearest[query]):
        free = [c for c in dict.fromkeys(source.tolist()) if c not in barred and c not in taken]
        count = min(FROM_EACH + int(unlabelled), len(free))
        taken.extend(rng.choice(free, count, replace=False).tolist() if count else [])
    while len(taken) < DOCUMENTS:
        other = int(rng.choice(candidates.background))
        if other not in barred and other not in taken:
            taken.append(other)
    share = 1.0 if unlabelled else TEACHER_SHARE[record.style]
    return Example(query, np.array(taken[:DOCUMENTS]), share)


def batches(
    queries: list[Query], lengths: np.ndarray, candidates: Candidates, seed: int = 0
) -> Iterator[list[Example]]:
    """Endless epochs over the training queries; lengths [q] in tokens."""
    training = np.array([n for n, q in enumerate(queries) if not q.held_out])
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(training)
        for start in range(0, len(order), CHUNK):
            groups = by_length(order[start : start + CHUNK], lengths)
            for at in rng.permutation(len(groups)):
                yield [choose(n, queries[n], candidates, rng) for n in groups[at]]


def by_length(rows: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
    order = rows[np.argsort(lengths[rows], kind="stable")]
    groups, start = [], 0
    for at in range(1, len(order) + 1):
        full = at - start >= MOST_QUERIES
        if at == len(order) or full or (at + 1 - start) * lengths[order[at]] > QUERY_TOKENS_PER_BATCH:
            groups.append(order[start:at])
            start = at
    return groups
