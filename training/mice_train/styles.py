"""Queries of other styles made from the text: keyword lists, sentences, stripped questions."""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from mice_train.records import Passage, Query, is_held_out

WORD = re.compile(r"[A-Za-z][A-Za-z0-9_+#.-]*[A-Za-z0-9]|[A-Za-z]")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'(])|\n+")
STOP_WORDS = frozenset(
    "a an the and or but if of in on at to for from by with without about as is are was were be been being do does "
    "did has have had can could will would should may might must this that these those it its he she they them his "
    "her their we you your i my our what which who whom whose when where why how there here than then so such not "
    "no nor into over under between during before after above below up down out off again further once also only "
    "own same too very just each other some any all both more most many much s t ? ! ,".split()
)
SENTENCE_WORDS = range(7, 41)
LEAST_SENTENCES = 4
KEYWORDS = range(2, 6)


def words_of(text: str) -> list[str]:
    return WORD.findall(text)


def keyword_question(question: str) -> str:
    """A question as people type it into a search box: lower case, content words only."""
    return " ".join(w.lower() for w in words_of(question) if w.lower() not in STOP_WORDS)


class TermWeights:
    """Inverse document frequencies over the passages, to choose keywords by."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.documents = 0
        self.frequency: Counter[str] = Counter()
        for text in texts:
            self.documents += 1
            self.frequency.update({w.lower() for w in words_of(text)})

    def keywords(self, text: str, rng: random.Random) -> str:
        """Two to five of the passage's twelve heaviest words, in random order."""
        counts = Counter(w.lower() for w in words_of(text) if w.lower() not in STOP_WORDS and len(w) > 2)
        weight = {w: (1 + math.log(n)) * math.log(self.documents / (1 + self.frequency[w]))
                  for w, n in counts.items() if self.frequency[w] > 1}
        heaviest = sorted(weight, key=lambda w: -weight[w])[:12]
        return " ".join(rng.sample(heaviest, min(len(heaviest), rng.choice(KEYWORDS))))


def split_sentences(text: str) -> list[str]:
    return [s.strip() for s in SENTENCE_END.split(text) if s.strip()]


def take_sentence(passage: Passage, rng: random.Random) -> tuple[str, Passage] | None:
    """(a sentence, the passage without it); None where the rest would be too little to recognise."""
    sentences = split_sentences(passage.text)
    fit = [s for s in sentences if len(s.split()) in SENTENCE_WORDS]
    if len(sentences) < LEAST_SENTENCES or not fit:
        return None
    sentence = rng.choice(fit)
    rest = " ".join(s for s in sentences if s is not sentence)
    query = sentence.rstrip(".").lower() if rng.random() < 0.3 else sentence
    return query, replace(passage, text=rest, hidden=True)


def make_queries(
    passages: list[Passage], labelled: list[tuple[int, str, str]], per_style: int, seed: int = 1
) -> tuple[list[Passage], list[Query]]:
    """labelled = (passage index, style, text). Returns the passages with variants appended, and all queries."""
    rng = random.Random(seed)
    passages = list(passages)
    held_out = [is_held_out(p) for p in passages]
    queries: list[Query] = []

    def add(style: str, text: str, positive: int, original: int) -> None:
        queries.append(Query(style, text, positive, original, held_out[original]))

    for index, style, text in labelled:
        short = keyword_question(text)
        stripped = style in ("question", "web") and rng.random() < 0.15 and len(short.split()) >= 2
        add("keywords-asked" if stripped else style, short if stripped else text, index, index)

    terms = TermWeights(p.text for p in passages)
    for index in rng.sample(range(len(passages)), min(per_style, len(passages))):
        text = terms.keywords(passages[index].text, rng)
        if len(text.split()) >= KEYWORDS.start:
            add("keywords", text, index, index)
    for index in rng.sample(range(len(held_out)), min(per_style, len(held_out))):
        taken = take_sentence(passages[index], rng)
        if taken is not None:
            add("sentence", taken[0], len(passages), index)
            passages.append(taken[1])
    return passages, queries
