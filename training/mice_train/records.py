"""The two records that all data becomes, and their JSON-lines files."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

HELD_OUT_PERCENT = 4
HELD_OUT_POOLS = frozenset({"pubmedqa"})
"""Never trained on: their text is unlike the rest, so they show whether training generalises."""
HELD_OUT_GROUPS = frozenset({"prometheus/docs", "rust-lang/book", "github/opensource.guide"})


@dataclass(frozen=True)
class Passage:
    """`pool` bounds the search for negatives; `group` (article, page, …) is held out as a whole."""

    pool: str
    group: str
    title: str
    text: str
    hidden: bool = False
    """A variant made for one query (a sentence removed): never a candidate of other queries."""


@dataclass(frozen=True)
class Query:
    """`positive` and `original` index the passages; they differ where a variant was made."""

    style: str
    text: str
    positive: int
    original: int
    held_out: bool


def stable_hash(text: str) -> int:
    """The same on every machine and run, unlike hash()."""
    return zlib.crc32(text.encode())


def is_held_out(passage: Passage) -> bool:
    if passage.pool in HELD_OUT_POOLS or passage.group.split("|")[0] in HELD_OUT_GROUPS:
        return True
    return stable_hash("held out " + passage.group) % 100 < HELD_OUT_PERCENT


def write_lines(path: Path, rows: Iterable[Passage | Query]) -> None:
    with path.open("w") as out:
        for row in rows:
            out.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")


def read_passages(path: Path) -> list[Passage]:
    return [Passage(**row) for row in read_lines(path)]


def read_queries(path: Path) -> list[Query]:
    return [Query(**row) for row in read_lines(path)]


def read_lines(path: Path) -> Iterator[dict]:
    with path.open() as lines:
        yield from map(json.loads, lines)
