"""Stage 6: nDCG@10 of a bundle's exported graphs, re-ranking BM25's top 100."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mice_train.dev_sets import MEAN_OF, DevSet, read_dev_sets
from mice_train.first_stage import FirstStage
from mice_train.metrics import ndcg
from mice_train.ragged import from_lengths
from mice_train.reporting import Log
from mice_train.runtime import Bundle, EncodedDocuments

WAYS = ("bm25", "cosine", "mice", "mice+firstStage")
Figures = dict[str, dict[str, float]]
"""Set → way → nDCG@10."""


@dataclass(frozen=True)
class Scored:
    """One query: candidate ids in first-stage order with their cosines and model scores [k]."""

    query: str
    candidates: list[str]
    cosine: np.ndarray
    model: np.ndarray


def evaluate(directory: Path, data: Path, work: Path, only: list[str] | None = None, log: Log = print) -> Figures:
    """Set → way → figure, with the mean over MEAN_OF under `mean` where all of these were measured."""
    bundle = Bundle(directory)
    stage = FirstStage(**bundle.manifest["score"]["firstStage"])
    figures: Figures = {}
    for dev in read_dev_sets(data / "dev", only):
        figures[dev.name] = measure(dev, list(score_queries(bundle, dev, work)), stage)
        log(dev.name, {way: round(figure, 4) for way, figure in figures[dev.name].items()})
    if set(MEAN_OF) <= set(figures):
        figures["mean"] = {way: float(np.mean([figures[name][way] for name in MEAN_OF])) for way in WAYS}
        log("mean", {way: round(figure, 4) for way, figure in figures["mean"].items()})
    return figures


def measure(dev: DevSet, scored: list[Scored], stage: FirstStage) -> dict[str, float]:
    by_way: dict[str, list[float]] = {way: [] for way in WAYS}
    for one in scored:
        ranks = np.arange(1, len(one.candidates) + 1)
        keys = (-ranks, one.cosine, one.model, one.model + stage.add(ranks))
        for way, key in zip(WAYS, keys, strict=True):
            order = np.argsort(-key, kind="stable")
            by_way[way].append(ndcg([one.candidates[n] for n in order], dev.judged[one.query]))
    return {way: float(np.mean(values)) for way, values in by_way.items()}


def score_queries(bundle: Bundle, dev: DevSet, work: Path) -> Iterator[Scored]:
    wanted = sorted({document for found in dev.candidates.values() for document in found})
    encoded = encode_once(bundle, dev, wanted, work)
    row_of = {document: row for row, document in enumerate(wanted)}
    weight = bundle.manifest["score"]["cosineWeight"]
    for query, text in dev.queries.items():
        candidates = dev.candidates[query]
        rows = np.array([row_of[c] for c in candidates], int)
        states, vector = bundle.encode_query(text)
        cosine = encoded.vectors[rows] @ vector
        added = bundle.interaction(states, encoded, rows) if len(rows) else np.zeros(0)
        yield Scored(query, candidates, cosine, added + weight * cosine)


def encode_once(bundle: Bundle, dev: DevSet, wanted: list[str], work: Path) -> EncodedDocuments:
    """Cached by what the document graph computes: training the interaction leaves it as it is."""
    path = work / "dev" / f"{dev.name}-{bundle.probe()}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        encoded = bundle.encode_documents([dev.documents[document] for document in wanted])
        np.savez(path, states=encoded.states.flat, scales=encoded.scales.flat, lengths=encoded.states.lengths,
                 vectors=encoded.vectors)
    arrays = np.load(path)
    return EncodedDocuments(from_lengths(arrays["states"], arrays["lengths"]),
                            from_lengths(arrays["scales"], arrays["lengths"]), arrays["vectors"])
