"""Stage 5: the weight of the first stage's rank, chosen on held-out training queries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from mice_train.batches import Candidates
from mice_train.encode import load_passages, load_queries
from mice_train.first_stage import KIND, FirstStage, rank_gain
from mice_train.interaction import Interaction
from mice_train.metrics import single_ndcg
from mice_train.negatives import WINDOW
from mice_train.records import read_passages, read_queries
from mice_train.reporting import Log
from mice_train.validation import ValidationSet, score_set, validation_sets

STYLES = ("question", "web", "claim", "keywords-asked", "heading")
"""Not the styles cut from the passage's own text: there BM25 is stronger than it will be on real queries."""
WEIGHTS = np.arange(0, 6.01, 0.25)
QUERIES_PER_SET = 60


def calibrate(interaction: Interaction, work: Path, log: Log = print) -> FirstStage:
    """The weight with the best mean nDCG@10 over the sets."""
    passages, queries = load_passages(work), load_queries(work)
    found = np.load(work / "candidates.npz")
    candidates = Candidates(found["bm25"], found["nearest"], np.empty(0))
    sets = [entry for entry in validation_sets(
        read_passages(work / "passages.jsonl"), read_queries(work / "queries.jsonl"), candidates, WINDOW,
        QUERIES_PER_SET) if entry.name.split("/")[1] in STYLES]
    curves = {entry.name: curve(entry, score_set(interaction, entry, queries, passages)[0]) for entry in sets}
    mean = np.mean(list(curves.values()), axis=0)
    for name, values in {**curves, "mean": mean}.items():
        log(f"{name}: {values[0]:.4f} without, best {values.max():.4f} at {WEIGHTS[values.argmax()]}")
    return FirstStage(KIND, float(WEIGHTS[mean.argmax()]))


def curve(entry: ValidationSet, scores: np.ndarray) -> np.ndarray:
    """nDCG@10 at each of WEIGHTS."""
    gain = rank_gain(np.arange(1, scores.shape[1] + 1))
    return np.array([single_ndcg(scores + weight * gain, entry.positive).mean() for weight in WEIGHTS])


def load_best(interaction: Interaction, work: Path) -> int:
    """Loads the picked checkpoint; returns how many batches it had seen."""
    saved = torch.load(work / "best.pt")
    interaction.load_state_dict(saved["interaction"])
    return saved["batches"]
