"""nDCG@10 of a bundle's exported graphs, re-ranking BM25's top 100."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mice_train.bootstrap import Difference, difference
from mice_train.dev_sets import MOST_QUERIES, DevSet, read_dev_sets
from mice_train.first_stage import KIND, FirstStage
from mice_train.metrics import ndcg
from mice_train.ragged import from_lengths
from mice_train.reader import COSINE_WEIGHT
from mice_train.refused import Refused
from mice_train.reporting import Log, progress
from mice_train.runtime import Bundle, EncodedDocuments
from mice_train.whole_file import write_whole

WAYS = ("bm25", "cosine", "mice", "mice+firstStage")
"""What a bundle's card and manifest say."""
BLENDED_COSINE = "cosine+firstStage"
"""The measure of what the interaction adds: COSINE_WEIGHT · cosine + weight · g(rank). COSINE_WEIGHT is the model's
before training, so that the weights of both first stages stand on one scale."""
CROSS_ENCODER = ("crossEncoder", "crossEncoder+firstStage")
"""Measured too where it is asked for."""
PAIRS = (("mice", "cosine"), ("mice+firstStage", BLENDED_COSINE), ("mice", CROSS_ENCODER[0]),
         ("mice+firstStage", CROSS_ENCODER[1]))
"""Compared query by query, where both were measured."""
PerQuery = dict[str, dict[str, dict[str, float]]]
"""Set → way → query → nDCG@10."""
Figures = dict[str, dict[str, float]]
"""Set → way → mean nDCG@10."""


@dataclass(frozen=True)
class Scored:
    """One query: candidate ids in first-stage order with their cosines, model scores and (or None) cross-encoder
    scores [k]."""

    query: str
    candidates: list[str]
    cosine: np.ndarray
    model: np.ndarray
    cross_encoder: np.ndarray | None = None


@dataclass(frozen=True)
class Measure:
    """`cosine_first_stage` = the weight of BLENDED_COSINE's first stage; None: the bundle's own."""

    sets: Sequence[str]
    most_queries: int = MOST_QUERIES
    cosine_first_stage: float | None = None
    cross_encoder: bool = False


def evaluate(directory: Path, data: Path, work: Path, plan: Measure, log: Log = print) -> PerQuery:
    """The first stages are the bundle's. What was encoded is kept in work/dev, so that an interrupted run goes on."""
    bundle = Bundle(directory)
    if plan.cross_encoder and "cross-encoder" not in bundle.sessions:
        raise Refused(f"{directory} has no cross-encoder graph; accepted is evaluate.cross_encoder: false")
    per_query: PerQuery = {}
    for dev in read_dev_sets(data / "dev", plan.sets, plan.most_queries):
        documents = encode_candidates(bundle, dev, work, log)
        per_query[dev.name] = measure(dev, score_queries(bundle, dev, documents, plan.cross_encoder, log),
                                      stages_of(bundle, plan))
        log(dev.name, {way: round(mean_of(found), 4) for way, found in per_query[dev.name].items()})
    return per_query


def stages_of(bundle: Bundle, plan: Measure) -> dict[str, FirstStage]:
    """Of the three scorers that are blended."""
    score = bundle.manifest["score"]
    own = FirstStage(**score["firstStage"])
    stages = {"mice": own, "cosine": own}
    if plan.cosine_first_stage is not None:
        stages["cosine"] = FirstStage(KIND, plan.cosine_first_stage)
    if "crossEncoder" in score:
        stages["crossEncoder"] = FirstStage(**score["crossEncoder"]["firstStage"])
    return stages


def measure(dev: DevSet, scored: Iterable[Scored], stages: dict[str, FirstStage]) -> dict[str, dict[str, float]]:
    """Way → query → nDCG@10."""
    by_way: dict[str, dict[str, float]] = defaultdict(dict)
    for one in scored:
        for way, key in sort_keys(one, stages).items():
            order = np.argsort(-key, kind="stable")
            by_way[way][one.query] = ndcg([one.candidates[n] for n in order], dev.judged[one.query])
    return dict(by_way)


