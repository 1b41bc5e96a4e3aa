"""What the training stages share: parameter groups, the rate's schedule, the log, checkpoints that are whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol

import torch

from mice_train.device import device
from mice_train.interaction import Interaction
from mice_train.reporting import Log
from mice_train.whole_file import write_whole

SEED_SAMPLE = 128
"""Queries whose states set the starting gain of the cross-attention's norm."""


class Rates(Protocol):
    """Of a plan: the peak rates of trained and of fresh parameters, and the decay of matrices."""

    @property
    def lr(self) -> float: ...
    @property
    def fresh_lr(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...


def optimizer_for(interaction: Interaction, plan: Rates) -> torch.optim.AdamW:
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


def save_whole(content: dict, path: Path) -> None:
    write_whole(path, lambda unfinished: torch.save(content, unfinished))


def load_saved(path: Path) -> dict:
    """On the chosen device, whichever it was saved on."""
    return torch.load(path, map_location=device())


class Progress:
    """The run's log: JSON lines, appended also by a resumed run."""

    def __init__(self, path: Path, log: Log) -> None:
        self.path, self.log = path, log

    def write(self, row: dict) -> None:
        with self.path.open("a") as out:
            out.write(json.dumps(row) + "\n")
        self.log(json.dumps(row))


def rate_at(step: int, steps: int, warm_up: float) -> float:
    """Share of the peak rate: up over the share `warm_up` of the steps, then down to 0 at the end."""
    rising = (step + 1) / max(1, warm_up * steps)
    falling = (steps - step) / max(1, (1 - warm_up) * steps)
    return min(1.0, rising, falling)
