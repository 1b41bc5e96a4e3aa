"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """`write` gets a path of this process's own beside `path`, with the same ending, which then takes its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        write(unfinished)
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
