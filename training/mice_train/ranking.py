"""Does a bundle rank as it would in float32? Its graphs are put beside the same graphs in float32."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from mice_train.dev_sets import DevSet, read_dev_sets
from mice_train.evaluate import Measure, Scored, score_queries, stages_of
from mice_train.first_stage import FirstStage
from mice_train.metrics import ndcg
from mice_train.reporting import Log
from mice_train.runtime import Bundle

TOP = 20
MOST_NDCG_MOVED = 0.002
LEAST_TAU = 0.98
"""What counts as the same ranking: nDCG@10 of a set, and the mean Kendall tau of its reference's first TOP."""


@dataclass(frozen=True)
class Agreement:
    """Of one set, by the score that a search is ordered by (first stage included)."""

    queries: int
    reference: float
    """nDCG@10 with float32 graphs."""
    shipped: float
    tau: float
    least_tau: float
    first_kept: float
    """Part of the queries whose first document is the same."""

    @property
    def same(self) -> bool:
        return abs(self.shipped - self.reference) <= MOST_NDCG_MOVED and self.tau >= LEAST_TAU


def compare_rankings(
    shipped: Bundle, exact: Bundle, data: Path, work: Path, plan: Measure, log: Log = print
) -> dict[str, Agreement]:
    """Set → agreement. What was encoded is kept in work/dev, as `evaluate` keeps it."""
    stage, found = stages_of(shipped, plan)["mice"], {}
    for dev in read_dev_sets(data / "dev", plan.sets, plan.most_queries):
        found[dev.name] = agreement(dev, score_queries(shipped, dev, work, False, log),
                                    score_queries(exact, dev, work, False, log), stage)
        log(dev.name, "ranks alike" if found[dev.name].same else "RANKS OTHERWISE", asdict(found[dev.name]))
    return found


def agreement(dev: DevSet, shipped: Iterable[Scored], exact: Iterable[Scored], stage: FirstStage) -> Agreement:
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
    return Agreement(len(rows), *(float(x) for x in (reference.mean(), gain.mean(), tau.mean(), tau.min(),
                                                     kept.mean())))


def kendall_tau(a: np.ndarray, b: np.ndarray) -> float:
    """tau-a of two scores of the same things; 1 for fewer than two."""
    if len(a) < 2:
        return 1.0
    pairs = np.triu_indices(len(a), 1)
    agree = np.sign(np.subtract.outer(a, a)[pairs]) * np.sign(np.subtract.outer(b, b)[pairs])
    return float(agree.mean())
