"""Milliseconds of the exported graphs, each way of storing the weights beside the others in one run.

Processor time of the process, whose graphs have one thread each: on an idle machine the time by the clock, and on a
busy one without what others took.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar, get_args

import numpy as np

from mice_train.bundle import Parts, write_bundle
from mice_train.graph import Compute, Computes
from mice_train.quantize import MOST
from mice_train.ragged import from_lengths
from mice_train.reporting import Log
from mice_train.runtime import Bundle, EncodedDocuments
from mice_train.whole_file import write_whole

T = TypeVar("T")
COMPUTES: dict[str, Compute | Computes] = {
    **{name: name for name in get_args(Compute)}, "int8-fixed": Computes(interaction="int8-fixed")}
"""int8-fixed is for the interaction alone; the other graphs are there what they are by default."""
ROUNDS = 15
DOCUMENTS, DOCUMENT_TOKENS, QUERY_TOKENS = 100, 180, 12


def measure_timings(parts: Parts, work: Path, log: Log = print) -> None:
    """Writes work/timings-NAME.json. The ways take turns, so that other work on the machine falls on all alike."""
    with tempfile.TemporaryDirectory() as folder:
        bundles = {}
        for name, compute in COMPUTES.items():
            write_bundle(parts, Path(folder) / name, compute)
            bundles[name] = Bundle(Path(folder) / name, threads=1)
        query, stored = random_window(parts)
        length, asked, rows = int(stored.states.lengths[0]), len(query), np.arange(DOCUMENTS)
        work_items: dict[str, Callable[[Bundle], object]] = {
            f"interaction, {DOCUMENTS} documents x {length} tokens, query of {asked}":
                lambda b: b.interaction(query, stored, rows),
            f"document, {length} tokens": lambda b: encode_ids(b, "document", length),
            f"query, {asked} tokens": lambda b: encode_ids(b, "query", asked),
        }
        found = [{"what": what, "ms": best_of(bundles, call)} for what, call in work_items.items()]
    write_whole(work / f"timings-{parts.name}.json", lambda path: path.write_text(json.dumps(found, indent=2) + "\n"))
    log(json.dumps(found, indent=2))


def random_window(parts: Parts) -> tuple[np.ndarray, EncodedDocuments]:
    """→ query states [Tq,H], DOCUMENTS documents of equal length."""
    rng = np.random.default_rng(0)
    hidden, dims, most = parts.hidden, len(parts.projection.down), MOST[parts.state_dtype]
    length, asked = min(DOCUMENT_TOKENS, parts.limits.document), min(QUERY_TOKENS, parts.limits.query)
    tokens, lengths = DOCUMENTS * length, np.full(DOCUMENTS, length)
    stored = EncodedDocuments(
        from_lengths(rng.integers(-most, most + 1, (tokens, dims), np.int8), lengths),
        from_lengths(rng.random(tokens, np.float32) / 50, lengths), np.zeros((DOCUMENTS, hidden), np.float32))
    return rng.standard_normal((asked, hidden), np.float32), stored


def encode_ids(bundle: Bundle, role: str, tokens: int) -> None:
    ids = np.random.default_rng(1).integers(5, bundle.tokenizer.get_vocab_size(), (1, tokens))
    bundle.run(role, ["vector", "states"], input_ids=ids, attention_mask=np.ones_like(ids))


def best_of(ways: Mapping[str, T], call: Callable[[T], object], rounds: int = ROUNDS) -> dict[str, float]:
    """Milliseconds, the fewest of the rounds."""
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(rounds):
        for name, way in ways.items():
            began = time.process_time()
            call(way)
            best[name] = min(best[name], 1e3 * (time.process_time() - began))
    return best
