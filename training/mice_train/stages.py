"""The stages between data and bundle. Each goes on where it was interrupted and leaves alone what is finished."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

from mice_train.align import AlignPlan, align_query, held_out
from mice_train.bundle import PairReader, Parts, read_manifest, write_bundle, write_manifest
from mice_train.calibrate import Calibration, calibrate
from mice_train.card import write_card
from mice_train.device import choose
from mice_train.distil import distil, load_stored
from mice_train.dual import train_dual
from mice_train.dual_quality import measure_dual
from mice_train.encode import encode, load_passages, load_queries
from mice_train.encoder import load_encoder
from mice_train.evaluate import WAYS, Measure, differences, evaluate, means
from mice_train.feeds import encoder_texts, interaction_feeds
from mice_train.first_stage import FirstStage
from mice_train.frontier import frontier
from mice_train.graph import Computes
from mice_train.grid import grid
from mice_train.job import Job
from mice_train.negatives import find_candidates
from mice_train.peers import measure_peers
from mice_train.prepare import prepare
from mice_train.probe import probe_layers
from mice_train.publish import publish
from mice_train.query_texts import read_query_texts
from mice_train.ranking import compare_rankings
from mice_train.reader import Reader
from mice_train.refused import Refused
from mice_train.renew import renew_query_fast
from mice_train.runtime import Bundle
from mice_train.teach import load_candidates, load_texts, train_cross_encoder, written_sets
from mice_train.teach import score_set as score_pairs
from mice_train.teacher_lists import score_lists
from mice_train.timings import measure_timings
from mice_train.tolerance import QUERIES, sample_of
from mice_train.usage import training_data
from mice_train.validation import score_set
from mice_train.whole_file import write_whole


def run_prepare(job: Job, backwards: bool = False) -> None:
    """Texts and queries, all of them through the source's frozen encoder, and the hard candidates of every query."""
    plan = job.recipe.data
    job.hold_reading()
    prepare(job.data, job.work, job.sets, job.log, plan.queries_per_passage, plan.made_per_style, job.recipe.seed,
            plan.passages)
    encode(job.source, job.work, job.log, backwards)
    if not backwards:
        find_candidates(job.work, job.log)


def run_train_cross_encoder(job: Job) -> None:
    plan = job.recipe.cross_encoder
    if plan is None:
        raise Refused("the recipe has no cross_encoder section: its source is taken for a cross-encoder as it is")
    job.need(job.work / "candidates.npz", "prepare")
    train_cross_encoder(job.source, job.work, replace(plan, seed=plan.seed + job.recipe.seed), job.log)


def run_probe_layers(job: Job) -> None:
    probe_layers(job.source, job.cross_encoder().encoder, job.data, job.work, list(job.recipe.evaluate.probe), job.log)


def run_train_dual(job: Job) -> None:
    """Every dual encoder of the recipe, and what each is worth."""
    job.need(job.work / "candidates.npz", "prepare")
    if not job.recipe.dual:
        raise Refused("the recipe has no dual section; accepted is a list of dual encoders to train")
    for plan in job.recipe.dual:
        seeded = replace(plan, seed=plan.seed + job.recipe.seed)
        trained = train_dual(job.source, job.cross_encoder().encoder, job.work, seeded, job.log)
        measure_dual(trained, job.source, seeded, job.data, job.work, list(job.recipe.evaluate.probe), job.log)


def run_derive(job: Job) -> None:
    """MICE from the cross-encoder: lists scored by it, the interaction layers, the weights of the final score."""
    job.need(job.work / "candidates.npz", "prepare")
    plan, lists = job.plan, job.recipe.lists
    if plan.taught > 0:
        if not job.has_cross_encoder:
            raise Refused("derive.taught is above 0 without a cross-encoder to learn from; accepted are a "
                          "cross_encoder section, a source with a classification head, and derive.taught: 0")
        score_lists(job.source, job.cross_encoder(), job.work, lists.lists, lists.pair_tokens, job.log)
    job.mice_folder.mkdir(parents=True, exist_ok=True)
    distil(job.source, job.cross_encoder(), job.work, job.recipe.name, plan, job.log)
    calibrate_mice(job)
    if job.recipe.export.cross_encoder:
        calibrate_cross_encoder(job)


