"""Stage 1: the training sets → passages.jsonl and queries.jsonl in the work directory."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

from mice_train.data import read_all
from mice_train.records import Passage, write_lines
from mice_train.reporting import Log
from mice_train.styles import make_queries

QUERIES_PER_PASSAGE = 2
MADE_PER_STYLE = 7000


def prepare(data: Path, work: Path, log: Log = print) -> None:
    rng = random.Random(0)
    passages: list[Passage] = []
    labelled: list[tuple[int, str, str]] = []
    seen: dict[tuple[str, str], int] = {}
    for passage, queries in read_all(data / "train"):
        key = (passage.pool, passage.text)
        if key not in seen:
            seen[key] = len(passages)
            passages.append(passage)
        for style, text in rng.sample(queries, min(QUERIES_PER_PASSAGE, len(queries))):
            labelled.append((seen[key], style, text))
    passages, made = make_queries(passages, labelled, MADE_PER_STYLE)
    work.mkdir(parents=True, exist_ok=True)
    write_lines(work / "passages.jsonl", passages)
    write_lines(work / "queries.jsonl", made)
    pools = Counter(p.pool + (" (variants)" if p.hidden else "") for p in passages)
    styles = Counter(q.style + (" (held out)" if q.held_out else "") for q in made)
    log(f"passages {len(passages)} {dict(pools)}")
    log(f"queries {len(made)} {dict(styles)}")
