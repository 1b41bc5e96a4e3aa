"""Stage 1: the training sets → passages.jsonl and queries.jsonl in the work directory."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mice_train.data import TRAINING_SETS, TrainingSet, read_all
from mice_train.records import Passage, is_held_out, write_lines
from mice_train.reporting import Log
from mice_train.styles import make_queries
from mice_train.whole_file import write_whole

QUERIES_PER_PASSAGE = 2
MADE_PER_STYLE = 7000


def prepare(
    data: Path, work: Path, sets: Sequence[TrainingSet] = TRAINING_SETS, log: Log = print,
    per_passage: int = QUERIES_PER_PASSAGE, made_per_style: int = MADE_PER_STYLE, seed: int = 0,
    most: int | None = None,
) -> None:
    """A finished one is left alone: everything later refers to its passages by number. `most` = passages kept at
    most, see `fewer`."""
    if (work / "queries.jsonl").exists():
        return
    rng = random.Random(seed)
    passages: list[Passage] = []
    labelled: list[tuple[int, str, str]] = []
    seen: dict[tuple[str, str], int] = {}
    for passage, queries in read_all(data / "train", sets):
        key = (passage.pool, passage.text)
        if key not in seen:
            seen[key] = len(passages)
            passages.append(passage)
        for style, text in rng.sample(queries, min(per_passage, len(queries))):
            labelled.append((seen[key], style, text))
    if most is not None:
        passages, labelled = fewer(passages, labelled, most, rng)
    passages, made = make_queries(passages, labelled, made_per_style, seed + 1)
    write_whole(work / "passages.jsonl", lambda path: write_lines(path, passages))
    write_whole(work / "queries.jsonl", lambda path: write_lines(path, made))
    pools = Counter(p.pool + (" (variants)" if p.hidden else "") for p in passages)
    styles = Counter(q.style + (" (held out)" if q.held_out else "") for q in made)
    log(f"passages {len(passages)} {dict(pools)}")
    log(f"queries {len(made)} {dict(styles)}")


def fewer(
    passages: list[Passage], labelled: list[tuple[int, str, str]], most: int, rng: random.Random
) -> tuple[list[Passage], list[tuple[int, str, str]]]:
    """At most `most` passages in their order, with their queries: drawn at random, half of them held out where there
    are as many, so that a small sample still has queries to compare by."""
    held_out, free = ([n for n, passage in enumerate(passages) if is_held_out(passage) == which]
                      for which in (True, False))
    compared = rng.sample(held_out, min(most // 2, len(held_out)))
    kept = sorted([*compared, *rng.sample(free, min(most - len(compared), len(free)))])
    number = {old: new for new, old in enumerate(kept)}
    return [passages[n] for n in kept], [(number[n], *rest) for n, *rest in labelled if n in number]
