"""Where a stage says how far it is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from tqdm import tqdm

Log = Callable[..., None]
"""Takes what print takes."""
T = TypeVar("T")
SECONDS_BETWEEN_LINES = 30


def log(*what: object) -> None:
    """Above the bar, if there is one."""
    with tqdm.external_write_mode(file=sys.stdout):
        print(*what, flush=True)


def progress(items: Sequence[T], what: str, log: Log) -> Iterator[T]:
    """The items, while it shows how many are done."""
    if sys.stderr.isatty():
        yield from tqdm(items, what, leave=False)
        return
    began = said = time.monotonic()
    for done, item in enumerate(items):
        now = time.monotonic()
        if done and now - said >= SECONDS_BETWEEN_LINES:
            log(f"{what}: {done}/{len(items)}, {(now - began) / done * (len(items) - done):.0f} s left")
            said = now
        yield item
