"""Trains the cross-encoder on the labelled lists, held to the encoder's own similarities on all of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from mice_train.batches import Candidates, Example, batches
from mice_train.cross_encoder import CrossEncoder, fresh_cross_encoder
from mice_train.device import autocast, device
from mice_train.encode import StoredPassages, StoredQueries, load_passages, load_queries
from mice_train.encoder import load_encoder
from mice_train.loss import listwise_loss, softened_target
from mice_train.pairs import pair, pair_batches
from mice_train.ranks import Ranks
from mice_train.records import read_passages, read_queries
from mice_train.reporting import Log
from mice_train.source import Source
from mice_train.tokens import document_text, load_tokenizer, tokenize
from mice_train.train import Progress, load_saved, rate_at, save_whole
from mice_train.validation import ASKED_STYLES, ValidationSet, mean_figure, set_figures, style_of, validation_sets

FORWARD_TOKENS = 1536
"""Padded tokens of one forward pass; a step's passes keep their graphs until the step's loss is known."""


@dataclass(frozen=True)
class TeachPlan:
    """lr is the peak of a linear warm-up and decay for the trained layers; fresh parameters get `fresh_lr`."""

    steps: int
    frozen: int = 2
    """Bottom layers that stay as they are, with the embeddings."""
    queries: int = 12
    """Queries a step and rank."""
    documents: int = 6
    """Passages a query."""
    pair_tokens: int = 192
    lr: float = 5e-5
    fresh_lr: float = 1e-3
    warm_up: float = 0.08
    weight_decay: float = 0.01
    clip: float = 1.0
    check_every: int = 250
    save_every: int = 50
    log_every: int = 10
    check_queries: int = 24
    check_window: int = 20
    keep: Literal["best", "last"] = "best"
    """Which check's weights go on: the best one's, or the last one's where the sets are too small to tell."""
    seed: int = 0


@dataclass(frozen=True)
class Texts:
    """What a cross-encoder reads, as `[CLS] … [SEP]` ids, and the vectors whose cosine is a term of its score."""

    queries: list[list[int]]
    passages: list[list[int]]
    query_vectors: np.ndarray
    passage_vectors: np.ndarray

    def cosine(self, rows: np.ndarray, candidates: np.ndarray) -> Tensor:
        """rows [B], candidates [B,N] → [B,N]."""
        found = np.einsum("bh,bnh->bn", self.query_vectors[rows], self.passage_vectors[candidates])
        return torch.from_numpy(found).to(device())


def load_texts(source: Source, work: Path, pair_tokens: int, passages: StoredPassages, queries: StoredQueries) -> Texts:
    tokenizer = load_tokenizer(source.tokenizer_path)
    asked = [q.text for q in read_queries(work / "queries.jsonl")]
    read = [document_text(p.title, p.text) for p in read_passages(work / "passages.jsonl")]
    return Texts(tokenize(tokenizer, asked, source.reading.query_tokens), tokenize(tokenizer, read, pair_tokens),
                 queries.vectors, passages.vectors)


def read_pairs(
    model: CrossEncoder, texts: Texts, rows: np.ndarray, candidates: np.ndarray, limit: int, frozen: int = 0
) -> tuple[Tensor, Tensor]:
    """rows [B], candidates [B,N] → (scores [B,N] with the cosine, last `[CLS]` rows [B,N,H]), float32."""
    count, documents = candidates.shape
    pairs = [pair(texts.queries[row], texts.passages[c], limit)
             for row, some in zip(rows, candidates, strict=True) for c in some]
    order, cls = [], []
    for batch in pair_batches(pairs, FORWARD_TOKENS):
        with autocast():
            cls.append(model.cls(batch.ids, batch.types, batch.mask, frozen))
        order.append(batch.rows)
    back = torch.from_numpy(np.argsort(np.concatenate(order))).to(device())
    last = torch.cat(cls).float()[back]
    added = model.read(last).view(count, documents)
    return added + model.cosine_weight * texts.cosine(rows, candidates), last.view(count, documents, -1)


def fewer(examples: list[Example], documents: int, rng: np.random.Generator) -> np.ndarray:
    """The first candidate of each and a random choice of the others: [B,documents]."""
    chosen = []
    for example in examples:
        others = rng.permutation(len(example.candidates) - 1)[: documents - 1] + 1
        chosen.append(example.candidates[np.concatenate([[0], others])])
    return np.array(chosen)


def optimizer_for(model: CrossEncoder, plan: TeachPlan) -> torch.optim.AdamW:
    """No decay for vectors and scalars; embeddings and frozen layers are left out."""
    trained = [p for layer in model.encoder.layers[plan.frozen :] for p in layer.parameters()]
    fresh = [*model.pooler.parameters(), *model.head.parameters(), model.log_cosine_weight]
    return torch.optim.AdamW([
        {"params": [p for p in trained if p.ndim > 1], "peak": plan.lr, "weight_decay": plan.weight_decay},
        {"params": [p for p in trained if p.ndim == 1], "peak": plan.lr, "weight_decay": 0.0},
        {"params": fresh, "peak": plan.fresh_lr, "weight_decay": 0.0},
    ], betas=(0.9, 0.98))


