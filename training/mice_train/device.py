"""Where modules compute: chosen once a process, before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
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


def product_type() -> torch.dtype:
    """What is multiplied in: bfloat16 where the chosen device has such products. Other processors emulate them, at a
    fraction of the speed of float32."""
    return torch.bfloat16 if _chosen.type != "cpu" or multiplies_bfloat16() else torch.float32


def autocast() -> torch.autocast:
    return torch.autocast(_chosen.type, torch.bfloat16, enabled=product_type() == torch.bfloat16)


def multiplies_bfloat16(capabilities: Mapping[str, object] | None = None) -> bool:
    """Of this processor, or of one with other `torch.cpu.get_capabilities()`."""
    there = torch.cpu.get_capabilities() if capabilities is None else capabilities
    return any(there.get(name) for name in ("avx512_bf16", "amx_bf16", "arm_bf16"))
