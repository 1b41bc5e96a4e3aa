"""Made-up collections in BEIR layout."""

from __future__ import annotations

import json
import random
from pathlib import Path

LETTERS = "abcdefghijklmnopqrstuvwxyz"
COMMON = "77"
"""In every document and query, so that BM25 finds a full window."""


def text(rng: random.Random) -> str:
    return " ".join([COMMON, *(rng.choice(LETTERS) * 2 for _ in range(rng.randrange(4, 12)))])


def write_collection(folder: Path, documents: int, seed: int = 0) -> Path:
    """Every document is asked for by its first words; judged in qrels/train.tsv."""
    (folder / "qrels").mkdir(parents=True)
    rng = random.Random(seed)
    texts = [text(rng) for _ in range(documents)]
    rows = {"corpus": [{"_id": f"d{n}", "title": "", "text": one} for n, one in enumerate(texts)],
            "queries": [{"_id": f"q{n}", "text": " ".join(one.split()[:5])} for n, one in enumerate(texts)]}
    for name, lines in rows.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    judged = "".join(f"q{n}\td{n}\t1\n" for n in range(documents))
    (folder / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged)
    return folder
