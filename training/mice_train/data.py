"""The training sets: each reader yields (passage, labelled queries of it).

The sets known by name are those whose licence lets the weights be shipped. `OwnSet` reads any other in BEIR layout.
"""

from __future__ import annotations

import csv
import gzip
import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mice_train.records import Passage

Labelled = tuple[Passage, list[tuple[str, str]]]
"""A passage and its queries as (style, text)."""

SELQA_WINDOW = 6
"""Sentences a passage is made of in SelQA, whose answers are single sentences."""


@dataclass(frozen=True)
class TrainingSet:
    """A set's name, its pool, its licence, and how many passages are drawn from it (None: all)."""

    name: str
    pool: str
    licence: str
    passages: int | None
    read: Callable[[Path], Iterator[Labelled]]


def open_json_lines(path: Path) -> Iterator[dict]:
    """`path` ends in .gz; the same without it is read where only that is there."""
    plain = path.with_suffix("")
    with plain.open() if plain.exists() and not path.exists() else gzip.open(path, "rt") as lines:
        yield from map(json.loads, lines)


def load_json(path: Path) -> list | dict:
    with gzip.open(path, "rt") as file:
        return json.load(file)


def read_squad(root: Path) -> Iterator[Labelled]:
    folder = root / "squad-train"
    questions = {row["_id"]: row["text"] for row in open_json_lines(folder / "queries.jsonl.gz")}
    asked: dict[str, list[tuple[str, str]]] = defaultdict(list)
    with (folder / "qrels" / "train.tsv").open() as judgements:
        for row in csv.DictReader(judgements, delimiter="\t"):
            asked[row["corpus-id"]].append(("question", questions[row["query-id"]]))
    for row in open_json_lines(folder / "corpus.jsonl.gz"):
        # every second passage without its title: indices differ in whether they have one
        title = row["title"] if len(row["text"]) % 2 else ""
        yield Passage("squad", row["title"], title, row["text"]), asked[row["_id"]]


def read_medquad(root: Path) -> Iterator[Labelled]:
    for row in open_json_lines(root / "medquad.jsonl.gz"):
        if len(row["a"].split()) >= 8:
            question = row["q"].strip().removesuffix(" ?").replace(" (are)", "") + "?"
            yield Passage("medquad", row["focus"], "", row["a"]), [("question", question)]


def read_nq(root: Path) -> Iterator[Labelled]:
    asked: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for row in open_json_lines(root / "nq-open-oracle.jsonl.gz"):
        gold = row["ctxs"][0]
        asked[gold["title"], gold["text"]].append(("web", row["question"]))
    for (title, text), queries in asked.items():
        yield Passage("nq", title, title, text), queries


def read_pubmedqa(root: Path) -> Iterator[Labelled]:
    abstracts = load_json(root / "pubmedqa.json.gz")
    assert isinstance(abstracts, dict)
    for number, row in abstracts.items():
        claim = row["LONG_ANSWER"].split(". ")[0].rstrip(".") + "."
        queries = [("question", row["QUESTION"]), ("claim", claim)]
        yield Passage("pubmedqa", number, "", " ".join(row["CONTEXTS"])), queries


def read_selqa(root: Path) -> Iterator[Labelled]:
    asked: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for name in ("selqa-dev", "selqa-test"):
        for row in load_json(root / f"{name}.json.gz"):
            sentences = row["candidates"]
            windows = [" ".join(sentences[at : at + SELQA_WINDOW])
                       for at in range(0, len(sentences), SELQA_WINDOW)]
            for number, text in enumerate(windows):
                if number == row["answers"][0] // SELQA_WINDOW:
                    asked[row["article"], text].append(("question", row["question"]))
                else:
                    asked[row["article"], text].extend([])
    for (article, text), queries in asked.items():
        yield Passage("selqa", article, article, text), queries


DOCS_PER_REPOSITORY = 1600


def read_docs(root: Path) -> Iterator[Labelled]:
    """An even draw per repository: 62% of the lines are one publisher's."""
    by_repository: dict[str, list[dict]] = defaultdict(list)
    for row in open_json_lines(root / "docs-pairs.jsonl.gz"):
        by_repository[row["repo"]].append(row)
    for repository, rows in sorted(by_repository.items()):
        chosen = random.Random(repository).sample(rows, min(DOCS_PER_REPOSITORY, len(rows)))
        for row in chosen:
            yield docs_pair(repository, row)


