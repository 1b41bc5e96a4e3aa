"""Does a bundle rank as it would in float32? Its graphs are put beside the same graphs in float32."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from mice_train.dev_sets import DevSet, read_dev_sets
from mice_train.evaluate import Measure, Scored, encode_candidates, score_queries, stages_of
from mice_train.first_stage import FirstStage
from mice_train.metrics import ndcg
from mice_train.reporting import Log
from mice_train.runtime import Bundle

TOP = 20
MOST_NDCG_MOVED = 0.002
LEAST_TAU = 0.98
"""What counts as the same ranking: nDCG@10 of a set, and the mean Kendall tau of its reference's first TOP."""


@dataclass(frozen=True)
class Order:
    """How a set is ordered, by the score that a search is ordered by (first stage included), and how float32 would."""

    reference: float
    """nDCG@10 in float32."""
    shipped: float
    tau: float
    least_tau: float
    first_kept: float
    """Part of the queries whose first document is the same."""


@dataclass(frozen=True)
class Agreement:
    """Of one set. `encoded`: where documents are encoded in float32 too. The smallest difference there moves a value
    beside a step's edge to the other step of the stored form."""

    queries: int
    stored: Order
    """From the same stored documents: what is asked for."""
    encoded: Order

    @property
    def same(self) -> bool:
        moved = abs(self.stored.shipped - self.stored.reference)
        return moved <= MOST_NDCG_MOVED and self.stored.tau >= LEAST_TAU


def compare_rankings(
    shipped: Bundle, exact: Bundle, data: Path, work: Path, plan: Measure, log: Log = print
) -> dict[str, Agreement]:
    """Set → agreement. What was encoded is kept in work/dev, as `evaluate` keeps it."""
    stage, found = stages_of(shipped, plan)["mice"], {}
    for dev in read_dev_sets(data / "dev", plan.sets, plan.most_queries):
        ours, theirs = (encode_candidates(bundle, dev, work, log) for bundle in (shipped, exact))
        given = list(score_queries(shipped, dev, ours, False, log))
        stored, encoded = (order_of(dev, given, score_queries(exact, dev, documents, False, log), stage)
                           for documents in (ours, theirs))
        found[dev.name] = Agreement(len(given), stored, encoded)
        log(dev.name, "ranks alike" if found[dev.name].same else "RANKS OTHERWISE", asdict(found[dev.name]))
    return found


def order_of(dev: DevSet, shipped: Iterable[Scored], exact: Iterable[Scored], stage: FirstStage) -> Order:
    """Of the same queries in the same order."""
    rows = []
    for ours, theirs in zip(shipped, exact, strict=True):
        first = stage.add(np.arange(1, len(ours.candidates) + 1))
        keys, expected = ours.model + first, theirs.model + first
        order, right = (np.argsort(-key, kind="stable") for key in (keys, expected))
        top = right[:TOP]
        gains = [ndcg([ours.candidates[n] for n in by], dev.judged[ours.query]) for by in (right, order)]
        rows.append([*gains, kendall_tau(keys[top], expected[top]), float((order[:1] == right[:1]).all())])
    reference, gain, tau, kept = np.array(rows).T
    return Order(*(float(x) for x in (reference.mean(), gain.mean(), tau.mean(), tau.min(), kept.mean())))


def kendall_tau(a: np.ndarray, b: np.ndarray) -> float:
    """tau-a of two scores of the same things; 1 for fewer than two."""
    if len(a) < 2:
        return 1.0
    pairs = np.triu_indices(len(a), 1)
    agree = np.sign(np.subtract.outer(a, a)[pairs]) * np.sign(np.subtract.outer(b, b)[pairs])
    return float(agree.mean())
