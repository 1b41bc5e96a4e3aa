"""Collections to measure on, each as queries with first-stage candidates and judgements."""

from __future__ import annotations

import csv
import gzip
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mice_train.bm25 import Bm25
from mice_train.data import open_json_lines
from mice_train.refused import Refused
from mice_train.tokens import document_text

WINDOW = 100
MOST_QUERIES = 1000
"""Of a set with more, a fixed random sample of this many."""
RUN_FILE = "{name}-bm25-top100.json.gz"
"""A set that is one file with its own first stage."""


@dataclass(frozen=True)
class DevSet:
    """candidates: query id → document ids, best first; judged: query id → document id → gain."""

    name: str
    queries: dict[str, str]
    documents: dict[str, str]
    candidates: dict[str, list[str]]
    judged: dict[str, dict[str, int]]


def read_dev_sets(root: Path, names: Sequence[str], most: int = MOST_QUERIES) -> Iterator[DevSet]:
    """One after the other: large collections need not be in memory together."""
    for name in names:
        file = root / RUN_FILE.format(name=name)
        if not (root / name).is_dir() and not file.exists():
            raise Refused(f"{name}: accepted are a folder {root / name} in BEIR layout and a file {file}")
        yield read_run(name, file) if file.exists() else read_beir(root / name, most)


def read_beir(folder: Path, most: int = MOST_QUERIES) -> DevSet:
    documents = {row["_id"]: document_text(row.get("title", ""), row["text"])
                 for row in open_json_lines(folder / "corpus.jsonl.gz")}
    texts = {row["_id"]: row["text"] for row in open_json_lines(folder / "queries.jsonl.gz")}
    judged: dict[str, dict[str, int]] = {}
    for path in sorted((folder / "qrels").glob("*.tsv")):
        with path.open() as rows:
            for row in csv.DictReader(rows, delimiter="\t"):
                judged.setdefault(row["query-id"], {})[row["corpus-id"]] = int(row["score"])
    asked = sorted(query for query in texts if any(gain > 0 for gain in judged.get(query, {}).values()))
    if len(asked) > most:
        asked = random.Random(0).sample(asked, most)
    queries = {query: texts[query] for query in asked}
    ids = list(documents)
    found, scores = Bm25(list(documents.values())).top(list(queries.values()), WINDOW)
    candidates = {query: [ids[n] for n, s in zip(found[at], scores[at], strict=True) if s > 0]
                  for at, query in enumerate(queries)}
    return DevSet(folder.name, queries, documents, candidates, judged)


def read_run(name: str, path: Path) -> DevSet:
    """Candidates are the run stored with the set."""
    with gzip.open(path, "rt") as file:
        content = json.load(file)
    return DevSet(name, content["queries"], content["passages"], content["bm25_top100"], content["qrels"])
