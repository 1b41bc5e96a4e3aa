"""Stage 4: trains the interaction layers over the stored states; bottom and vectors stay frozen."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from mice_train import pruned
from mice_train.batches import Candidates, Example, batches
from mice_train.collate import Batch, collate
from mice_train.encode import (
    BOTTOM_LAYERS,
    STATE_DIMS,
    StoredQueries,
    load_or_fit_projection,
    load_passages,
    load_queries,
)
from mice_train.encoder import load_encoder
from mice_train.interaction import Interaction, seed
from mice_train.loss import listwise_loss, softened_target
from mice_train.ranks import Ranks
from mice_train.records import read_passages, read_queries
from mice_train.reporting import Log
from mice_train.source import Source
from mice_train.validation import mean_figure, validate, validation_sets

SEED_SAMPLE = 128
"""Queries whose states set the starting gain of the cross-attention's norm."""


@dataclass(frozen=True)
class Plan:
    """lr is the peak of a linear warm-up and decay; fresh parameters get `fresh_lr`."""

    steps: int
    lr: float = 2e-4
    fresh_lr: float = 1e-3
    warm_up: float = 0.05
    weight_decay: float = 0.01
    clip: float = 1.0
    check_every: int = 150
    save_every: int = 100
    log_every: int = 20
    check_queries: int = 40
    check_window: int = 30


def fresh_interaction(source: Source, work: Path, queries: StoredQueries) -> Interaction:
    """Seeded from the backbone, with a zero head."""
    encoder = load_encoder(source)
    projection = load_or_fit_projection(source, encoder, [], work)
    interaction = Interaction(source.shape, STATE_DIMS, source.shape.layers - BOTTOM_LAYERS)
    rows = np.random.default_rng(0).choice(len(queries.states), SEED_SAMPLE, replace=False)
    sample = [torch.from_numpy(queries.states.row(row).astype(np.float32)) for row in rows]
    seed(interaction, source, encoder, projection, sample)
    return interaction


def optimizer_for(interaction: Interaction, plan: Plan) -> torch.optim.AdamW:
    """No decay for vectors and scalars; the fresh head and the cosine's weight learn faster."""
    fresh, matrices, vectors = [], [], []
    for name, parameter in interaction.named_parameters():
        if name.startswith("head.") or name == "log_cosine_weight":
            fresh.append(parameter)
        else:
            (matrices if parameter.ndim > 1 else vectors).append(parameter)
    return torch.optim.AdamW([
        {"params": matrices, "peak": plan.lr, "weight_decay": plan.weight_decay},
        {"params": vectors, "peak": plan.lr, "weight_decay": 0.0},
        {"params": fresh, "peak": plan.fresh_lr, "weight_decay": 0.0},
    ], betas=(0.9, 0.98))


def schedule(step: int, plan: Plan) -> float:
    """Share of the peak rate at a step: up over the warm-up, then down to 0 at the end."""
    rising = (step + 1) / max(1, plan.warm_up * plan.steps)
    falling = (plan.steps - step) / max(1, (1 - plan.warm_up) * plan.steps)
    return min(1.0, rising, falling)


def train_step(
    interaction: Interaction, optimizer: torch.optim.Optimizer, batch: Batch, examples: list[Example], rate: float,
    clip: float, ranks: Ranks,
) -> float:
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * rate
    # the fused attention's backward pass is slow at a query's few tokens
    with sdpa_kernel(SDPBackend.MATH), torch.autocast("cpu", torch.bfloat16):
        added = pruned.score(interaction, batch.x, batch.query_mask, batch.z, batch.document_mask)
    scores = added.float() + interaction.cosine_weight * batch.cosine
    share = torch.tensor([e.teacher_share for e in examples], dtype=torch.float32)
    loss = listwise_loss(scores, softened_target(batch.cosine, share))
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    ranks.average(p.grad for p in interaction.parameters() if p.grad is not None)
    nn.utils.clip_grad_norm_(interaction.parameters(), clip)
    optimizer.step()
    return loss.item()


class Progress:
    """The run's log: JSON lines, appended also by a resumed run."""

    def __init__(self, path: Path, log: Log) -> None:
        self.path, self.log = path, log

    def write(self, row: dict) -> None:
        with self.path.open("a") as out:
            out.write(json.dumps(row) + "\n")
        self.log(json.dumps(row))


def train(source: Source, work: Path, plan: Plan, log: Log = print) -> None:
    """Writes work/checkpoint.pt (to go on from) and work/best.pt (best mean on the validation sets).

    With several ranks a step is one batch of each rank.
    """
    ranks = Ranks()
    passages, queries = load_passages(work), load_queries(work)
    records = read_queries(work / "queries.jsonl")
    passage_records = read_passages(work / "passages.jsonl")
    found = np.load(work / "candidates.npz")
    background = np.array([n for n, p in enumerate(passage_records) if not p.hidden])
    candidates = Candidates(found["bm25"], found["nearest"], background)
    checks = validation_sets(passage_records, records, candidates, plan.check_window, plan.check_queries)
    interaction = fresh_interaction(source, work, queries)
    optimizer = optimizer_for(interaction, plan)
    progress = Progress(work / "train-log.jsonl", log)
    state = {"step": 0, "pairs": 0, "seconds": 0.0, "best": -1.0}
    if (work / "checkpoint.pt").exists():
        saved = torch.load(work / "checkpoint.pt")
        interaction.load_state_dict(saved["interaction"])
        optimizer.load_state_dict(saved["optimizer"])
        state = saved["state"]

    def check(step: int) -> None:
        figures = ranks.gather(validate(interaction, checks[ranks.rank :: ranks.size], queries, passages))
        mean = mean_figure(figures)
        if not ranks.leads:
            return
        progress.write({"step": step, "validation": figures, "mean": mean, "cosine": mean_figure(figures, 1),
                        "bm25": mean_figure(figures, 0)})
        if mean > state["best"]:
            state["best"] = mean
            torch.save({"interaction": interaction.state_dict(), "step": step, "batches": step * ranks.size,
                        "mean": mean}, work / "best.pt")

    if state["step"] == 0:
        check(0)
    everyone = batches(records, queries.states.lengths, candidates)
    stream = islice(everyone, state["step"] * ranks.size + ranks.rank, plan.steps * ranks.size, ranks.size)
    losses: list[float] = []
    for step, examples in enumerate(stream, start=state["step"]):
        began = time.monotonic()
        rows = np.array([e.query for e in examples])
        batch = collate(rows, np.stack([e.candidates for e in examples]), queries, passages)
        losses.append(train_step(interaction, optimizer, batch, examples, schedule(step, plan), plan.clip, ranks))
        state["step"] = step + 1
        state["pairs"] += batch.cosine.numel() * ranks.size
        state["seconds"] += time.monotonic() - began
        if state["step"] % plan.log_every == 0 and ranks.leads:
            progress.write({"step": state["step"], "loss": float(np.mean(losses)), "pairs": state["pairs"],
                            "minutes": state["seconds"] / 60, "cosineWeight": interaction.cosine_weight.item()})
            losses.clear()
        if state["step"] % plan.check_every == 0 or state["step"] == plan.steps:
            check(state["step"])
        if state["step"] % plan.save_every == 0 and ranks.leads:
            unfinished = work / "checkpoint.tmp"
            torch.save({"interaction": interaction.state_dict(), "optimizer": optimizer.state_dict(),
                        "state": state}, unfinished)
            unfinished.rename(work / "checkpoint.pt")
