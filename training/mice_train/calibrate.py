"""The weights of the cosine and of the first stage's rank, chosen on held-out training queries."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mice_train.first_stage import KIND, FirstStage, rank_gain
from mice_train.metrics import single_ndcg
from mice_train.reader import COSINE_WEIGHT
from mice_train.refused import Refused
from mice_train.reporting import Log, progress
from mice_train.validation import ValidationSet

COSINE_FACTORS = (1.0, 1.25, 1.5, 2.0, 3.0)
"""Times the learned weight. Training sees text like its own, where the interaction is worth more than elsewhere."""
RANK_WEIGHTS = np.arange(0, 6.01, 0.25)
EQUAL = 0.003
"""Means of nDCG@10 that another sample of held-out queries could put the other way round. Of equal ones the largest
weight of the first stage is taken, which does what it does on any text; the layers know the text of these sets."""

Score = Callable[[ValidationSet], tuple[np.ndarray, np.ndarray]]
"""→ a model's scores with the cosine, and the cosines, both [q,k] in first-stage order."""


@dataclass(frozen=True)
class Calibration:
    """The model's cosine weight and first stage, and the first stage of COSINE_WEIGHT times the plain cosine."""

    cosine_weight: float
    first_stage: FirstStage
    plain_cosine: FirstStage


def calibrate(score: Score, learned: float, sets: list[ValidationSet], log: Log = print) -> Calibration:
    """The cosine's weight has the best mean nDCG@10 over the sets without the first stage, so that it is right also
    where there is none; the first stages have the largest weight as good as the best. `learned` = the cosine's weight
    in the scores."""
    curves, plain = {}, []
    for entry in progress(sets, "calibrate", log):
        scores, cosines = score(entry)
        curves[entry.name] = np.stack([rank_curve(scores + (factor - 1) * learned * cosines, entry.positive)
                                       for factor in COSINE_FACTORS])
        plain.append(rank_curve(COSINE_WEIGHT * cosines, entry.positive))
    if not curves:
        raise Refused("no set has enough held-out queries to calibrate on; accepted are more queries, or a smaller "
                      "calibration window")
    mean = np.mean(list(curves.values()), axis=0)
    factor = int(mean[:, 0].argmax())
    weight = largest_of_the_best(mean[factor])
    report(curves, mean, factor, weight, log)
    plain_mean = np.mean(plain, axis=0)
    log("mean of the plain cosine by rank weight " + curve(RANK_WEIGHTS, plain_mean))
    return Calibration(learned * COSINE_FACTORS[factor], FirstStage(KIND, float(RANK_WEIGHTS[weight])),
                       FirstStage(KIND, float(RANK_WEIGHTS[largest_of_the_best(plain_mean)])))


def largest_of_the_best(means: np.ndarray) -> int:
    """The last that is EQUAL to the highest."""
    return int(np.flatnonzero(means >= means.max() - EQUAL)[-1])


def rank_curve(scores: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """nDCG@10 at each of RANK_WEIGHTS: scores [q,k] in first-stage order."""
    gain = rank_gain(np.arange(1, scores.shape[1] + 1))
    return np.array([single_ndcg(scores + weight * gain, positive).mean() for weight in RANK_WEIGHTS])


def report(curves: dict[str, np.ndarray], mean: np.ndarray, factor: int, weight: int, log: Log) -> None:
    chosen = (("cosine factor", COSINE_FACTORS, mean[:, 0]), ("rank weight", RANK_WEIGHTS, mean[factor]))
    for what, grid, values in chosen:
        log(f"mean by {what} " + curve(grid, values))
    for name, values in {**curves, "mean": mean}.items():
        log(f"{name}: learned {values[0, 0]:.4f}, cosine calibrated {values[factor, 0]:.4f}, "
            f"with the first stage {values[factor, weight]:.4f}")


def curve(grid: Sequence[float] | np.ndarray, values: np.ndarray) -> str:
    return json.dumps({x: round(v, 4) for x, v in zip(grid, values, strict=True)})