def calibrate_mice(job: Job) -> None:
    """Again only where another checkpoint was picked since."""
    chosen, best = job.mice_folder / "calibration.json", job.mice_folder / "best.pt"
    if chosen.exists() and chosen.stat().st_mtime_ns > best.stat().st_mtime_ns:
        return
    passages, queries = load_stored(job.source, job.work, job.plan)
    model, plan = job.interaction(), job.recipe.calibration
    sets = written_sets(job.work, load_candidates(job.work), plan.window, plan.queries)
    learned = model.cosine_weight.item()
    found = calibrate(lambda entry: score_set(model, entry, queries, passages), learned, sets, job.log)
    keep_calibration(found, job.mice_folder)


def calibrate_cross_encoder(job: Job) -> None:
    """Kept beside the cross-encoder, whatever is derived from it."""
    folder, plan, limit = job.work / "cross-encoder", job.recipe.calibration, job.recipe.lists.pair_tokens
    if (folder / "calibration.json").exists():
        return
    texts = load_texts(job.source, job.work, limit, load_passages(job.work), load_queries(job.work))
    model = job.cross_encoder()
    sets = written_sets(job.work, load_candidates(job.work), plan.cross_encoder_window, plan.cross_encoder_queries)
    found = calibrate(lambda entry: score_pairs(model, texts, entry, limit), model.cosine_weight.item(), sets, job.log)
    keep_calibration(found, folder)


def keep_calibration(found: Calibration, folder: Path) -> None:
    chosen = {"cosineWeight": found.cosine_weight, "firstStage": asdict(found.first_stage),
              "plainCosine": {"firstStage": asdict(found.plain_cosine)}}
    write_whole(folder / "calibration.json", lambda path: path.write_text(json.dumps(chosen) + "\n"))


def run_align_query(job: Job) -> None:
    plan = align_plan(job)
    job.work.mkdir(parents=True, exist_ok=True)
    align_query(job.source, job.data, job.work, plan, job.log, job.sets, job.recipe.data.query_files)


def align_plan(job: Job) -> AlignPlan:
    plan = job.recipe.align
    if plan is None:
        raise Refused("the recipe has no align section; accepted is one with the layers of the fast query encoder")
    return replace(plan, seed=plan.seed + job.recipe.seed)


def trained_parts(job: Job, with_feeds: bool = False) -> Parts:
    """What the bundle is made of; computed on the CPU, like the graphs. Feeds where the recipe's form needs them, or in
    any case."""
    choose("cpu")
    recipe, interaction = job.recipe, job.interaction()
    stage = calibrated(job, interaction, job.mice_folder)
    whole = None
    if recipe.export.cross_encoder:
        model = job.cross_encoder()
        whole = PairReader(model, calibrated(job, model, job.work / "cross-encoder"))
    compute = recipe.export.compute
    fixed = isinstance(compute, Computes) and compute.interaction == "int8-fixed"
    feeds = interaction_feeds(job.work, recipe.derive.form) if fixed or with_feeds else []
    form = recipe.derive.form
    return Parts(
        recipe.name, recipe.origin, job.source.tokenizer_path, load_encoder(job.source), recipe.reading.bottom,
        job.projection(), interaction, stage, form.dtype, form.tokens, recipe.limits, recipe.licence,
        training_data(job.work, job.sets), job.query_fast() if recipe.export.query_fast else None, whole, feeds,
        encoder_texts(job.source, job.work))


def calibrated(job: Job, model: Reader, folder: Path) -> FirstStage:
    chosen = json.loads(job.need(folder / "calibration.json", "derive").read_text())
    model.set_cosine_weight(chosen["cosineWeight"])
    return FirstStage(**chosen["firstStage"])


def run_export(job: Job, out: Path) -> None:
    plan = job.recipe.export
    manifest = publish(trained_parts(job), out, sample_of(job.work), plan.compute, plan.accepted)
    job.log(json.dumps(manifest["tolerance"], indent=2))


