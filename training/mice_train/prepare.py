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
    trained: int | None = None,
) -> None:
    """A finished one is left alone: everything later refers to its passages by number. `trained` = passages to train
    on at most, drawn at random; those that are held out stay all."""
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
    if trained is not None:
        passages, labelled = fewer(passages, labelled, trained, rng)
    passages, made = make_queries(passages, labelled, made_per_style, seed + 1)
    write_whole(work / "passages.jsonl", lambda path: write_lines(path, passages))
    write_whole(work / "queries.jsonl", lambda path: write_lines(path, made))
    pools = Counter(p.pool + (" (variants)" if p.hidden else "") for p in passages)
    styles = Counter(q.style + (" (held out)" if q.held_out else "") for q in made)
    log(f"passages {len(passages)} {dict(pools)}")
    log(f"queries {len(made)} {dict(styles)}")


def fewer(
    passages: list[Passage], labelled: list[tuple[int, str, str]], trained: int, rng: random.Random
) -> tuple[list[Passage], list[tuple[int, str, str]]]:
    """The held-out passages and `trained` others, in their order, with their queries."""
    free = [n for n, passage in enumerate(passages) if not is_held_out(passage)]
    dropped = set(free) - set(rng.sample(free, min(trained, len(free))))
    kept = [n for n in range(len(passages)) if n not in dropped]
    number = {old: new for new, old in enumerate(kept)}
    return [passages[n] for n in kept], [(number[n], *rest) for n, *rest in labelled if n in number]
