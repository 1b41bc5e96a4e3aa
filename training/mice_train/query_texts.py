"""Unlabelled query texts of many styles: what the fast query encoder is aligned on."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from mice_train.data import TRAINING_SETS, TrainingSet, open_json_lines
from mice_train.records import HELD_OUT_POOLS, is_held_out
from mice_train.styles import TermWeights, keyword_question, split_sentences, words_of

SENTENCES_PER_PASSAGE = 2
SPAN_WORDS = range(2, 13)
KEYWORD_PASSAGES = 60_000


def read_query_texts(
    data: Path, seed: int = 0, sets: Sequence[TrainingSet] = TRAINING_SETS, files: Sequence[str] = ()
) -> list[str]:
    """Distinct texts in random order, those of `files` in DATA/train (one a line) among them; nothing from a held-out
    pool, and none of held-out passages."""
    root = data / "train"
    lines = (line for name in files for line in (root / name).read_text().splitlines())
    found = (text.strip() for text in chain(lines, every_text(root, random.Random(seed), sets)))
    texts = list(dict.fromkeys(text for text in found if text))
    random.Random(seed).shuffle(texts)
    return texts


def every_text(root: Path, rng: random.Random, sets: Sequence[TrainingSet]) -> Iterator[str]:
    passages = []
    for entry in sets:
        if entry.pool in HELD_OUT_POOLS:
            continue
        for passage, queries in entry.read(root):
            if is_held_out(passage):
                continue
            passages.append(passage.text)
            for style, text in queries:
                yield text
                if style in ("question", "web") and rng.random() < 0.3:
                    yield keyword_question(text)
                elif style in ("question", "web") and rng.random() < 0.3:
                    yield text.lower().rstrip("?")
    if any(entry.pool == "docs" for entry in sets):  # all of it: the set itself draws a part
        for row in open_json_lines(root / "docs-pairs.jsonl.gz"):
            if "part" not in row:
                yield row["heading"] if rng.random() < 0.5 else f"{row['title']}: {row['heading']}"
            passages.append(row["text"])
    for text in passages:
        sentences = split_sentences(text)
        yield from rng.sample(sentences, min(SENTENCES_PER_PASSAGE, len(sentences)))
        words = words_of(text)
        if len(words) > SPAN_WORDS.stop:
            start, length = rng.randrange(len(words) - SPAN_WORDS.stop), rng.choice(SPAN_WORDS)
            yield " ".join(words[start : start + length]).lower()
    terms = TermWeights(passages)
    for text in rng.sample(passages, min(KEYWORD_PASSAGES, len(passages))):
        yield terms.keywords(text, rng)
