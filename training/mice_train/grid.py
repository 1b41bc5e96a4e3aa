"""How many layers below and above, and what they are made of: models trained alike, compared on the same queries.

Every number of bottom layers has a work folder of its own, filled by one pass through the encoder: same passages, same
queries, same candidates. A variant is trained there as `derive` trains. Its last weights are compared, for the held-out
queries that would pick better ones are those that it is compared on.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import onnxruntime

from mice_train.bootstrap import Difference, difference
from mice_train.distil import DistilPlan, distil, load_stored
from mice_train.encode import encode_depths, load_passages
from mice_train.encoder import load_encoder
from mice_train.export import export_interaction, export_query
from mice_train.graph import Compute, SharedWeights, save
from mice_train.graph_session import open_graph
from mice_train.grid_plan import GridPlan, GridVariant
from mice_train.interaction import Interaction
from mice_train.job import Job
from mice_train.metrics import single_ndcg
from mice_train.negatives import find_candidates
from mice_train.prepare import prepare
from mice_train.quantize import MOST
from mice_train.records import read_queries
from mice_train.side_information import TOKEN_ID_BYTES
from mice_train.source import Source
from mice_train.teach import load_candidates, written_sets
from mice_train.teacher_lists import score_lists
from mice_train.timings import DOCUMENT_TOKENS, DOCUMENTS, QUERY_TOKENS, ROUNDS, best_of
from mice_train.train import load_saved
from mice_train.validation import ValidationSet, score_set
from mice_train.whole_file import write_whole

CHECK_QUERIES, CHECK_WINDOW = 20, 10
"""What training looks at on the way: as little as it can, for nothing is picked by it."""

PerQuery = dict[str, dict[str, list[float]]]
"""bm25, cosine, model (nDCG@10) or loss → set → one figure a query. `loss` = −ln of the share that the softmax over the
scores of the window gives to the query's own passage: it also moves where no place changes."""


@dataclass(frozen=True)
class Untrained:
    """A variant as it starts, which is enough to time it."""

    bottom: int
    plan: DistilPlan
    model: Interaction


@dataclass(frozen=True)
class Compared:
    """A trained variant. `tokens` = mean of the documents that were ranked again."""

    bottom: int
    plan: DistilPlan
    pairs: int
    figures: PerQuery
    tokens: float

    @property
    def bytes_per_document(self) -> float:
        """Of states."""
        return self.tokens * (self.plan.form.bytes_per_token + (TOKEN_ID_BYTES if self.plan.block.lexical else 0))


def grid(job: Job, plan: GridPlan) -> None:
    """Writes work/grid/grid.json and grid.md, longer by a row with every variant that is trained. Goes on where it was
    interrupted; only the timings are taken again, for they are comparable within one run."""
    # what does not fit the source is refused here, before anything is encoded
    starts = {variant.name: untrained(job_of(job, plan, variant)) for variant in plan.variants}
    timed = milliseconds(job.source, starts, job.recipe.export.compute)
    when_timed = os.getloadavg()[0]
    fill(job, plan)
    found: dict[str, Compared] = {}
    for variant in plan.variants:
        found[variant.name] = compared(job, plan, job_of(job, plan, variant))
        report(job, found, timed, conditions(job, plan, found, when_timed))


def untrained(one: Job) -> Untrained:
    return Untrained(one.recipe.reading.bottom, one.plan, one.empty_interaction())


def report(job: Job, found: Mapping[str, Compared], timed: Mapping[str, dict[str, float]], stated: dict) -> None:
    base = next(iter(found.values())).figures
    rows = [{"variant": name, "bottom": one.bottom, "blocks": one.plan.blocks, "block": asdict(one.plan.block),
             "pairs": one.pairs, "bytesPerDocument": one.bytes_per_document, **timed[name],
             **{what: {"mean": mean(one.figures[way]), "apart": asdict(apart(one.figures[way], base[way]))}
                for what, way in (("ndcg@10", "model"), ("loss", "loss"))}} for name, one in found.items()]
    content = {"conditions": stated, "rows": rows, "queries": {name: one.figures for name, one in found.items()}}
    table = "\n".join(table_lines(rows)) + "\n"
    for name, text in (("grid.json", json.dumps(content) + "\n"), ("grid.md", table)):
        write_whole(job.work / "grid" / name, lambda path, text=text: path.write_text(text))
    job.log(table)


def folder(job: Job, bottom: int) -> Path:
    return job.work / "grid" / f"l{bottom}"


