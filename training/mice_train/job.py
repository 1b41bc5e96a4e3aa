"""One recipe with its folders, and the models that its stages have made so far."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from mice_train.align import student_of
from mice_train.cross_encoder import CrossEncoder, fresh_cross_encoder
from mice_train.data import TrainingSet, training_sets
from mice_train.distil import DistilPlan
from mice_train.encode import load_projection
from mice_train.encoder import Encoder, load_encoder
from mice_train.interaction import Interaction
from mice_train.projection import Projection
from mice_train.recipe import Recipe
from mice_train.refused import Refused
from mice_train.reporting import Log, log
from mice_train.settings import as_plain
from mice_train.source import Source
from mice_train.stored_form import narrowed
from mice_train.train import load_saved
from mice_train.whole_file import write_whole


@dataclass(frozen=True)
class Job:
    """`data` holds train/ and dev/, `work` takes everything between data and bundle."""

    recipe: Recipe
    data: Path
    work: Path
    log: Log = log

    @cached_property
    def source(self) -> Source:
        """@raises Refused where the work folder holds states of another source, or read in another way."""
        self.hold_reading()
        return self.recipe.open_source()

    def hold_reading(self) -> None:
        path = self.work / "reading.json"
        mine = {"source": self.recipe.source.model, **as_plain(self.recipe.reading)}
        if not path.exists():
            write_whole(path, lambda unfinished: unfinished.write_text(json.dumps(mine, indent=1) + "\n"))
        there = json.loads(path.read_text())
        changed = [f"{key} {there.get(key)!r} and not {value!r}" for key, value in mine.items()
                   if there.get(key) != value]
        if changed:
            raise Refused(f"{self.work} was made with {', '.join(changed)}; accepted is a work folder of its own")

    @property
    def sets(self) -> list[TrainingSet]:
        return training_sets(self.recipe.data.sets, self.recipe.data.own)

    @property
    def plan(self) -> DistilPlan:
        """@raises Refused where the stored form does not fit what the work folder keeps, or a layer the source's."""
        plan, reading, shape = self.recipe.derive, self.recipe.reading, self.source.shape
        if plan.form.dims > reading.wide_dims or plan.form.dims % 2:
            raise Refused(f"derive.form.dims is {plan.form.dims}; accepted is an even number up to "
                          f"{reading.wide_dims}, reading.wide_dims")
        if plan.block.lexical and plan.form.tokens == "merged":
            raise Refused("derive.block.lexical reads the id of every stored token, and derive.form.tokens is merged; "
                          "accepted is one of both")
        if not 0 < plan.blocks <= shape.layers - reading.bottom:
            raise Refused(f"derive.blocks is {plan.blocks}; accepted is 1 to {shape.layers - reading.bottom}, the "
                          f"source's layers above the bottom")
        if plan.block.mlp is not None and not 0 < plan.block.mlp <= shape.intermediate:
            raise Refused(f"derive.block.mlp is {plan.block.mlp}; accepted is 1 to {shape.intermediate}, the units of "
                          f"the source's MLP")
        if plan.block.one_head and plan.form.dims < shape.head_width:
            raise Refused(f"derive.block.one_head reads {shape.head_width} directions and derive.form.dims is "
                          f"{plan.form.dims}; accepted are as many dims or more, or one_head: false")
        return replace(plan, seed=plan.seed + self.recipe.seed)

    @property
    def mice_folder(self) -> Path:
        return self.work / f"mice-{self.recipe.name}"

    def need(self, path: Path, stage: str) -> Path:
        """@raises Refused where a stage before has not been run."""
        if not path.exists():
            raise Refused(f"{path} is missing: run `mice-train {stage}` first")
        return path

    def cross_encoder(self) -> CrossEncoder:
        """The trained one, or the source where it is one already."""
        model = fresh_cross_encoder(self.source, load_encoder(self.source)).requires_grad_(False)
        if self.recipe.cross_encoder is not None:
            path = self.need(self.work / "cross-encoder" / "best.pt", "train-cross-encoder")
            model.load_state_dict(load_saved(path)["model"])
        return model.eval()

    @property
    def has_cross_encoder(self) -> bool:
        return self.recipe.cross_encoder is not None or self.source.scores_pairs

    def projection(self) -> Projection:
        self.need(self.work / "projection.pt", "prepare")
        return narrowed(load_projection(self.work), self.plan.form)

    def empty_interaction(self) -> Interaction:
        """As the plan shapes it, for a checkpoint's weights."""
        plan = self.plan
        return Interaction(self.source.shape, plan.form.dims, plan.blocks, self.source.reading.bottom, plan.block)

    def interaction(self) -> Interaction:
        """The picked checkpoint."""
        path = self.need(self.mice_folder / "best.pt", "derive")
        made = self.empty_interaction()
        made.load_state_dict(load_saved(path)["interaction"])
        return made.eval().requires_grad_(False)

    def query_fast(self) -> Encoder | None:
        plan = self.recipe.align
        if plan is None:
            return None
        folder = self.work / f"align-{'-'.join(map(str, plan.layers))}"
        path = self.need(folder / "student.pt", "align-query")
        student = student_of(load_encoder(self.source), plan.layers)
        student.layers.load_state_dict(load_saved(path)["layers"])
        return student.eval().requires_grad_(False)
