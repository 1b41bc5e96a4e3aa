"""Collections to measure on, each as queries with first-stage candidates and judgements."""

from __future__ import annotations

import csv
import gzip
import json
import random
from dataclasses import dataclass
from pathlib import Path

from mice_train.bm25 import Bm25
from mice_train.data import open_json_lines
from mice_train.tokens import document_text

WINDOW = 100
SAMPLED_QUERIES = {"squad-dev": 1000}
"""Sets too large to score whole: a fixed random sample of this many queries."""
BEIR_SETS = ("squad-dev", "scifact-test", "cookbook-code", "cranfield", "npl-vaswani")
MEAN_OF = ("squad-dev", "scifact-test", "cookbook-code", "trec-dl-2021")
"""The sets whose mean is the headline figure."""


@dataclass(frozen=True)
class DevSet:
    """candidates: query id → document ids, best first; judged: query id → document id → gain."""

    name: str
    queries: dict[str, str]
    documents: dict[str, str]
    candidates: dict[str, list[str]]
    judged: dict[str, dict[str, int]]


def read_dev_sets(root: Path, only: list[str] | None = None) -> list[DevSet]:
    names = only or [*BEIR_SETS, "trec-dl-2021"]
    return [read_trec(root) if name == "trec-dl-2021" else read_beir(root / name) for name in names]


def read_beir(folder: Path) -> DevSet:
    documents = {row["_id"]: document_text(row.get("title", ""), row["text"])
                 for row in open_json_lines(folder / "corpus.jsonl.gz")}
    texts = {row["_id"]: row["text"] for row in open_json_lines(folder / "queries.jsonl.gz")}
    judged: dict[str, dict[str, int]] = {}
    for path in sorted((folder / "qrels").glob("*.tsv")):
        with path.open() as rows:
            for row in csv.DictReader(rows, delimiter="\t"):
                judged.setdefault(row["query-id"], {})[row["corpus-id"]] = int(row["score"])
    asked = sorted(query for query in texts if any(gain > 0 for gain in judged.get(query, {}).values()))
    if folder.name in SAMPLED_QUERIES:
        asked = random.Random(0).sample(asked, SAMPLED_QUERIES[folder.name])
    queries = {query: texts[query] for query in asked}
    ids = list(documents)
    found, scores = Bm25(list(documents.values())).top(list(queries.values()), WINDOW)
    candidates = {query: [ids[n] for n, s in zip(found[at], scores[at], strict=True) if s > 0]
                  for at, query in enumerate(queries)}
    return DevSet(folder.name, queries, documents, candidates, judged)


def read_trec(root: Path) -> DevSet:
    """Candidates are the run stored with the set."""
    with gzip.open(root / "trec-dl-2021-bm25-top100.json.gz", "rt") as file:
        content = json.load(file)
    return DevSet("trec-dl-2021", content["queries"], content["passages"], content["bm25_top100"], content["qrels"])
