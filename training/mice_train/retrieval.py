"""First-stage retrieval by vectors over whole development collections: nDCG@10 and recall@100."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mice_train.dev_sets import DevSet
from mice_train.metrics import ndcg
from mice_train.negatives import top_cosine

DEPTH = 100
Encode = Callable[[list[str]], np.ndarray]
"""Texts → unit vectors float32 [n,H]."""


@dataclass(frozen=True)
class Retrieval:
    """Means over the queries."""

    ndcg: float
    recall: float


def retrieve(dev: DevSet, query_vectors: np.ndarray, document_vectors: np.ndarray) -> Retrieval:
    """query_vectors [q,H] in the order of dev.queries, document_vectors [n,H] in the order of dev.documents."""
    ids = list(dev.documents)
    found = top_cosine(query_vectors, document_vectors, min(DEPTH, len(ids)))
    gains, recalls = [], []
    for query, rows in zip(dev.queries, found, strict=True):
        ranking, judged = [ids[row] for row in rows], dev.judged[query]
        relevant = {document for document, gain in judged.items() if gain > 0}
        gains.append(ndcg(ranking, judged))
        recalls.append(len(relevant.intersection(ranking)) / len(relevant))
    return Retrieval(float(np.mean(gains)), float(np.mean(recalls)))
