"""Derives MICE from the trained cross-encoder: its top layers become the interaction layers, trained on its scores and
its last `[CLS]` states, and on the labels."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from mice_train import pruned
from mice_train.batches import CHUNK, batches, by_length
from mice_train.block_form import PLAIN, BlockForm
from mice_train.collate import collate
from mice_train.cross_encoder import CrossEncoder
from mice_train.device import autocast, device
from mice_train.encode import StoredPassages, StoredQueries, load_passages, load_projection, load_queries
from mice_train.interaction import Interaction, seed
from mice_train.loss import listwise_loss, softened_target
from mice_train.projection import Projection
from mice_train.ranks import Ranks
from mice_train.records import read_passages, read_queries
from mice_train.reporting import Log
from mice_train.source import Source
from mice_train.stored_form import StoredForm, narrowed, stored_as
from mice_train.teach import load_candidates
from mice_train.teacher_lists import TeacherLists, load_lists
from mice_train.tokens import document_text, load_tokenizer, tokenize
from mice_train.train import SEED_SAMPLE, Progress, load_saved, optimizer_for, rate_at, save_whole
from mice_train.validation import mean_figure, validate, validation_sets


@dataclass(frozen=True)
class DistilPlan:
    """lr is the peak of a linear warm-up and decay; the head and the cosine's weight get `fresh_lr`."""

    steps: int
    blocks: int = 2
    form: StoredForm = field(default_factory=lambda: StoredForm(120, "int4"))
    block: BlockForm = PLAIN
    taught: float = 0.4
    """Share of the batches whose lists the cross-encoder scored."""
    teacher_weight: float = 0.6
    """In those, the share of the cross-encoder's distribution in the target."""
    hidden_weight: float = 0.3
    """Of the distance between the `[CLS]` states, beside the listwise loss."""
    lr: float = 1.5e-4
    fresh_lr: float = 5e-4
    warm_up: float = 0.05
    weight_decay: float = 0.01
    clip: float = 1.0
    check_every: int = 200
    save_every: int = 100
    log_every: int = 20
    check_queries: int = 40
    check_window: int = 30
    seed: int = 11


@dataclass(frozen=True)
class Group:
    """A batch: rows [B], candidates [B,N], shares [B]; taught ones with the teacher's scores [B,N], cls [B,N,H]."""

    rows: np.ndarray
    candidates: np.ndarray
    shares: np.ndarray
    scores: np.ndarray | None = None
    cls: np.ndarray | None = None


def load_stored(source: Source, work: Path, plan: DistilPlan) -> tuple[StoredPassages, StoredQueries]:
    """What the interaction layers read: stored passages, queries, and token ids where blocks are lexical."""
    passages, queries = stored_as(load_passages(work), plan.form), load_queries(work)
    if not plan.block.lexical:
        return passages, queries
    tokenizer, reading = load_tokenizer(source.tokenizer_path), source.reading
    read = [document_text(p.title, p.text) for p in read_passages(work / "passages.jsonl")]
    asked = [q.text for q in read_queries(work / "queries.jsonl")]
    return (replace(passages, tokens=np.concatenate(tokenize(tokenizer, read, reading.document_tokens))),
            replace(queries, tokens=np.concatenate(tokenize(tokenizer, asked, reading.query_tokens))))


@torch.no_grad()
def derived(
    source: Source, teacher: CrossEncoder, projection: Projection, queries: StoredQueries, blocks: int,
    form: BlockForm = PLAIN,
) -> Interaction:
    """Interaction layers seeded from the cross-encoder's top ones, under its own pooler, head and cosine weight."""
    interaction = Interaction(source.shape, len(projection.down), blocks, source.reading.bottom, form)
    rows = np.random.default_rng(0).choice(len(queries.states), min(SEED_SAMPLE, len(queries.states)), replace=False)
    seed(interaction, source, teacher.encoder, projection,
         [torch.from_numpy(queries.states.row(row).astype(np.float32)) for row in rows])
    for part in ("final_norm", "pooler", "pooler_norm", "head"):
        getattr(interaction, part).load_state_dict(getattr(teacher, part).state_dict())
    interaction.log_cosine_weight.copy_(teacher.log_cosine_weight)
    return interaction.to(device())


def taught_groups(lists: TeacherLists, lengths: np.ndarray, rng_seed: int) -> Iterator[Group]:
    """Endless epochs over the scored lists, in batches of similar query length."""
    rng = np.random.default_rng(rng_seed)
    while True:
        order = rng.permutation(len(lists.rows))
        for start in range(0, len(order), CHUNK):
            part = order[start : start + CHUNK]
            at_row = by_length(np.arange(len(part)), lengths[lists.rows[part]])
            for at in rng.permutation(len(at_row)):
                some = part[at_row[at]]
                yield Group(lists.rows[some], lists.candidates[some], lists.shares[some], lists.scores[some],
                            lists.cls[some])


def mixed_groups(plan: DistilPlan, work: Path, lengths: np.ndarray, lists: TeacherLists | None) -> Iterator[Group]:
    """Labelled batches and taught ones, in a fixed random order."""
    rng = np.random.default_rng(plan.seed)
    labelled = batches(read_queries(work / "queries.jsonl"), lengths, load_candidates(work), plan.seed)
    taught = None if lists is None else taught_groups(lists, lengths, plan.seed)
    while True:
        if taught is not None and rng.random() < plan.taught:
            yield next(taught)
        else:
            some = next(labelled)
            yield Group(np.array([e.query for e in some]), np.stack([e.candidates for e in some]),
                        np.array([e.teacher_share for e in some]))