def job_of(job: Job, plan: GridPlan, variant: GridVariant) -> Job:
    """The recipe as the variant changes it, in the work folder of its bottom."""
    recipe = job.recipe
    bottom = recipe.reading.bottom if variant.bottom is None else variant.bottom
    tokens = min(plan.document_tokens, recipe.reading.document_tokens)
    derive = replace(
        recipe.derive, steps=plan.steps, check_every=plan.steps, check_queries=CHECK_QUERIES, check_window=CHECK_WINDOW,
        blocks=variant.blocks or recipe.derive.blocks, block=variant.block or recipe.derive.block,
        seed=recipe.derive.seed + variant.seed)
    changed = replace(recipe, name=variant.name, derive=derive,
                      reading=replace(recipe.reading, bottom=bottom, document_tokens=tokens))
    return Job(changed, job.data, folder(job, bottom), job.log)


def fill(job: Job, plan: GridPlan) -> None:
    """A work folder for every number of bottom layers; what does not hang on it is made once and copied."""
    first = job_of(job, plan, GridVariant("first"))
    others = [job_of(job, plan, variant) for variant in plan.variants]
    works = {one.recipe.reading.bottom: one.work for one in (first, *others)}
    data = job.recipe.data
    prepare(job.data, first.work, job.sets, job.log, data.queries_per_passage, plan.made_per_style, job.recipe.seed,
            plan.passages)
    for work in works.values():
        copy_missing(first.work, work, "*.jsonl")
    encode_depths(first.source, works, job.log)
    find_candidates(first.work, job.log)
    if job.recipe.derive.taught > 0:
        score_lists(first.source, job.cross_encoder(), first.work, plan.lists, job.recipe.lists.pair_tokens, job.log)
    for work in works.values():
        copy_missing(first.work, work, "candidates.npz")
        copy_missing(first.work, work, "cross-encoder/lists/*.npz")


def copy_missing(source: Path, target: Path, pattern: str) -> None:
    for path in source.glob(pattern):
        other = target / path.relative_to(source)
        if not other.exists():
            write_whole(other, lambda unfinished, path=path: shutil.copyfile(path, unfinished))


def compared(job: Job, plan: GridPlan, one: Job) -> Compared:
    """Trains a variant as far as it is not, and measures it."""
    one.mice_folder.mkdir(exist_ok=True)
    distil(one.source, job.cross_encoder(), one.work, one.recipe.name, one.plan, job.log)
    saved = load_saved(one.mice_folder / "checkpoint.pt")
    model = one.empty_interaction()
    model.load_state_dict(saved["interaction"])
    model.eval().requires_grad_(False)
    sets = written_sets(one.work, load_candidates(one.work), plan.window, plan.queries)
    path = one.mice_folder / "figures.json"
    if not path.exists() or path.stat().st_mtime_ns < (one.mice_folder / "checkpoint.pt").stat().st_mtime_ns:
        figures = figures_of(one, model, sets)
        write_whole(path, lambda unfinished: unfinished.write_text(json.dumps(figures) + "\n"))
    figures = json.loads(path.read_text())
    job.log(f"{one.recipe.name}: nDCG@10 {mean(figures['model']):.4f} (cosine {mean(figures['cosine']):.4f}, BM25 "
            f"{mean(figures['bm25']):.4f}), loss {mean(figures['loss']):.4f}")
    ranked = np.unique(np.concatenate([entry.candidates.ravel() for entry in sets]))
    tokens = float(load_passages(one.work).states.lengths[ranked].mean())
    return Compared(one.recipe.reading.bottom, one.recipe.derive, saved["state"]["pairs"], figures, tokens)


def figures_of(one: Job, model: Interaction, sets: list[ValidationSet]) -> PerQuery:
    passages, queries = load_stored(one.source, one.work, one.plan)
    figures: PerQuery = {"bm25": {}, "cosine": {}, "model": {}, "loss": {}}
    for entry in sets:
        scores, cosines = score_set(model, entry, queries, passages)
        in_order = np.tile(-np.arange(scores.shape[1]), (len(scores), 1))
        for way, by in (("bm25", in_order), ("cosine", cosines), ("model", scores)):
            figures[way][entry.name] = single_ndcg(by, entry.positive).tolist()
        own = scores[np.arange(len(scores)), entry.positive]
        figures["loss"][entry.name] = (np.logaddexp.reduce(scores, 1) - own).tolist()
    return figures


