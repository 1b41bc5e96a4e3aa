"""Scoring with a bundle's exported graphs, as the product does it: quantised states and vectors, cosine outside."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mice_train.bundle import read_manifest
from mice_train.encode import pad
from mice_train.graph_session import open_graph
from mice_train.pairs import pair, pair_batches
from mice_train.quantize import dequantize, quantize
from mice_train.ragged import Ragged, by_token_budget, from_lengths
from mice_train.stored_form import kept_states
from mice_train.tokens import load_tokenizer, tokenize

BATCH_TOKENS = 1024
"""Small batches are an encoder's fastest on a CPU core."""


@dataclass(frozen=True)
class EncodedDocuments:
    """states: values of the bundle's dtype as int8, ragged [tokens,D]; scales [tokens]; unit vectors [n,H] as stored
    in int8."""

    states: Ragged
    scales: Ragged
    vectors: np.ndarray


class Bundle:
    """Owns one session per graph of the manifest."""

    def __init__(self, directory: Path, threads: int = 1) -> None:
        self.manifest = read_manifest(directory)
        self.tokenizer = load_tokenizer(directory / "tokenizer.json")
        self.sessions = {role: open_graph(directory / file, threads) for role, file in self.manifest["graphs"].items()}

    def run(self, role: str, outputs: list[str], **inputs: np.ndarray) -> list[np.ndarray]:
        return self.sessions[role].run(outputs, inputs)

    def document_ids(self, texts: list[str]) -> list[list[int]]:
        return tokenize(self.tokenizer, texts, self.manifest["limits"]["documentTokens"])

    def query_ids(self, text: str) -> list[int]:
        return tokenize(self.tokenizer, [text], self.manifest["limits"]["queryTokens"])[0]

    def encode_documents(self, texts: list[str]) -> EncodedDocuments:
        ids = self.document_ids(texts)
        lengths = np.array([len(row) for row in ids])
        states: list[np.ndarray] = [np.empty(0)] * len(ids)
        scales: list[np.ndarray] = [np.empty(0)] * len(ids)
        vectors = np.empty((len(ids), self.manifest["dims"]["vector"]), np.float32)
        for rows in by_token_budget(lengths, BATCH_TOKENS):
            batch, mask = (t.numpy() for t in pad([ids[row] for row in rows]))
            vector, output = self.run("document", ["vector", "states"], input_ids=batch, attention_mask=mask)
            for at, row in enumerate(rows):
                states[row], scales[row] = self.stored(output[at, : lengths[row]])
            vectors[rows] = dequantize(*quantize(torch.from_numpy(vector))).numpy()
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        kept = np.array([len(row) for row in scales])
        return EncodedDocuments(from_lengths(np.concatenate(states), kept),
                                from_lengths(np.concatenate(scales), kept), vectors)

    def stored(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A document's states [T,D] as they are stored: int8 values [kept,D], scales [kept]."""
        kept = kept_states(states, self.manifest["stateTokens"])
        q, scale = quantize(torch.from_numpy(kept), self.manifest["stateDtype"])
        return q.numpy(), scale.numpy()

    def encode_query(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """→ (states [Tq,H], vector [H])."""
        ids = np.array([self.query_ids(text)])
        states, vector = self.run("query", ["states", "vector"], input_ids=ids, attention_mask=np.ones_like(ids))
        return states[0], vector[0]

    def query_vector_fast(self, text: str) -> np.ndarray:
        """→ [H], by the graph that needs no states."""
        ids = np.array([self.query_ids(text)])
        return self.run("query-fast", ["vector"], input_ids=ids, attention_mask=np.ones_like(ids))[0][0]

    def interaction(self, query_states: np.ndarray, documents: EncodedDocuments, rows: np.ndarray) -> np.ndarray:
        """→ [len(rows)], the cosine not yet added. A lone document is given twice: the runtime sums a single row's
        float32 products in another order, and a rounding to integers behind it makes more of that."""
        batch = np.repeat(rows, 2) if len(rows) == 1 else rows
        return self.run(
            "interaction", ["scores"], query_states=query_states, document_states=documents.states.padded(batch),
            document_scales=documents.scales.padded(batch),
            document_lengths=documents.states.lengths[batch])[0][:len(rows)]

    def cross_encode(self, query: str, texts: list[str]) -> np.ndarray:
        """→ [len(texts)], the cosine not yet added."""
        limit, asked = self.manifest["limits"]["pairTokens"], self.query_ids(query)
        documents = tokenize(self.tokenizer, texts, limit)
        scores = np.empty(len(texts), np.float32)
        for batch in pair_batches([pair(asked, ids, limit) for ids in documents], BATCH_TOKENS):
            scores[batch.rows] = self.run(
                "cross-encoder", ["scores"], input_ids=batch.ids.numpy(), attention_mask=batch.mask.numpy(),
                token_type_ids=batch.types.numpy())[0]
        return scores

    def probe(self) -> str:
        """Changes when the document graph computes anything else; names caches of encoded documents."""
        encoded = self.encode_documents(["a text to tell document graphs apart"])
        return hashlib.sha256(encoded.states.flat.tobytes() + encoded.vectors.tobytes()).hexdigest()[:12]