def hidden_distance(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared difference of `[CLS]` rows [n,H], in units of the teacher's mean square."""
    return (found - wanted).square().mean() / wanted.square().mean()


def distil_step(
    interaction: Interaction, optimizer: torch.optim.Optimizer, group: Group, queries: StoredQueries, passages,
    rate: float, plan: DistilPlan, ranks: Ranks,
) -> tuple[float, int]:
    """→ (loss, pairs)."""
    for options in optimizer.param_groups:
        options["lr"] = options["peak"] * rate
    batch = collate(group.rows, group.candidates, queries, passages)
    # the fused attention's backward pass is slow at a query's few tokens
    with sdpa_kernel(SDPBackend.MATH), autocast():
        cls = pruned.cls_rows(interaction, batch.x, batch.query_mask, batch.z, batch.document_mask, batch.alike)
    cls = cls.float()
    scores = interaction.read(cls).view_as(batch.cosine) + interaction.cosine_weight * batch.cosine
    target = softened_target(batch.cosine, torch.from_numpy(group.shares).float().to(device()))
    if group.scores is not None:
        teacher = torch.from_numpy(group.scores).to(device()).softmax(-1)
        target = (1 - plan.teacher_weight) * target + plan.teacher_weight * teacher
    loss = listwise_loss(scores, target)
    if group.cls is not None:
        wanted = torch.from_numpy(group.cls.astype(np.float32)).to(device()).flatten(0, 1)
        loss = loss + plan.hidden_weight * hidden_distance(cls, wanted)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    ranks.average(p.grad if p.grad is not None else torch.zeros_like(p) for p in interaction.parameters())
    nn.utils.clip_grad_norm_(interaction.parameters(), plan.clip)
    optimizer.step()
    return loss.item(), batch.cosine.numel()


def distil(
    source: Source, teacher: CrossEncoder, work: Path, name: str, plan: DistilPlan, log: Log = print
) -> None:
    """Writes work/mice-<name>/checkpoint.pt (to go on from) and best.pt (best mean on the validation sets)."""
    ranks, folder = Ranks(), work / f"mice-{name}"
    folder.mkdir(exist_ok=True)
    passages, queries = load_stored(source, work, plan)
    records, passage_records = read_queries(work / "queries.jsonl"), read_passages(work / "passages.jsonl")
    checks = validation_sets(passage_records, records, load_candidates(work), plan.check_window, plan.check_queries)
    projection = narrowed(load_projection(work), plan.form)
    interaction = derived(source, teacher, projection, queries, plan.blocks, plan.block)
    optimizer = optimizer_for(interaction, plan)
    lists = load_lists(work) if plan.taught > 0 else None
    progress = Progress(folder / "log.jsonl", log)
    state = {"step": 0, "pairs": 0, "seconds": 0.0, "best": -1.0}
    if (folder / "checkpoint.pt").exists():
        saved = load_saved(folder / "checkpoint.pt")
        interaction.load_state_dict(saved["interaction"])
        optimizer.load_state_dict(saved["optimizer"])
        state = saved["state"]

    def check() -> None:
        figures = ranks.gather(validate(interaction, checks[ranks.rank :: ranks.size], queries, passages))
        if not ranks.leads:
            return
        mean = mean_figure(figures)
        progress.write({"step": state["step"], "validation": figures, "mean": mean, "cosine": mean_figure(figures, 1),
                        "bm25": mean_figure(figures, 0)})
        if mean > state["best"]:
            state["best"] = mean
            save_whole({"interaction": interaction.state_dict(), "step": state["step"],
                        "batches": state["step"] * ranks.size, "mean": mean}, folder / "best.pt")

    if state["step"] == 0:
        check()
    stream = islice(mixed_groups(plan, work, queries.states.lengths, lists), state["step"] * ranks.size + ranks.rank,
                    plan.steps * ranks.size, ranks.size)
    losses: list[float] = []
    for step, group in enumerate(stream, start=state["step"]):
        began = time.monotonic()
        rate = rate_at(step, plan.steps, plan.warm_up)
        loss, pairs = distil_step(interaction, optimizer, group, queries, passages, rate, plan, ranks)
        losses.append(loss)
        state["step"] = step + 1
        state["pairs"] += pairs * ranks.size
        state["seconds"] += time.monotonic() - began
        if state["step"] % plan.log_every == 0 and ranks.leads:
            progress.write({"step": state["step"], "loss": float(np.mean(losses)), "pairs": state["pairs"],
                            "minutes": state["seconds"] / 60, "cosineWeight": interaction.cosine_weight.item()})
            losses.clear()
        if state["step"] % plan.check_every == 0 or state["step"] == plan.steps:
            check()
        if (state["step"] % plan.save_every == 0 or state["step"] == plan.steps) and ranks.leads:
            unfinished = folder / "checkpoint.tmp"
            torch.save({"interaction": interaction.state_dict(), "optimizer": optimizer.state_dict(), "state": state},
                       unfinished)
            unfinished.rename(folder / "checkpoint.pt")
