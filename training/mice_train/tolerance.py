"""How far exported graphs are from the PyTorch modules on real text, and how far they may be."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mice_train import pruned
from mice_train.bundle import Parts, write_bundle
from mice_train.encode import pad
from mice_train.graph import Compute, Computes
from mice_train.pairs import pair, pair_batches
from mice_train.quantize import dequantize
from mice_train.records import read_passages, read_queries
from mice_train.refused import Refused
from mice_train.runtime import BATCH_TOKENS, Bundle, EncodedDocuments
from mice_train.tokens import document_text, tokenize

QUERIES = 40
DOCUMENTS = 20


@dataclass(frozen=True)
class Accepted:
    """In units of an output's spread (its standard deviation over the sample)."""

    exact: float = 1e-3
    """Largest difference of a float32 graph's output from PyTorch's."""
    companions: float = 1e-3
    """Of a document scored alone from the same among others. A sum over a padded row is taken in another order, which
    moves its last bits; where activations are rounded next, one of them may fall on the other side of a step."""
    quantized: float = 0.1
    """Root mean square of what quantised weights and activations move an output by."""


USUAL = Accepted()


@dataclass(frozen=True)
class Sample:
    """Queries, each with the texts of the same number of documents."""

    queries: list[str]
    documents: list[list[str]]


class ToleranceExceeded(Refused):
    """The graphs do not compute what the modules do; the message names every figure that is out of bounds."""


def sample_of(work: Path) -> Sample:
    """Held-out queries with their first candidates of BM25."""
    passages, queries = read_passages(work / "passages.jsonl"), read_queries(work / "queries.jsonl")
    found = np.load(work / "candidates.npz")["bm25"]
    held_out = [n for n, q in enumerate(queries) if q.held_out and found[n, DOCUMENTS - 1] >= 0]
    chosen = np.random.default_rng(0).choice(held_out, min(QUERIES, len(held_out)), replace=False)
    return Sample([queries[n].text for n in chosen],
                  [[document_text(passages[p].title, passages[p].text) for p in found[n, :DOCUMENTS]] for n in chosen])


@dataclass(frozen=True)
class Apart:
    """One output over the whole sample: as the graph gives it and as PyTorch does, flat."""

    given: np.ndarray
    expected: np.ndarray

    @property
    def spread(self) -> float:
        """1 where every value is the same (a head that is still zero)."""
        return float(self.expected.std()) or 1.0

    @property
    def most(self) -> float:
        return float(np.abs(self.given - self.expected).max()) / self.spread

    @property
    def root_mean_square(self) -> float:
        return float(np.sqrt(np.mean((self.given - self.expected) ** 2))) / self.spread


def measure_tolerance(
    parts: Parts, directory: Path, sample: Sample, compute: Compute | Computes, accepted: Accepted = USUAL
) -> dict:
    """What the manifest states, by output, in units of the output's spread.

    `graphsVsPytorch`: largest difference between the same graphs with float32 weights and PyTorch float32: is the
    export right? `quantized`: root mean square of the shipped graphs' difference: what do int8 weights and
    activations cost?
    `batchCompanions`: largest difference between a document scored alone and unpadded and the same among others.
    """
    with tempfile.TemporaryDirectory() as folder:
        write_bundle(parts, Path(folder), "float32")
        exact = compare(parts, Bundle(Path(folder)), sample)
    bundle = Bundle(directory)
    shipped = compare(parts, bundle, sample)
    return {
        "sample": f"{len(sample.queries)} queries x {len(sample.documents[0])} documents",
        "spread": {name: found.spread for name, found in exact.items()},
        "graphsVsPytorch": {name: found.most for name, found in exact.items()},
        "quantized": {"compute": compute.by_role() if isinstance(compute, Computes) else compute,
                      **{name: found.root_mean_square for name, found in shipped.items()}},
        "batchCompanions": {"scores": companions(bundle, sample).most},
        "accepted": {"graphsVsPytorch": accepted.exact, "quantized": accepted.quantized,
                     "batchCompanions": accepted.companions},
    }


