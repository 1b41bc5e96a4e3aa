"""Lists of passages scored by the trained cross-encoder: what the interaction layers are distilled from."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from mice_train.batches import batches
from mice_train.cross_encoder import CrossEncoder
from mice_train.encode import load_passages, load_queries
from mice_train.ranks import Ranks
from mice_train.records import read_queries
from mice_train.reporting import Log
from mice_train.source import Source
from mice_train.teach import groups, load_candidates, load_texts, read_pairs

LISTS_PER_PART = 128
SEED = 7
"""Other lists than those the cross-encoder was trained on, though of the same queries."""


@dataclass(frozen=True)
class TeacherLists:
    """rows [n], candidates [n,8], scores [n,8], cls float16 [n,8,H], shares [n] (of the encoder in the label)."""

    rows: np.ndarray
    candidates: np.ndarray
    scores: np.ndarray
    cls: np.ndarray
    shares: np.ndarray


@torch.inference_mode()
def score_lists(
    source: Source, model: CrossEncoder, work: Path, lists: int, pair_tokens: int, log: Log = print
) -> None:
    """Writes work/cross-encoder/lists/*.npz; finished parts are left alone. Several ranks share the parts."""
    ranks, folder = Ranks(), work / "cross-encoder" / "lists"
    folder.mkdir(parents=True, exist_ok=True)
    queries = load_queries(work)
    texts = load_texts(source, work, pair_tokens, load_passages(work), queries)
    stream = batches(read_queries(work / "queries.jsonl"), queries.states.lengths, load_candidates(work), SEED)
    for number, examples in enumerate(islice(groups(stream, LISTS_PER_PART), lists // LISTS_PER_PART)):
        path = folder / f"{number:06d}.npz"
        if path.exists() or number % ranks.size != ranks.rank:
            continue
        began = time.monotonic()
        rows = np.array([e.query for e in examples])
        candidates = np.stack([e.candidates for e in examples])
        scores, cls = read_pairs(model, texts, rows, candidates, pair_tokens)
        unfinished = path.with_suffix(".tmp.npz")
        np.savez(unfinished, rows=rows, candidates=candidates, scores=scores.cpu().numpy(),
                 cls=cls.half().cpu().numpy(), shares=np.array([e.teacher_share for e in examples]))
        unfinished.rename(path)
        log(f"lists {(number + 1) * LISTS_PER_PART}/{lists}: {scores.numel() / (time.monotonic() - began):.0f} pairs/s")
    ranks.wait()


def load_lists(work: Path) -> TeacherLists:
    paths = sorted((work / "cross-encoder" / "lists").glob("[0-9]*.npz"))
    parts = [np.load(path) for path in paths if ".tmp" not in path.name]
    return TeacherLists(**{name: np.concatenate([part[name] for part in parts])
                           for name in ("rows", "candidates", "scores", "cls", "shares")})
