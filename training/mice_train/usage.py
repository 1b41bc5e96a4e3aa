"""How many queries of each training set a run has really seen, for the model card."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np

from mice_train.batches import Candidates, batches
from mice_train.data import TRAINING_SETS
from mice_train.encode import load_parts
from mice_train.records import read_passages, read_queries


def queries_seen(work: Path, count: int) -> dict[str, int]:
    """Distinct queries in the first `count` batches, by training set name."""
    passages, queries = read_passages(work / "passages.jsonl"), read_queries(work / "queries.jsonl")
    lengths = load_parts(work / "queries")["lengths"]
    found = np.load(work / "candidates.npz")
    background = np.array([n for n, p in enumerate(passages) if not p.hidden])
    candidates = Candidates(found["bm25"], found["nearest"], background)
    seen = {example.query for group in islice(batches(queries, lengths, candidates), count) for example in group}
    by_pool = Counter(passages[queries[n].original].pool for n in seen)
    return {entry.name: by_pool.get(entry.pool, 0) for entry in TRAINING_SETS}
