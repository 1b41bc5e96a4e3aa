"""BM25 with the settings that the reference figures were measured with."""

from __future__ import annotations

import bm25s
import numpy as np

K1 = 0.9
B = 0.4


class Bm25:
    """An index over texts; English stop words, no stemming."""

    def __init__(self, texts: list[str]) -> None:
        self.size = len(texts)
        self.index = bm25s.BM25(k1=K1, b=B, method="lucene")
        self.index.index(bm25s.tokenize(texts, stopwords="en", show_progress=False), show_progress=False)

    def top(self, queries: list[str], k: int) -> tuple[np.ndarray, np.ndarray]:
        """→ (row numbers [q,k], scores [q,k]), best first; a score of 0 means no word in common."""
        tokens = bm25s.tokenize(queries, stopwords="en", show_progress=False, return_ids=False)
        # a query of stop words only would otherwise be an empty list, which the library refuses
        tokens = [words or [""] for words in tokens]
        found = self.index.retrieve(tokens, k=min(k, self.size), show_progress=False, n_threads=2)
        return found.documents, found.scores
