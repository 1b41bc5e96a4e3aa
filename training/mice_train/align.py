"""A shallow query encoder aligned to the document vectors' encoder (arXiv 2306.11550).

The student is a subset of the teacher's own layers; its loss is the squared distance of the two encoders' unit vectors
of the same query. No documents, labels or negatives. Embeddings stay the teacher's, so a bundle stores them once.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from mice_train.data import TRAINING_SETS, TrainingSet
from mice_train.device import autocast, device
from mice_train.encode import pad
from mice_train.encoder import Encoder, load_encoder
from mice_train.interaction import padding_bias
from mice_train.query_texts import read_query_texts
from mice_train.ragged import by_token_budget
from mice_train.ranks import Ranks
from mice_train.reporting import Log
from mice_train.source import Source
from mice_train.tokens import load_tokenizer, tokenize
from mice_train.train import Progress, load_saved

Text = TypeVar("Text", str, list[int])
TEACHER_TOKENS = 4096
HELD_OUT = 2000
ROUND = 16_384
"""Texts drawn at a time, to be cut into batches of even length."""


@dataclass(frozen=True)
class AlignPlan:
    """lr is the peak of a linear warm-up and decay."""

    minutes: float
    """Wall time of all runs together: the schedule follows the clock, so any machine ends its decay."""
    layers: tuple[int, ...] = (0, 5)
    """The teacher's layers that the student starts from."""
    texts: int = 400_000
    batch_tokens: int = 4096
    """Of a step, of all processes together."""
    lr: float = 5e-4
    warm_up: float = 0.05
    weight_decay: float = 0.01
    clip: float = 1.0
    save_every_minutes: float = 2.0
    seed: int = 0


def student_of(teacher: Encoder, layers: tuple[int, ...]) -> Encoder:
    """The teacher's embeddings and a copy of some of its layers, in this order."""
    student = copy.deepcopy(teacher)
    student.layers = nn.ModuleList(copy.deepcopy(teacher.layers[n]) for n in layers)
    student.vector_layers = None
    return student


def vectors_of(encoder: Encoder, ids: Tensor, mask: Tensor) -> Tensor:
    """ids, mask [B,T] → unit vectors [B,H]."""
    bias = padding_bias(mask)
    with torch.no_grad():
        x = encoder.embed(ids)
    for layer in encoder.layers[: encoder.vector_layers]:
        x = layer(x, bias)
    return encoder.pooled(x, mask)


@torch.inference_mode()
def encode_all(encoder: Encoder, ids: list[list[int]], log: Log = print) -> np.ndarray:
    """→ unit vectors float16 [n,H]."""
    lengths = np.array([len(row) for row in ids])
    groups = by_token_budget(lengths, TEACHER_TOKENS)
    out: np.ndarray | None = None
    for number, rows in enumerate(groups):
        with autocast():
            found = vectors_of(encoder, *pad([ids[row] for row in rows])).float().cpu().numpy()
        if out is None:
            out = np.empty((len(ids), found.shape[1]), np.float16)
        out[rows] = found
        if number % 500 == 499:
            log(f"teacher's vectors: {number + 1}/{len(groups)} batches")
    assert out is not None
    return out


def targets(
    source: Source, teacher: Encoder, texts: list[str], folder: Path, log: Log
) -> tuple[list[list[int]], np.ndarray]:
    """Token ids of the texts and the teacher's vectors of them; the vectors are kept on disk, and those of a run with
    fewer texts are its first ones."""
    ids = tokenize(load_tokenizer(source.tokenizer_path), texts, source.reading.query_tokens)
    path = folder / "teacher.npy"
    known = np.load(path)[: len(ids)] if path.exists() else None
    if known is not None and len(known) == len(ids):
        return ids, known
    fresh = ids if known is None else ids[len(known) :]
    log(f"teacher's vectors of {len(fresh)} texts")
    found = encode_all(teacher, fresh, log)
    wanted = found if known is None else np.concatenate([known, found])
    unfinished = folder / "teacher.tmp.npy"
    np.save(unfinished, wanted)
    unfinished.rename(path)
    return ids, wanted


