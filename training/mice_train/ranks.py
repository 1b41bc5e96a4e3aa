"""Training by several one-thread processes on one machine: gradients averaged at every step.

Two threads of one process lose most of their time waiting for each other as soon as anything else runs on the
machine; two processes that meet once a step do not. Started by `torchrun --nproc-per-node N`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor, distributed, nn

Made = TypeVar("Made")
PATIENCE = timedelta(days=1)
"""How long ranks wait for each other: one of them may have hours of texts to encode."""


class Ranks:
    """This process's number among `size` processes; alone without torchrun."""

    def __init__(self) -> None:
        self.size = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        if self.size > 1 and not distributed.is_initialized():
            distributed.init_process_group("gloo", timeout=PATIENCE)

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def wait(self) -> None:
        """Until every rank is here, and has written what it writes."""
        if self.size > 1:
            distributed.barrier()

    def after_lead(self, make: Callable[[], Made]) -> Made:
        """What `make` gives, on the leader first: the others then find what it has written."""
        found = make() if self.leads else None
        self.wait()
        return make() if found is None else found

    def average(self, tensors: Iterable[Tensor]) -> None:
        """In place, as one message."""
        if self.size == 1:
            return
        tensors = list(tensors)
        flat = nn.utils.parameters_to_vector(tensors)
        distributed.all_reduce(flat)
        flat /= self.size
        for tensor, part in zip(tensors, torch.split(flat, [t.numel() for t in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def gather(self, found: dict) -> dict:
        """The union of every rank's dictionary."""
        if self.size == 1:
            return found
        parts: list[dict] = [{} for _ in range(self.size)]
        distributed.all_gather_object(parts, found)
        return {name: part[name] for part in parts for name in part}