def mean(by_set: Mapping[str, list[float]]) -> float:
    """Each set counts alike."""
    return float(np.mean([np.mean(values) for values in by_set.values()]))


def apart(mine: Mapping[str, list[float]], base: Mapping[str, list[float]]) -> Difference:
    return difference({name: np.array(mine[name]) - np.array(base[name]) for name in base})


def milliseconds(
    source: Source, found: Mapping[str, Untrained], compute: Compute
) -> dict[str, dict[str, float]]:
    """Variant → interactionMs of a window and queryMs of the bottom layers alone, by the exported graphs."""
    with tempfile.TemporaryDirectory() as place:
        graphs = {name: open_graphs(Path(place) / name, source, one, compute) for name, one in found.items()}
        feeds = {name: random_feed(one) for name, one in found.items()}
        ids = np.random.default_rng(1).integers(5, source.shape.vocab, (1, QUERY_TOKENS))
        query = best_of(graphs, lambda pair: pair[1].run(
            ["states"], {"input_ids": ids, "attention_mask": np.ones_like(ids)}))
        both = {name: (graphs[name][0], feeds[name]) for name in found}
        interaction = best_of(both, lambda pair: pair[0].run(["scores"], pair[1]))
    return {name: {"interactionMs": interaction[name], "queryMs": query[name]} for name in found}


def open_graphs(
    place: Path, source: Source, one: Untrained, compute: Compute
) -> tuple[onnxruntime.InferenceSession, onnxruntime.InferenceSession]:
    """→ (interaction, bottom layers)."""
    place.mkdir()
    weights, encoder = SharedWeights(), load_encoder(source)
    encoder.vector_layers = one.bottom
    save(export_interaction(one.model, QUERY_TOKENS, weights, compute), place / "interaction.onnx")
    save(export_query(encoder, one.bottom, QUERY_TOKENS, weights, compute), place / "query.onnx")
    weights.write(place)
    return open_graph(place / "interaction.onnx"), open_graph(place / "query.onnx")


def random_feed(one: Untrained) -> dict[str, np.ndarray]:
    """A window of documents for the interaction graph."""
    rng, most, shape = np.random.default_rng(0), MOST[one.plan.form.dtype], (DOCUMENTS, DOCUMENT_TOKENS)
    hidden = one.model.shape.hidden
    feed = {
        "query_states": rng.standard_normal((QUERY_TOKENS, hidden), np.float32),
        "document_states": rng.integers(-most, most + 1, (*shape, one.plan.form.dims), np.int8),
        "document_scales": rng.random(shape, np.float32) / 50,
        "document_lengths": np.full(DOCUMENTS, DOCUMENT_TOKENS)}
    if one.plan.block.lexical:
        feed |= {"query_tokens": rng.integers(0, 100, QUERY_TOKENS), "document_tokens": rng.integers(0, 100, shape)}
    return feed


def conditions(job: Job, plan: GridPlan, found: Mapping[str, Compared], load: float) -> dict:
    base = next(iter(found.values())).figures
    records = read_queries(folder(job, job.recipe.reading.bottom) / "queries.jsonl")
    return {
        "steps": plan.steps, "trainingQueries": sum(not query.held_out for query in records),
        "documentTokens": min(plan.document_tokens, job.recipe.reading.document_tokens), "window": plan.window,
        "queries": {name: len(values) for name, values in base["model"].items()},
        "bm25": mean(base["bm25"]), "cosine": mean(base["cosine"]),
        "timed": f"{job.recipe.export.compute} graphs, one thread, least of {ROUNDS} turns, load "
                 f"{load:.1f} on {os.cpu_count()} cores; {DOCUMENTS} documents of {DOCUMENT_TOKENS} "
                 f"tokens, query of {QUERY_TOKENS}"}


def table_lines(rows: list[dict]) -> list[str]:
    """Differences from the first row with their 95% intervals."""
    lines = ["| variant | pairs | nDCG@10 | apart | loss | apart | bytes a document | interaction ms | query ms |",
             "|---|---|---|---|---|---|---|---|---|"]
    for row in rows:
        by_way = [f"{row[way]['mean']:.4f} | {Difference(**row[way]['apart']) if row is not rows[0] else ''}".strip()
                  for way in ("ndcg@10", "loss")]
        lines.append(f"| {row['variant']} | {row['pairs']:,} | {by_way[0]} | {by_way[1]} | "
                     f"{row['bytesPerDocument']:,.0f} | {row['interactionMs']:.1f} | {row['queryMs']:.2f} |")
    return lines
