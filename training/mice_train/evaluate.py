"""Stage 6: nDCG@10 of a bundle's exported graphs, re-ranking BM25's top 100."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mice_train.bootstrap import Difference, difference
from mice_train.dev_sets import MEAN_OF, DevSet, read_dev_sets
from mice_train.first_stage import KIND, FirstStage
from mice_train.metrics import ndcg
from mice_train.ragged import from_lengths
from mice_train.reader import COSINE_WEIGHT
from mice_train.reporting import Log
from mice_train.runtime import Bundle, EncodedDocuments

WAYS = ("bm25", "cosine", "mice", "mice+firstStage")
"""What a bundle's card and manifest say."""
BLENDED_COSINE = "cosine+firstStage"
"""The measure of what the interaction adds: COSINE_WEIGHT · cosine + weight · g(rank). COSINE_WEIGHT is the model's
before training, so that the weights of both first stages stand on one scale."""
MEASURED = (*WAYS, BLENDED_COSINE)
PAIRS = (("mice", "cosine"), ("mice+firstStage", BLENDED_COSINE))
"""Compared query by query."""
PerQuery = dict[str, dict[str, dict[str, float]]]
"""Set → way → query → nDCG@10."""
Figures = dict[str, dict[str, float]]
"""Set → way → mean nDCG@10."""


@dataclass(frozen=True)
class Scored:
    """One query: candidate ids in first-stage order with their cosines and model scores [k]."""

    query: str
    candidates: list[str]
    cosine: np.ndarray
    model: np.ndarray


def evaluate(
    directory: Path,
    data: Path,
    work: Path,
    only: list[str] | None = None,
    log: Log = print,
    cosine_first_stage: float | None = None,
) -> PerQuery:
    """cosine_first_stage = the weight of BLENDED_COSINE's first stage; None: the bundle's own."""
    bundle = Bundle(directory)
    stage = FirstStage(**bundle.manifest["score"]["firstStage"])
    cosine_stage = stage if cosine_first_stage is None else FirstStage(KIND, cosine_first_stage)
    per_query: PerQuery = {}
    for dev in read_dev_sets(data / "dev", only):
        per_query[dev.name] = measure(dev, score_queries(bundle, dev, work), stage, cosine_stage)
        log(dev.name, {way: round(mean_of(found), 4) for way, found in per_query[dev.name].items()})
    return per_query


def measure(
    dev: DevSet, scored: Iterable[Scored], stage: FirstStage, cosine_stage: FirstStage
) -> dict[str, dict[str, float]]:
    """Way → query → nDCG@10."""
    by_way: dict[str, dict[str, float]] = {way: {} for way in MEASURED}
    for one in scored:
        ranks = np.arange(1, len(one.candidates) + 1)
        keys = (-ranks, one.cosine, one.model, one.model + stage.add(ranks),
                COSINE_WEIGHT * one.cosine + cosine_stage.add(ranks))
        for way, key in zip(MEASURED, keys, strict=True):
            order = np.argsort(-key, kind="stable")
            by_way[way][one.query] = ndcg([one.candidates[n] for n in order], dev.judged[one.query])
    return by_way


def means(per_query: PerQuery) -> Figures:
    """With the mean over MEAN_OF under `mean` where all of these were measured."""
    figures = {name: {way: mean_of(found) for way, found in ways.items()} for name, ways in per_query.items()}
    if set(MEAN_OF) <= set(figures):
        figures["mean"] = {way: float(np.mean([figures[name][way] for name in MEAN_OF])) for way in MEASURED}
    return figures


def mean_of(found: dict[str, float]) -> float:
    return float(np.mean(list(found.values())))


def differences(per_query: PerQuery) -> dict[str, dict[str, Difference]]:
    """"one - other" of PAIRS → set → difference, with `mean` as in `means`."""
    return {f"{one} - {other}": intervals(per_query, one, other) for one, other in PAIRS}


def intervals(per_query: PerQuery, one: str, other: str) -> dict[str, Difference]:
    gained = {name: np.array([ways[one][query] - ways[other][query] for query in ways[one]])
              for name, ways in per_query.items()}
    found = {name: difference({name: values}) for name, values in gained.items()}
    if set(MEAN_OF) <= set(gained):
        found["mean"] = difference({name: gained[name] for name in MEAN_OF})
    return found


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
