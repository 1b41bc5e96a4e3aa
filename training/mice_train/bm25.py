"""BM25 with the settings that the reference figures were measured with."""

from __future__ import annotations

import bm25s
import numpy as np

K1 = 0.9
B = 0.4
WORD = r"[^\W_]+"
"""Letters and digits: identifiers fall apart at underscores, which is worth 3 points on code."""


class Bm25:
    """An index over texts; English stop words, no stemming."""

    def __init__(self, texts: list[str]) -> None:
        self.size = len(texts)
        self.index = bm25s.BM25(k1=K1, b=B, method="lucene")
        self.index.index(split_words(texts), show_progress=False)

    def top(self, queries: list[str], k: int) -> tuple[np.ndarray, np.ndarray]:
        """→ (row numbers [q,k], scores [q,k]), best first; a score of 0 means no word in common."""
        known = self.index.vocab_dict
        words = [[word for word in found if word in known] for found in split_words(queries)]
        # the library refuses queries without a word of the index: these ask for any, and their scores are erased
        stand_in = next(iter(known))
        found = self.index.retrieve([w or [stand_in] for w in words], k=min(k, self.size), show_progress=False)
        return found.documents, found.scores * np.array([[bool(w)] for w in words])


def split_words(texts: list[str]) -> list[list[str]]:
    return bm25s.tokenize(texts, token_pattern=WORD, stopwords="en", return_ids=False, show_progress=False)
