"""Held-out training queries of many styles, re-ranked from BM25: what picks checkpoints and calibrates."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch

from mice_train import pruned
from mice_train.batches import Candidates
from mice_train.collate import collate
from mice_train.device import autocast
from mice_train.encode import StoredPassages, StoredQueries
from mice_train.interaction import Interaction
from mice_train.metrics import single_ndcg
from mice_train.negatives import NONE
from mice_train.records import Passage, Query
from mice_train.refused import Refused

ASKED_STYLES = frozenset({"question", "web", "claim", "keywords-asked", "heading", "title"})
"""What picks checkpoints and calibrates: queries that somebody wrote. For those cut from a passage's own words (shown
all the same) other passages fit as well, and BM25 is stronger than it will be on real queries."""
LEAST_QUERIES = 20
"""Smaller sets are left out of the mean: their figure would be noise."""


@dataclass(frozen=True)
class ValidationSet:
    """One pool and style. candidates [q,k] in first-stage order, positive [q] = column."""

    name: str
    rows: np.ndarray
    candidates: np.ndarray
    positive: np.ndarray


def validation_sets(
    passages: list[Passage], queries: list[Query], candidates: Candidates, window: int, per_set: int
) -> list[ValidationSet]:
    """Only queries whose positive BM25 found within the window: re-ranking cannot change the others."""
    rows: dict[str, list[int]] = defaultdict(list)
    order = np.random.default_rng(0).permutation(len(queries))
    for n in order:
        query, found = queries[n], candidates.bm25[n, :window]
        name = f"{passages[query.original].pool}/{query.style}"
        if query.held_out and query.positive in found and NONE not in found and len(rows[name]) < per_set:
            rows[name].append(n)
    sets = []
    for name, members in sorted(rows.items()):
        if len(members) >= LEAST_QUERIES:
            found = candidates.bm25[members, :window]
            positive = np.array([queries[n].positive for n in members])
            sets.append(ValidationSet(name, np.array(members), found, (found == positive[:, None]).argmax(1)))
    return sets


@torch.inference_mode()
def score_set(
    interaction: Interaction, entry: ValidationSet, queries: StoredQueries, passages: StoredPassages
) -> tuple[np.ndarray, np.ndarray]:
    """→ (model scores, cosines), both [q,k]."""
    scores, cosines = [], []
    order = np.argsort(queries.states.lengths[entry.rows], kind="stable")
    for group in np.array_split(order, max(1, len(order) // 8)):
        batch = collate(entry.rows[group], entry.candidates[group], queries, passages)
        with autocast():
            added = pruned.score(interaction, batch.x, batch.query_mask, batch.z, batch.document_mask, batch.alike)
        scores.append((added.float() + interaction.cosine_weight * batch.cosine).cpu().numpy())
        cosines.append(batch.cosine.cpu().numpy())
    back = np.argsort(order)
    return np.concatenate(scores)[back], np.concatenate(cosines)[back]


def validate(
    interaction: Interaction, sets: list[ValidationSet], queries: StoredQueries, passages: StoredPassages
) -> dict[str, tuple[float, float, float]]:
    """nDCG@10 of (first stage, cosine, model) by set."""
    return {entry.name: set_figures(entry, *score_set(interaction, entry, queries, passages)) for entry in sets}


def set_figures(entry: ValidationSet, scores: np.ndarray, cosines: np.ndarray) -> tuple[float, float, float]:
    """scores, cosines [q,k] → mean nDCG@10 of (first stage, cosine, model)."""
    in_order = np.tile(-np.arange(entry.candidates.shape[1]), (len(entry.rows), 1))
    first, cosine, model = (float(single_ndcg(way, entry.positive).mean()) for way in (in_order, cosines, scores))
    return first, cosine, model


def mean_figure(figures: dict[str, tuple[float, float, float]], way: int = 2) -> float:
    """Mean over the sets of ASKED_STYLES. @raises Refused where there is none to pick a checkpoint by."""
    found = [f[way] for name, f in figures.items() if style_of(name) in ASKED_STYLES]
    if not found:
        raise Refused(f"no set of held-out queries in a style that somebody wrote has {LEAST_QUERIES} whose passage "
                      f"BM25 finds in a full window; accepted are more queries, or a smaller check_window")
    return float(np.mean(found))


def style_of(set_name: str) -> str:
    return set_name.split("/")[1]