def docs_pair(repository: str, row: dict) -> Labelled:
    """Continuations (`part`) are passages without a query: their heading is not surely theirs."""
    heading, title = row["heading"], row["title"]
    titled = heading != title and len(row["text"]) % 2 == 0
    passage = Passage("docs", f"{repository}|{row['path']}", title if titled else "", row["text"])
    if "part" in row:
        return passage, []
    if heading == title:
        return passage, [("title", title)]
    full = heading if heading.startswith(title) else f"{title}: {heading}"
    alone = len(heading.split()) >= 3 and len(row["text"]) % 3 == 0
    return passage, [("heading", heading if alone else full)]


TRAINING_SETS = (
    TrainingSet("squad-train (SQuAD 1.1)", "squad", "CC BY-SA 4.0", 8000, read_squad),
    TrainingSet("medquad", "medquad", "CC BY 4.0", 5000, read_medquad),
    TrainingSet("nq-open-oracle", "nq", "CC BY-SA 3.0", None, read_nq),
    TrainingSet("selqa-dev, selqa-test", "selqa", "Apache-2.0", 3000, read_selqa),
    TrainingSet("docs-pairs", "docs", "CC BY 4.0, CC BY-SA, CC0, Apache-2.0, MIT by line", None, read_docs),
    TrainingSet("pubmedqa (validation only)", "pubmedqa", "MIT", None, read_pubmedqa),
)


@dataclass(frozen=True)
class OwnSet:
    """A folder of `DATA/train` in BEIR layout, plain or gzipped: corpus.jsonl, queries.jsonl and qrels/train.tsv (or
    every other .tsv there). Every document is a passage, so split long ones before."""

    folder: str
    licence: str
    style: str = "question"
    """Of its queries; decides what validation and the encoder's share in the label make of them."""
    passages: int | None = None
    """Drawn at most, those with a query first; null: all."""

    def __post_init__(self) -> None:
        if self.style not in OWN_STYLES:
            raise ValueError(f"style is {self.style!r}; accepted are {', '.join(OWN_STYLES)}")

    @property
    def training_set(self) -> TrainingSet:
        return TrainingSet(self.folder, self.folder, self.licence, self.passages, self.read)

    def read(self, root: Path) -> Iterator[Labelled]:
        folder = root / self.folder
        questions = {row["_id"]: row["text"] for row in open_json_lines(folder / "queries.jsonl.gz")}
        asked: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for row in read_judgements(folder / "qrels"):
            if int(row["score"]) > 0 and row["query-id"] in questions:
                asked[row["corpus-id"]].append((self.style, questions[row["query-id"]]))
        for row in open_json_lines(folder / "corpus.jsonl.gz"):
            yield Passage(self.folder, row["_id"], row.get("title", ""), row["text"]), asked[row["_id"]]


OWN_STYLES = ("question", "web", "claim", "heading", "title")


def read_judgements(folder: Path) -> Iterator[dict[str, str]]:
    train = folder / "train.tsv"
    for path in [train] if train.exists() else sorted(folder.glob("*.tsv")):
        with path.open() as rows:
            yield from csv.DictReader(rows, delimiter="\t")


def training_sets(pools: Sequence[str], own: Sequence[OwnSet] = ()) -> list[TrainingSet]:
    """Of the known ones those with these pools, then the own ones."""
    return [*(entry for entry in TRAINING_SETS if entry.pool in pools), *(entry.training_set for entry in own)]


def read_all(root: Path, sets: Sequence[TrainingSet] = TRAINING_SETS) -> Iterator[Labelled]:
    for entry in sets:
        labelled = list(entry.read(root))
        if entry.passages is not None and len(labelled) > entry.passages:
            # passages with a query first, then the rest as background for negatives
            shuffled = random.Random(entry.name).sample(labelled, len(labelled))
            labelled = sorted(shuffled, key=lambda pair: not pair[1])[: entry.passages]
        yield from labelled
