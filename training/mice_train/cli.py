"""`python -m mice_train STAGE`: one command per stage, and `all` for the whole way from data to bundle."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import torch

from mice_train.bundle import Origin, Parts, read_manifest, write_manifest
from mice_train.calibrate import calibrate, load_best
from mice_train.card import write_card
from mice_train.data import TRAINING_SETS
from mice_train.encode import BOTTOM_LAYERS, encode, load_or_fit_projection, load_queries
from mice_train.encoder import load_encoder
from mice_train.evaluate import WAYS, differences, evaluate, means
from mice_train.first_stage import FirstStage
from mice_train.negatives import find_candidates
from mice_train.prepare import prepare
from mice_train.publish import publish
from mice_train.source import load_source
from mice_train.timings import measure_timings
from mice_train.tiny import write_tiny_bundle
from mice_train.tolerance import sample_of
from mice_train.train import Plan, fresh_interaction, train
from mice_train.usage import queries_seen

NAME = "minilm-l4-2"
STAGES = ("prepare", "encode", "candidates", "train", "calibrate", "export", "timings", "evaluate")


def main(arguments: list[str] | None = None) -> None:
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["tiny-bundle"]:
        parser = argparse.ArgumentParser(prog="python -m mice_train tiny-bundle")
        parser.add_argument("--out", type=Path, required=True)
        write_tiny_bundle(parser.parse_args(arguments[1:]).out)
        return
    options = parse(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    for stage in STAGES if options.stage == "all" else (options.stage,):
        RUN[stage](options)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m mice_train", description=__doc__)
    parser.add_argument("stage", choices=("all", *STAGES))
    parser.add_argument("--data", type=Path, required=True, help="folder with train/ and dev/")
    parser.add_argument("--work", type=Path, required=True, help="folder for what lies in between")
    parser.add_argument("--out", type=Path, required=True, help="the bundle's folder")
    parser.add_argument("--source", type=Path, help="checkpoint folder (default: the installed package)")
    parser.add_argument("--steps", type=int, default=2400, help="training steps")
    parser.add_argument("--threads", type=int, default=0, help="0: as many as there are cores")
    parser.add_argument("--backwards", action="store_true", help="encode from the last part, beside another process")
    parser.add_argument("--compute", default="int8-blocks", choices=("float32", "int8-blocks", "int8-weights"))
    parser.add_argument("--sets", nargs="*", help="development sets to measure on (default: all)")
    parser.add_argument("--cosine-first-stage", type=float, metavar="WEIGHT",
                        help="evaluate: first stage's weight beside the plain cosine, as `calibrate` prints it "
                             "(default: the bundle's own weight)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="evaluate: write every query's figures there")
    return parser.parse_args(arguments)


def log(*what: object) -> None:
    print(*what, flush=True)


def run_calibrate(options: argparse.Namespace) -> None:
    interaction = fresh_interaction(load_source(options.source), options.work, load_queries(options.work))
    load_best(interaction, options.work)
    found = calibrate(interaction, options.work, log)
    chosen = {"cosineWeight": found.cosine_weight, "firstStage": vars(found.first_stage),
              "plainCosine": {"firstStage": vars(found.plain_cosine)}}
    log(json.dumps(chosen))
    (options.work / "calibration.json").write_text(json.dumps(chosen) + "\n")


def trained_parts(options: argparse.Namespace) -> Parts:
    source, work = load_source(options.source), options.work
    encoder = load_encoder(source)
    projection = load_or_fit_projection(source, encoder, [], work)
    interaction = fresh_interaction(source, work, load_queries(work))
    batches = load_best(interaction, work)
    chosen = json.loads((work / "calibration.json").read_text())
    interaction.set_cosine_weight(chosen["cosineWeight"])
    stage = FirstStage(**chosen["firstStage"])
    seen = queries_seen(work, batches)
    trained_on = [{"name": s.name, "licence": s.licence, "queries": seen.get(s.name, 0)} for s in TRAINING_SETS]
    origin = Origin("sentence-transformers/all-MiniLM-L6-v2", "Apache-2.0")
    return Parts(NAME, origin, source.tokenizer_path, encoder, BOTTOM_LAYERS, projection, interaction, stage,
                 training_data=trained_on)


def run_export(options: argparse.Namespace) -> None:
    manifest = publish(trained_parts(options), options.out, sample_of(options.work), options.compute)
    log(json.dumps(manifest["tolerance"], indent=2))


def run_evaluate(options: argparse.Namespace) -> None:
    per_query = evaluate(options.out, options.data, options.work, options.sets, log, options.cosine_first_stage)
    figures, compared = means(per_query), differences(per_query)
    if "mean" in figures:
        log("mean", {way: round(figure, 4) for way, figure in figures["mean"].items()})
    for pair, by_set in compared.items():
        for name, found in by_set.items():
            log(f"{pair} on {name}: {found}")
    if options.json:
        intervals = {pair: {name: asdict(found) for name, found in by_set.items()} for pair, by_set in compared.items()}
        options.json.write_text(json.dumps({"ndcg@10": figures, "differences": intervals, "queries": per_query}) + "\n")
    manifest = read_manifest(options.out)
    of_bundle = {name: {way: ways[way] for way in WAYS} for name, ways in figures.items()}
    manifest["quality"] = {"measuredBy": "python -m mice_train evaluate", "ndcg@10": of_bundle}
    write_card(manifest, options.data, options.work, options.out)
    write_manifest(options.out, manifest)


RUN = {
    "prepare": lambda o: prepare(o.data, o.work, log),
    "encode": lambda o: encode(load_source(o.source), o.work, log, o.backwards),
    "candidates": lambda o: find_candidates(o.work, log),
    "train": lambda o: train(load_source(o.source), o.work, Plan(o.steps), log),
    "calibrate": run_calibrate,
    "export": run_export,
    "timings": lambda o: measure_timings(trained_parts(o), o.work, log),
    "evaluate": run_evaluate,
}
