"""What a run was trained on, for the manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mice_train.data import TrainingSet
from mice_train.records import read_passages, read_queries


def training_data(work: Path, sets: Sequence[TrainingSet]) -> list[dict]:
    """Every set with its licence and the queries of it that training draws from: those not held out."""
    passages = read_passages(work / "passages.jsonl")
    asked = Counter(passages[query.original].pool for query in read_queries(work / "queries.jsonl")
                    if not query.held_out)
    return [{"name": entry.name, "licence": entry.licence, "queries": asked[entry.pool]} for entry in sets]
