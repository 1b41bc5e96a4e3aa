"""How far the exported graphs are from the PyTorch modules, measured on held-out queries and their candidates."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch

from mice_train import pruned
from mice_train.bundle import Parts, write_bundle
from mice_train.encode import BOTTOM_LAYERS
from mice_train.graph import Compute
from mice_train.quantize import dequantize
from mice_train.records import read_passages, read_queries
from mice_train.runtime import Bundle, EncodedDocuments
from mice_train.tokens import document_text, tokenize

QUERIES = 40
DOCUMENTS = 20


def measure_tolerance(parts: Parts, directory: Path, work: Path, compute: Compute) -> dict:
    """Largest absolute differences, in score units for scores.

    `graphsVsPytorch`: the same graphs with float32 weights against PyTorch float32 on the same stored states: is
    the export right? `quantized`: the shipped graphs against PyTorch float32, the document and query sides
    included: what do int8 weights and activations cost? `batchCompanions`: the shipped interaction graph, a document
    alone and unpadded against the same among others.
    """
    with tempfile.TemporaryDirectory() as folder:
        write_bundle(parts, Path(folder), "float32")
        exact = differences(parts, Bundle(Path(folder)), work)
    shipped = differences(parts, Bundle(directory), work)
    return {
        "sample": f"{QUERIES} held-out queries x {DOCUMENTS} candidates",
        "scoreSpread": exact["spread"],
        "graphsVsPytorch": {"scores": exact["scores"], "vectors": exact["vectors"]},
        "quantized": {"compute": compute, "scores": shipped["scores"], "scoresRootMeanSquare": shipped["rms"],
                      "vectorsLeastCosine": shipped["cosine"]},
        "batchCompanions": {"scores": shipped["companions"]},
    }


def differences(parts: Parts, bundle: Bundle, work: Path) -> dict[str, float]:
    passages, queries = read_passages(work / "passages.jsonl"), read_queries(work / "queries.jsonl")
    found = np.load(work / "candidates.npz")["bm25"]
    held_out = [n for n, q in enumerate(queries) if q.held_out and found[n, DOCUMENTS - 1] >= 0]
    score, vector, companions, cosines, expected_scores = [], [], [], [], []
    for n in np.random.default_rng(0).choice(held_out, QUERIES, replace=False):
        rows = found[n, :DOCUMENTS]
        encoded = bundle.encode_documents([document_text(passages[p].title, passages[p].text) for p in rows])
        states, query_vector = bundle.encode_query(queries[n].text)
        everything = np.arange(DOCUMENTS)
        scores = bundle.interaction(states, encoded, everything)
        expected, expected_vector = in_pytorch(parts, bundle, queries[n].text, encoded)
        score.append(scores - expected)
        expected_scores.append(expected)
        vector.append(np.abs(query_vector - expected_vector).max())
        cosines.append(float(query_vector @ expected_vector))
        alone = [bundle.interaction(states, encoded, everything[at : at + 1])[0] for at in everything]
        companions.append(np.abs(np.array(alone) - scores).max())
    apart = np.concatenate(score)
    return {
        "scores": float(np.abs(apart).max()), "rms": float(np.sqrt(np.mean(apart**2))),
        "spread": float(np.concatenate(expected_scores).std()), "vectors": float(max(vector)),
        "cosine": float(min(cosines)), "companions": float(max(companions)),
    }


@torch.inference_mode()
def in_pytorch(parts: Parts, bundle: Bundle, query: str, encoded: EncodedDocuments) -> tuple[np.ndarray, np.ndarray]:
    """Interaction scores over the same stored states, and the query's vector, in float32."""
    ids = torch.tensor([cut_ids(bundle, query)])
    states, vector = parts.encoder(ids, torch.ones_like(ids), BOTTOM_LAYERS)
    rows = np.arange(len(encoded.states))
    z = dequantize(torch.from_numpy(encoded.states.padded(rows)), torch.from_numpy(encoded.scales.padded(rows)))
    lengths = torch.from_numpy(encoded.states.lengths)
    mask = (torch.arange(z.shape[1])[None] < lengths[:, None]).float()
    scores = pruned.score(parts.interaction, states, torch.ones(ids.shape), z[None], mask[None])
    return scores[0].numpy(), vector[0].numpy()


def cut_ids(bundle: Bundle, text: str) -> list[int]:
    return tokenize(bundle.tokenizer, [text], bundle.manifest["limits"]["queryTokens"])[0]
