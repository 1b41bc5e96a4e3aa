"""Which checkpoints are understood: one module per family, each with the same three functions.

`shape(config)` reads a configuration or refuses it; `encoder_weights(weights, shape)` and `reader_weights(weights)`
give a checkpoint's tensors under this package's names. A reader's tensors that the checkpoint lacks are left out.
"""

from __future__ import annotations

from types import ModuleType

from mice_train.families import bert, electra, modernbert
from mice_train.refused import Refused

FAMILIES: dict[str, ModuleType] = {"bert": bert, "electra": electra, "modernbert": modernbert}
"""By `model_type` of config.json."""


class UnsupportedCheckpoint(Refused):
    """Says what is accepted."""


def family_of(model_type: str) -> ModuleType:
    """@raises UnsupportedCheckpoint"""
    if model_type not in FAMILIES:
        raise UnsupportedCheckpoint(f"model_type is {model_type!r}; accepted are {', '.join(map(repr, FAMILIES))}")
    return FAMILIES[model_type]