@torch.inference_mode()
def score_set(
    model: CrossEncoder, texts: Texts, entry: ValidationSet, limit: int
) -> tuple[np.ndarray, np.ndarray]:
    """→ (scores, cosines), both [q,k]."""
    parts = [read_pairs(model, texts, entry.rows[at : at + 8], entry.candidates[at : at + 8], limit)[0]
             for at in range(0, len(entry.rows), 8)]
    return torch.cat(parts).cpu().numpy(), texts.cosine(entry.rows, entry.candidates).cpu().numpy()


def validate(
    model: CrossEncoder, texts: Texts, sets: list[ValidationSet], limit: int
) -> dict[str, tuple[float, float, float]]:
    """nDCG@10 of (first stage, cosine, cross-encoder) by set."""
    return {entry.name: set_figures(entry, *score_set(model, texts, entry, limit)) for entry in sets}


def load_candidates(work: Path) -> Candidates:
    found = np.load(work / "candidates.npz")
    background = np.array([n for n, p in enumerate(read_passages(work / "passages.jsonl")) if not p.hidden])
    return Candidates(found["bm25"], found["nearest"], background)


def written_sets(work: Path, candidates: Candidates, window: int, per_set: int) -> list[ValidationSet]:
    """Validation sets of the queries that somebody wrote."""
    sets = validation_sets(read_passages(work / "passages.jsonl"), read_queries(work / "queries.jsonl"), candidates,
                           window, per_set)
    return [entry for entry in sets if style_of(entry.name) in ASKED_STYLES]


def train_cross_encoder(source: Source, work: Path, plan: TeachPlan, log: Log = print) -> None:
    """Writes work/cross-encoder/checkpoint.pt (to go on from) and best.pt (the check that `keep` says)."""
    ranks, folder = Ranks(), work / "cross-encoder"
    folder.mkdir(exist_ok=True)
    passages, queries = load_passages(work), load_queries(work)
    texts, candidates = load_texts(source, work, plan.pair_tokens, passages, queries), load_candidates(work)
    records = read_queries(work / "queries.jsonl")
    checks = written_sets(work, candidates, plan.check_window, plan.check_queries)
    model = fresh_cross_encoder(source, load_encoder(source)).requires_grad_(False)
    optimizer = optimizer_for(model, plan)
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.requires_grad_(True)
    progress = Progress(folder / "log.jsonl", log)
    state = {"step": 0, "pairs": 0, "seconds": 0.0, "best": -1.0}
    if (folder / "checkpoint.pt").exists():
        saved = load_saved(folder / "checkpoint.pt")
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        state = saved["state"]

    def check() -> None:
        figures = ranks.gather(validate(model, texts, checks[ranks.rank :: ranks.size], plan.pair_tokens))
        if not ranks.leads:
            return
        mean = mean_figure(figures)
        progress.write({"step": state["step"], "validation": figures, "mean": mean, "cosine": mean_figure(figures, 1),
                        "bm25": mean_figure(figures, 0)})
        if mean > state["best"] or plan.keep == "last":
            state["best"] = max(mean, state["best"])
            save_whole({"model": model.state_dict(), "step": state["step"], "mean": mean}, folder / "best.pt")

    if state["step"] == 0:
        check()
    stream = groups(batches(records, queries.states.lengths, candidates, plan.seed), plan.queries)
    mine = islice(stream, state["step"] * ranks.size + ranks.rank, plan.steps * ranks.size, ranks.size)
    losses: list[float] = []
    for step, examples in enumerate(mine, start=state["step"]):
        began = time.monotonic()
        losses.append(teach_step(model, optimizer, texts, examples, step, plan, ranks))
        state["step"] = step + 1
        state["pairs"] += len(examples) * plan.documents * ranks.size
        state["seconds"] += time.monotonic() - began
        if state["step"] % plan.log_every == 0 and ranks.leads:
            progress.write({"step": state["step"], "loss": float(np.mean(losses)), "pairs": state["pairs"],
                            "minutes": state["seconds"] / 60, "cosineWeight": model.cosine_weight.item()})
            losses.clear()
        if state["step"] % plan.check_every == 0 or state["step"] == plan.steps:
            check()
        if (state["step"] % plan.save_every == 0 or state["step"] == plan.steps) and ranks.leads:
            unfinished = folder / "checkpoint.tmp"
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "state": state}, unfinished)
            unfinished.rename(folder / "checkpoint.pt")


def groups(stream, count: int):
    """Batches of any size → lists of exactly `count` examples."""
    held: list[Example] = []
    for some in stream:
        held.extend(some)
        while len(held) >= count:
            yield held[:count]
            held = held[count:]


def teach_step(
    model: CrossEncoder, optimizer: torch.optim.Optimizer, texts: Texts, examples: list[Example], step: int,
    plan: TeachPlan, ranks: Ranks,
) -> float:
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * rate_at(step, plan.steps, plan.warm_up)
    rng = np.random.default_rng([plan.seed, step, ranks.rank])
    rows, candidates = np.array([e.query for e in examples]), fewer(examples, plan.documents, rng)
    scores, _ = read_pairs(model, texts, rows, candidates, plan.pair_tokens, plan.frozen)
    share = torch.tensor([e.teacher_share for e in examples], dtype=torch.float32, device=device())
    loss = listwise_loss(scores, softened_target(texts.cosine(rows, candidates), share))
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    trained = [p for group in optimizer.param_groups for p in group["params"]]
    ranks.average(p.grad for p in trained)
    nn.utils.clip_grad_norm_(trained, plan.clip)
    optimizer.step()
    return loss.item()