def run_export_query(job: Job, out: Path) -> None:
    """The fast query encoder alone, into a bundle that is there."""
    align, plan = align_plan(job), job.recipe.export
    job.need(out / "bundle.json", "export")
    choose("cpu")
    student = job.query_fast()
    assert student is not None
    texts = read_query_texts(job.data, align.seed, job.sets, job.recipe.data.query_files)[: align.texts]
    compute = plan.compute.query_fast if isinstance(plan.compute, Computes) else plan.compute
    manifest = renew_query_fast(load_encoder(job.source), student, out, held_out(texts)[:QUERIES], compute,
                                plan.accepted)
    job.log(json.dumps(manifest["tolerance"], indent=2))


def run_timings(job: Job) -> None:
    measure_timings(trained_parts(job, with_feeds=True), job.work, job.log)


def run_peers(job: Job) -> None:
    plan = job.recipe.export
    if not plan.cross_encoder:
        raise Refused("export.cross_encoder is false: there is none to compare; accepted is true")
    measure_peers(trained_parts(job), job.recipe.where(), plan.compute, job.work, job.log)


def run_ranking(job: Job, out: Path, json_file: Path | None = None) -> None:
    """Refuses a bundle that ranks otherwise than with float32 graphs. What was encoded is kept in work/ranking."""
    job.need(out / "bundle.json", "export")
    plan = job.recipe.evaluate
    with tempfile.TemporaryDirectory() as folder:
        write_bundle(trained_parts(job), Path(folder), "float32")
        found = compare_rankings(Bundle(out), Bundle(Path(folder)), job.data, job.work / "ranking",
                                 Measure(plan.sets, plan.ranking_sample), job.log)
    if json_file:
        content = {name: {**asdict(agreement), "same": agreement.same} for name, agreement in found.items()}
        write_whole(json_file, lambda path: path.write_text(json.dumps(content, indent=2) + "\n"))
    moved = [name for name, agreement in found.items() if not agreement.same]
    if moved:
        raise Refused(f"{out} ranks otherwise than float32 graphs on {', '.join(moved)}")


def run_frontier(job: Job) -> None:
    frontier(job.source, job.interaction(), job.work, job.recipe.name, job.recipe.calibration.window,
             job.recipe.calibration.queries, job.log)


def run_grid(job: Job) -> None:
    if job.recipe.grid is None:
        raise Refused("the recipe has no grid section; accepted is one with the variants to compare")
    grid(job, job.recipe.grid)


def run_evaluate(job: Job, out: Path, json_file: Path | None = None) -> None:
    """Also writes the figures into the bundle's manifest and its model card, where the work folder has its run."""
    plan = job.recipe.evaluate
    job.need(out / "bundle.json", "export")
    chosen = job.mice_folder / "calibration.json"
    weight = plan.cosine_first_stage
    if weight is None and chosen.exists():
        weight = json.loads(chosen.read_text())["plainCosine"]["firstStage"]["weight"]
    per_query = evaluate(out, job.data, job.work, Measure(plan.sets, plan.sample, weight, plan.cross_encoder), job.log)
    figures, compared = means(per_query, plan.mean_of), differences(per_query, plan.mean_of)
    if "mean" in figures:
        job.log("mean", {way: round(figure, 4) for way, figure in figures["mean"].items()})
    for pair, by_set in compared.items():
        for name, found in by_set.items():
            job.log(f"{pair} on {name}: {found}")
    if json_file:
        intervals = {pair: {name: asdict(found) for name, found in by_set.items()} for pair, by_set in compared.items()}
        content = json.dumps({"ndcg@10": figures, "differences": intervals, "queries": per_query}) + "\n"
        write_whole(json_file, lambda path: path.write_text(content))
    if not (job.mice_folder / "log.jsonl").exists():
        return
    manifest = read_manifest(out)
    of_bundle = {name: {way: figure for way, figure in ways.items() if way in WAYS or way.startswith("crossEncoder")}
                 for name, ways in figures.items()}
    manifest["quality"] = {"measuredBy": "mice-train evaluate", "ndcg@10": of_bundle}
    write_card(manifest, job, out)
    write_manifest(out, manifest)