def held_out(texts: list[Text]) -> list[Text]:
    """Those never trained on, to follow the distance by; a tenth where there are few."""
    return texts[: min(HELD_OUT, len(texts) // 10)]


def align_query(
    source: Source, data: Path, work: Path, plan: AlignPlan, log: Log = print,
    sets: Sequence[TrainingSet] = TRAINING_SETS, files: Sequence[str] = (),
) -> None:
    """Writes work/align-<layers>/student.pt; goes on from it."""
    ranks, teacher = Ranks(), load_encoder(source)
    shared = work / "align"
    shared.mkdir(exist_ok=True)
    texts = read_query_texts(data, plan.seed, sets, files)[: plan.texts]
    ids, wanted = ranks.after_lead(lambda: targets(source, teacher, texts, shared, log))
    folder = work / f"align-{'-'.join(map(str, plan.layers))}"
    folder.mkdir(exist_ok=True)
    student = student_of(teacher, plan.layers)
    trained = [p for layer in student.layers for p in layer.requires_grad_(True).parameters()]
    optimizer = torch.optim.AdamW([
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": plan.weight_decay},
        {"params": [p for p in trained if p.ndim == 1], "weight_decay": 0.0},
    ], lr=plan.lr, betas=(0.9, 0.98))
    state = {"step": 0, "texts": 0, "minutes": 0.0}
    if (folder / "student.pt").exists():
        saved = load_saved(folder / "student.pt")
        student.layers.load_state_dict(saved["layers"])
        optimizer.load_state_dict(saved["optimizer"])
        state = saved["state"]
    progress = Progress(folder / "log.jsonl", log)
    lengths = np.array([len(row) for row in ids])
    followed = held_out(ids)
    learnt = np.arange(len(followed), len(ids))

    def save() -> None:
        unfinished = folder / "student.tmp"
        torch.save({"layers": student.layers.state_dict(), "optimizer": optimizer.state_dict(), "state": state,
                    "plan": vars(plan)}, unfinished)
        unfinished.rename(folder / "student.pt")

    @torch.inference_mode()
    def distance() -> float:
        found = encode_all(student, followed, lambda *_: None).astype(np.float32)
        return float(np.square(found - wanted[:len(followed)]).sum(-1).mean())

    saved_at = state["minutes"]
    losses: list[float] = []
    looked = time.monotonic()
    while state["minutes"] < plan.minutes:
        rng = np.random.default_rng([plan.seed, state["step"]])
        sample = rng.choice(learnt, min(ROUND, len(learnt)), replace=False)
        groups = by_token_budget(lengths[sample], plan.batch_tokens // ranks.size)
        order = np.resize(rng.permutation(len(groups)), -(-len(groups) // ranks.size) * ranks.size)
        for at in order[ranks.rank :: ranks.size]:
            rows = sample[groups[at]]
            share = state["minutes"] / plan.minutes
            rate = min(1.0, (share + 1e-4) / plan.warm_up, max(0.0, 1 - share) / (1 - plan.warm_up))
            for group in optimizer.param_groups:
                group["lr"] = plan.lr * rate
            # the fused attention's backward pass is slow at a query's few tokens
            with sdpa_kernel(SDPBackend.MATH), autocast():
                found = vectors_of(student, *pad([ids[row] for row in rows]))
            goal = torch.from_numpy(wanted[rows].astype(np.float32)).to(device())
            loss = (found.float() - goal).square().sum(-1).mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            # a clock of all: the schedule follows it, and every process stops at the same step
            clock = torch.tensor(state["minutes"] + (time.monotonic() - looked) / 60)
            looked = time.monotonic()
            ranks.average([*(p.grad for p in trained), clock])
            nn.utils.clip_grad_norm_(trained, plan.clip)
            optimizer.step()
            losses.append(loss.item())
            state["step"] += 1
            state["texts"] += len(rows) * ranks.size
            state["minutes"] = clock.item()
            if state["minutes"] >= plan.minutes:
                break
        if state["minutes"] - saved_at >= plan.save_every_minutes or state["minutes"] >= plan.minutes:
            if ranks.leads:
                progress.write({**state, "loss": float(np.mean(losses)), "held out": distance()})
                save()
            ranks.wait()
            losses.clear()
            saved_at = state["minutes"]
            looked = time.monotonic()
