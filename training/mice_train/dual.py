"""Dual encoders trained alike at different depths (arXiv 2502.03552): two layers infused with a cross-encoder's early
ones, against the full depth.

`copied` layers come from the cross-encoder, with its embeddings; the layers above them start fresh.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mice_train.align import vectors_of
from mice_train.device import autocast, device
from mice_train.encode import pad
from mice_train.encoder import Encoder, Layer, make_layer
from mice_train.negatives import NONE
from mice_train.pre_norm import PreNormLayer
from mice_train.ragged import by_token_budget
from mice_train.records import read_passages, read_queries
from mice_train.reporting import Log
from mice_train.source import Source
from mice_train.tokens import document_text, load_tokenizer, tokenize
from mice_train.train import Progress, load_saved, rate_at

SCALE = 20.0
"""What cosines are multiplied with before the softmax."""
INITIAL_SPREAD = 0.02
"""Standard deviation of a fresh layer's matrices (BERT's own)."""


@dataclass(frozen=True)
class DualPlan:
    """lr is the peak of a linear warm-up and decay; fresh layers get `fresh_lr`."""

    name: str
    layers: int
    copied: int
    steps: int = 500
    batch: int = 48
    """Queries a step, each with its passage and one hard negative; all of them are negatives of the others."""
    passage_tokens: int = 128
    lr: float = 5e-5
    fresh_lr: float = 3e-4
    warm_up: float = 0.08
    weight_decay: float = 0.01
    clip: float = 1.0
    log_every: int = 20
    save_every: int = 50
    seed: int = 0


def fresh_dual(source: Source, encoder: Encoder, plan: DualPlan) -> Encoder:
    """`encoder` = the cross-encoder's; every layer from `copied` on is random."""
    torch.manual_seed(plan.seed)
    dual = copy.deepcopy(encoder)
    kept = [copy.deepcopy(layer) for layer in list(encoder.layers)[: plan.copied]]
    fresh = [initialise(make_layer(source.shape, number)) for number in range(plan.copied, plan.layers)]
    dual.layers = nn.ModuleList([*kept, *fresh]).to(device())
    dual.vector_layers = None
    return dual


def initialise(layer: Layer | PreNormLayer) -> Layer | PreNormLayer:
    for module in layer.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=INITIAL_SPREAD)
            nn.init.zeros_(module.bias)
    return layer


def encode_ids(encoder: Encoder, ids: list[list[int]], budget: int = 4096) -> Tensor:
    """→ unit vectors [n,H] in input order, with gradients where they are on."""
    lengths = np.array([len(row) for row in ids])
    order, found = [], []
    for rows in by_token_budget(lengths, budget):
        with autocast():
            found.append(vectors_of(encoder, *pad([ids[row] for row in rows])).float())
        order.append(rows)
    return torch.cat(found)[torch.from_numpy(np.argsort(np.concatenate(order))).to(device())]


def training_pairs(work: Path, plan: DualPlan) -> Iterator[np.ndarray]:
    """Endless batches [batch,3] of (query, passage, hard negative) numbers; no passage twice in a batch."""
    queries = read_queries(work / "queries.jsonl")
    found = np.load(work / "candidates.npz")
    training = np.array([n for n, q in enumerate(queries) if not q.held_out])
    rng = np.random.default_rng(plan.seed)
    held: list[tuple[int, int, int]] = []
    while True:
        for n in rng.permutation(training):
            barred = (NONE, queries[n].positive, queries[n].original)
            hard = [c for c in (*found["bm25"][n][:12], *found["nearest"][n]) if c not in barred]
            taken = {number for row in held for number in row[1:]}
            negative = int(rng.choice(hard)) if hard else int(queries[rng.choice(training)].positive)
            if queries[n].positive in taken or negative in taken:
                continue
            held.append((int(n), queries[n].positive, negative))
            if len(held) == plan.batch:
                yield np.array(held)
                held = []


def train_dual(source: Source, encoder: Encoder, work: Path, plan: DualPlan, log: Log = print) -> Encoder:
    """Trains, or goes on with, work/dual-<name>/checkpoint.pt and gives the trained encoder."""
    folder = work / f"dual-{plan.name}"
    folder.mkdir(exist_ok=True)
    tokenizer = load_tokenizer(source.tokenizer_path)
    asked = [q.text for q in read_queries(work / "queries.jsonl")]
    query_ids = tokenize(tokenizer, asked, source.reading.query_tokens)
    passages = read_passages(work / "passages.jsonl")
    passage_ids = tokenize(tokenizer, [document_text(p.title, p.text) for p in passages], plan.passage_tokens)
    dual = fresh_dual(source, encoder, plan).requires_grad_(False)
    layers = [layer.requires_grad_(True) for layer in dual.layers]
    split = [list(layer.parameters()) for layer in layers]
    optimizer = torch.optim.AdamW([
        {"params": [p for some in split[: plan.copied] for p in some], "peak": plan.lr},
        {"params": [p for some in split[plan.copied :] for p in some], "peak": plan.fresh_lr},
    ], betas=(0.9, 0.98), weight_decay=plan.weight_decay)
    state = {"step": 0, "seconds": 0.0}
    if (folder / "checkpoint.pt").exists():
        saved = load_saved(folder / "checkpoint.pt")
        dual.layers.load_state_dict(saved["layers"])
        optimizer.load_state_dict(saved["optimizer"])
        state = saved["state"]
    progress, losses = Progress(folder / "log.jsonl", log), []
    for step, rows in enumerate(training_pairs(work, plan)):
        if step >= plan.steps:
            return dual.eval()
        if step < state["step"]:
            continue
        began = time.monotonic()
        rate = rate_at(step, plan.steps, plan.warm_up)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        asked = encode_ids(dual, [query_ids[n] for n in rows[:, 0]])
        read = encode_ids(dual, [passage_ids[n] for n in rows[:, 1:].T.reshape(-1)])
        loss = nn.functional.cross_entropy(SCALE * asked @ read.T, torch.arange(len(rows), device=device()))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([p for some in split for p in some], plan.clip)
        optimizer.step()
        losses.append(loss.item())
        state = {"step": step + 1, "seconds": state["seconds"] + time.monotonic() - began}
        if state["step"] % plan.log_every == 0:
            progress.write({"step": state["step"], "loss": float(np.mean(losses)), "minutes": state["seconds"] / 60})
            losses.clear()
        if state["step"] % plan.save_every == 0 or state["step"] == plan.steps:
            unfinished = folder / "checkpoint.tmp"
            torch.save({"layers": dual.layers.state_dict(), "optimizer": optimizer.state_dict(), "state": state},
                       unfinished)
            unfinished.rename(folder / "checkpoint.pt")
    return dual
