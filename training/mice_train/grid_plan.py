"""What `mice-train grid` compares: models that differ in their layers, trained for as many pairs on the same data."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mice_train.block_form import BlockForm


@dataclass(frozen=True)
class GridVariant:
    """One model. What it leaves out is as in the recipe's `reading` and `derive`."""

    name: str
    bottom: int | None = None
    blocks: int | None = None
    block: BlockForm | None = None
    seed: int = 0
    """Added to the others' seed: two variants that differ in nothing else show what chance alone does."""


@dataclass(frozen=True)
class GridPlan:
    """Differences are from the first variant."""

    variants: tuple[GridVariant, ...]
    steps: int = 200
    passages: int = 10_000
    """At most; half of them held out where there are as many."""
    made_per_style: int = 1000
    document_tokens: int = 128
    """Read of a document, where the recipe's `reading` reads more."""
    lists: int = 256
    """Scored by the cross-encoder."""
    queries: int = 80
    """Held out, of each set of written queries at most."""
    window: int = 30
    """Passages from BM25 that are ranked again."""

    def __post_init__(self) -> None:
        names = [variant.name for variant in self.variants]
        strange = [name for name in names if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name) or names.count(name) > 1]
        if strange:
            raise ValueError(f"a variant's name is {strange[0]!r}; accepted are names of lower-case letters, digits, "
                             f"dots and dashes, each of its own")
        if not names:
            raise ValueError("variants is empty; accepted is at least one")