def hold(tolerance: dict) -> None:
    """@raises ToleranceExceeded naming every figure beyond what is accepted; one that is no number is beyond, too."""
    beyond = [f"{kind}.{name} is {found:.2g}, accepted is {accepted:g}"
              for kind, accepted in tolerance["accepted"].items()
              for name, found in tolerance[kind].items() if name != "compute" and not found <= accepted]
    if beyond:
        raise ToleranceExceeded("the exported graphs differ from PyTorch: " + "; ".join(beyond))


def compare(parts: Parts, bundle: Bundle, sample: Sample) -> dict[str, Apart]:
    """Output → both sides. Interaction scores are of the same stored states on both."""
    found: dict[str, list[tuple[np.ndarray, np.ndarray]]] = defaultdict(list)
    for query, texts in zip(sample.queries, sample.documents, strict=True):
        for name, both in outputs(parts, bundle, query, texts):
            found[name].append(both)
    return {name: Apart(*(np.concatenate([side.ravel() for side in sides]) for sides in zip(*both, strict=True)))
            for name, both in found.items()}


@torch.inference_mode()
def outputs(
    parts: Parts, bundle: Bundle, query: str, texts: list[str]
) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    ids, mask = pad(bundle.document_ids(texts))
    vectors, states = bundle.run("document", ["vector", "states"], input_ids=ids.numpy(), attention_mask=mask.numpy())
    expected_states, expected_vectors = parts.encoder(ids, mask, parts.bottom)
    keep = mask.bool().numpy()
    yield "states", (states[keep], parts.projection.project(parts.encoder.readable(expected_states)).numpy()[keep])
    yield "documentVectors", (vectors, expected_vectors.numpy())

    asked = torch.tensor([bundle.query_ids(query)])
    x, vector = bundle.encode_query(query)
    expected_x, expected_vector = parts.encoder(asked, torch.ones_like(asked), parts.bottom)
    yield "queryVectors", (vector, expected_vector[0].numpy())
    encoded = bundle.encode_documents(texts)
    yield "scores", (bundle.interaction(x, encoded, np.arange(len(texts))), over_stored(parts, expected_x, encoded))
    if parts.query_fast is not None:
        _, fast = parts.query_fast(asked, torch.ones_like(asked), 0)
        yield "queryFastVectors", (bundle.query_vector_fast(query), fast[0].numpy())
    if parts.cross_encoder is not None:
        yield "crossEncoderScores", (bundle.cross_encode(query, texts), read_together(parts, bundle, query, texts))


def over_stored(parts: Parts, x: Tensor, encoded: EncodedDocuments) -> np.ndarray:
    """PyTorch's interaction scores of query states [1,Tq,H] over stored states → [N]."""
    rows = np.arange(len(encoded.states))
    z = dequantize(torch.from_numpy(encoded.states.padded(rows)), torch.from_numpy(encoded.scales.padded(rows)))
    lengths = torch.from_numpy(encoded.states.lengths)
    mask = (torch.arange(z.shape[1])[None] < lengths[:, None]).float()
    return pruned.score(parts.interaction, x, torch.ones(x.shape[:2]), z[None], mask[None])[0].numpy()


def read_together(parts: Parts, bundle: Bundle, query: str, texts: list[str]) -> np.ndarray:
    """PyTorch's cross-encoder scores → [N]."""
    limit = bundle.manifest["limits"]["pairTokens"]
    documents = tokenize(bundle.tokenizer, texts, limit)
    scores = np.empty(len(texts), np.float32)
    for batch in pair_batches([pair(bundle.query_ids(query), ids, limit) for ids in documents], BATCH_TOKENS):
        scores[batch.rows] = parts.cross_encoder.model(batch.ids, batch.types, batch.mask).numpy()
    return scores


def companions(bundle: Bundle, sample: Sample) -> Apart:
    """Interaction scores alone and among others."""
    alone, together = [], []
    for query, texts in zip(sample.queries, sample.documents, strict=True):
        x, _ = bundle.encode_query(query)
        encoded, rows = bundle.encode_documents(texts), np.arange(len(texts))
        together.append(bundle.interaction(x, encoded, rows))
        alone.extend(bundle.interaction(x, encoded, rows[at : at + 1]) for at in rows)
    return Apart(np.concatenate(alone), np.concatenate(together))