def sort_keys(one: Scored, stages: dict[str, FirstStage]) -> dict[str, np.ndarray]:
    """Way → a number for each candidate, the largest first."""
    ranks = np.arange(1, len(one.candidates) + 1)
    keys = {"bm25": -ranks, "cosine": one.cosine, "mice": one.model,
            "mice+firstStage": one.model + stages["mice"].add(ranks),
            BLENDED_COSINE: COSINE_WEIGHT * one.cosine + stages["cosine"].add(ranks)}
    if one.cross_encoder is not None:
        blended = one.cross_encoder + stages["crossEncoder"].add(ranks)
        keys |= dict(zip(CROSS_ENCODER, (one.cross_encoder, blended), strict=True))
    return keys


def means(per_query: PerQuery, mean_sets: Sequence[str]) -> Figures:
    """With the mean over `mean_sets` under `mean` where all of these were measured."""
    figures = {name: {way: mean_of(found) for way, found in ways.items()} for name, ways in per_query.items()}
    if mean_sets and set(mean_sets) <= set(figures):
        figures["mean"] = {way: float(np.mean([figures[name][way] for name in mean_sets]))
                           for way in figures[mean_sets[0]]}
    return figures


def mean_of(found: dict[str, float]) -> float:
    return float(np.mean(list(found.values())))


def differences(per_query: PerQuery, mean_sets: Sequence[str]) -> dict[str, dict[str, Difference]]:
    """"one - other" of PAIRS → set → difference, with `mean` as in `means`."""
    measured = set.intersection(*(set(ways) for ways in per_query.values()))
    return {f"{one} - {other}": intervals(per_query, one, other, mean_sets) for one, other in PAIRS
            if {one, other} <= measured}


def intervals(per_query: PerQuery, one: str, other: str, mean_sets: Sequence[str]) -> dict[str, Difference]:
    gained = {name: np.array([ways[one][query] - ways[other][query] for query in ways[one]])
              for name, ways in per_query.items()}
    found = {name: difference({name: values}) for name, values in gained.items()}
    if mean_sets and set(mean_sets) <= set(gained):
        found["mean"] = difference({name: gained[name] for name in mean_sets})
    return found


@dataclass(frozen=True)
class Candidates:
    """The encoded documents that queries of one set find, and the row of each."""

    encoded: EncodedDocuments
    rows: dict[str, int]


def score_queries(
    bundle: Bundle, dev: DevSet, documents: Candidates, cross_encoder: bool, log: Log
) -> Iterator[Scored]:
    weights = bundle.manifest["score"]
    for query, text in progress(list(dev.queries.items()), f"score {dev.name}", log):
        candidates = dev.candidates[query]
        encoded, rows = documents.encoded, np.array([documents.rows[c] for c in candidates], int)
        states, vector = bundle.encode_query(text)
        cosine = encoded.vectors[rows] @ vector
        added = bundle.interaction(states, encoded, rows) if len(rows) else np.zeros(0)
        whole = None
        if cross_encoder:
            read = bundle.cross_encode(text, [dev.documents[c] for c in candidates])
            whole = read + weights["crossEncoder"]["cosineWeight"] * cosine
        yield Scored(query, candidates, cosine, added + weights["cosineWeight"] * cosine, whole)


def encode_candidates(bundle: Bundle, dev: DevSet, work: Path, log: Log) -> Candidates:
    """Cached by what the document graph computes: training the interaction leaves it as it is. A sample of another
    size has other documents."""
    wanted = sorted({document for found in dev.candidates.values() for document in found})
    path = work / "dev" / f"{dev.name}-{bundle.probe()}.npz"
    if not path.exists() or len(np.load(path)["lengths"]) != len(wanted):
        log(f"encode {len(wanted)} documents of {dev.name}")
        encoded = bundle.encode_documents([dev.documents[document] for document in wanted])
        write_whole(path, lambda unfinished: np.savez(
            unfinished, states=encoded.states.flat, scales=encoded.scales.flat, lengths=encoded.states.lengths,
            vectors=encoded.vectors))
    arrays = np.load(path)
    encoded = EncodedDocuments(from_lengths(arrays["states"], arrays["lengths"]),
                               from_lengths(arrays["scales"], arrays["lengths"]), arrays["vectors"])
    return Candidates(encoded, {document: row for row, document in enumerate(wanted)})
