"""Refusing what the modules do not compute, rather than computing something else."""

from __future__ import annotations

from transformers import PreTrainedConfig


def require(config: PreTrainedConfig, **accepted: object) -> None:
    """@raises ValueError where an attribute of the configuration is there and has another value."""
    for name, value in accepted.items():
        found = getattr(config, name, value)
        if found != value:
            raise ValueError(f"{name} is {found!r}; accepted is {value!r}")
