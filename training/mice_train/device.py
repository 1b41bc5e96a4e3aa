"""Where modules compute: chosen once a process, before anything is loaded."""

from __future__ import annotations

from typing import Literal

import torch

from mice_train.refused import Refused

Name = Literal["auto", "cpu", "cuda"]

_chosen = torch.device("cpu")


def choose(name: Name) -> torch.device:
    """auto: CUDA where there is one. @raises Refused where CUDA is asked for and missing."""
    global _chosen
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise Refused("--device cuda: this PyTorch finds no CUDA device; accepted here are cpu and auto")
    _chosen = torch.device("cuda" if name != "cpu" and there else "cpu")
    return _chosen


def device() -> torch.device:
    return _chosen


def autocast() -> torch.autocast:
    """bfloat16 where it is safe, on the chosen device."""
    return torch.autocast(_chosen.type, torch.bfloat16)
