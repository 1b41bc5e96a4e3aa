"""From a cross-encoder to a bundle: one command per stage, `all` for the whole way. A recipe decides the rest."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import torch

from mice_train import stages
from mice_train.device import choose
from mice_train.graph import InteractionCompute
from mice_train.job import Job
from mice_train.recipe import Recipe, read_recipe
from mice_train.refused import Refused
from mice_train.reporting import log
from mice_train.tiny import write_tiny_bundle

Run = Callable[[Job, argparse.Namespace], None]
STAGES: dict[str, tuple[str, Run]] = {
    "prepare": ("training sets to passages, queries, stored states and hard candidates",
                lambda job, o: stages.run_prepare(job, o.backwards)),
    "train-cross-encoder": ("the cross-encoder that everything is derived from",
                            lambda job, o: stages.run_train_cross_encoder(job)),
    "probe-layers": ("what pooled states of each of its layers are worth as vectors",
                     lambda job, o: stages.run_probe_layers(job)),
    "train-dual": ("dual encoders of several depths, trained alike", lambda job, o: stages.run_train_dual(job)),
    "derive": ("MICE: the interaction layers, taught by the cross-encoder", lambda job, o: stages.run_derive(job)),
    "align-query": ("the fast query encoder, aligned to the document vectors",
                    lambda job, o: stages.run_align_query(job)),
    "frontier": ("quality against bytes a document of the derived model", lambda job, o: stages.run_frontier(job)),
    "grid": ("other numbers of layers and other layers, trained alike on less data",
             lambda job, o: stages.run_grid(job)),
    "export": ("the bundle, held against PyTorch before it is written", lambda job, o: stages.run_export(job, o.out)),
    "export-query": ("the fast query encoder alone, into a bundle that is there",
                     lambda job, o: stages.run_export_query(job, o.out)),
    "timings": ("int8 against float32 graphs, side by side", lambda job, o: stages.run_timings(job)),
    "peers": ("the cross-encoder in PyTorch beside ONNX Runtime and the interaction",
              lambda job, o: stages.run_peers(job)),
    "ranking": ("whether the bundle ranks as with float32 graphs",
                lambda job, o: stages.run_ranking(job, o.out, o.json)),
    "evaluate": ("nDCG@10 of the bundle, and its model card", lambda job, o: stages.run_evaluate(job, o.out, o.json)),
}


def main(arguments: list[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    try:
        run(options)
    except Refused as error:
        sys.exit(f"mice-train: {error}")


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="mice-train", description=__doc__)
    commands = root.add_subparsers(dest="stage", required=True, metavar="STAGE")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--recipe", type=Path, required=True, help="YAML file that describes the bundle")
    shared.add_argument("--data", type=Path, required=True, help="folder with train/ and dev/")
    shared.add_argument("--work", type=Path, required=True, help="folder for what lies between data and bundle")
    shared.add_argument("--out", type=Path, help="the bundle's folder (default: WORK/bundles/NAME)")
    shared.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: auto")
    shared.add_argument("--threads", type=int, default=0, help="default 0: as many as PyTorch takes")
    shared.add_argument("--seed", type=int, help="in place of the recipe's")
    shared.add_argument("--backwards", action="store_true",
                        help="prepare: encode from the last part, beside another process")
    shared.add_argument("--json", type=Path, metavar="FILE", help="evaluate, ranking: write the figures there")
    for name, (does, _) in STAGES.items():
        commands.add_parser(name, parents=[shared], help=does, description=does)
    every = "every stage that the recipe has, in order"
    commands.add_parser("all", parents=[shared], help=every, description=every)
    does = "a bundle of random weights with every graph, for tests"
    tiny = commands.add_parser("tiny-bundle", help=does, description=does)
    tiny.add_argument("--out", type=Path, required=True, help="the bundle's folder")
    tiny.add_argument("--interaction", choices=get_args(InteractionCompute), default="int8-blocks",
                      help="how its interaction computes (default: int8-blocks)")
    return root


def run(options: argparse.Namespace) -> None:
    if options.stage == "tiny-bundle":
        write_tiny_bundle(options.out, interaction=options.interaction)
        return
    if options.threads:
        torch.set_num_threads(options.threads)
    recipe = read_recipe(options.recipe)
    if options.seed is not None:
        recipe = replace(recipe, seed=options.seed)
    options.out = options.out or options.work / "bundles" / recipe.name
    names = stages_of(recipe) if options.stage == "all" else [options.stage]
    for name in names:
        choose(options.device)
        torch.manual_seed(recipe.seed)
        if len(names) > 1:
            log(f"== {name}")
        STAGES[name][1](Job(recipe, options.data, options.work), options)


def stages_of(recipe: Recipe) -> list[str]:
    """Of `all`; comparisons (probe-layers, train-dual, frontier, grid, peers) are run alone."""
    optional = {"train-cross-encoder": recipe.cross_encoder is not None, "align-query": recipe.align is not None}
    order = ("prepare", "train-cross-encoder", "derive", "align-query", "export", "timings", "evaluate")
    return [name for name in order if optional.get(name, True)]
