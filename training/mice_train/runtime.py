"""Scoring with a bundle's exported graphs, as the product does it: int8 states and vectors, cosine outside."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from mice_train.bundle import GRAPHS, read_manifest
from mice_train.encode import pad
from mice_train.quantize import dequantize, quantize
from mice_train.ragged import Ragged, by_token_budget, from_lengths
from mice_train.tokens import load_tokenizer, tokenize

BATCH_TOKENS = 1024
"""Small batches are an encoder's fastest on a CPU core."""


@dataclass(frozen=True)
class EncodedDocuments:
    """states int8 ragged [tokens,D], scales [tokens], unit vectors [n,H] as stored in int8."""

    states: Ragged
    scales: Ragged
    vectors: np.ndarray


class Bundle:
    """Owns the three sessions."""

    def __init__(self, directory: Path, threads: int = 1) -> None:
        self.manifest = read_manifest(directory)
        self.tokenizer = load_tokenizer(directory / "tokenizer.json")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.sessions = {role: onnxruntime.InferenceSession(
            directory / file, options, providers=["CPUExecutionProvider"]) for role, file in GRAPHS.items()}

    def run(self, role: str, outputs: list[str], **inputs: np.ndarray) -> list[np.ndarray]:
        return self.sessions[role].run(outputs, inputs)

    def encode_documents(self, texts: list[str]) -> EncodedDocuments:
        ids = tokenize(self.tokenizer, texts, self.manifest["limits"]["documentTokens"])
        lengths = np.array([len(row) for row in ids])
        states: list[np.ndarray] = [np.empty(0)] * len(ids)
        scales: list[np.ndarray] = [np.empty(0)] * len(ids)
        vectors = np.empty((len(ids), self.manifest["dims"]["vector"]), np.float32)
        for rows in by_token_budget(lengths, BATCH_TOKENS):
            batch, mask = (t.numpy() for t in pad([ids[row] for row in rows]))
            vector, output = self.run("document", ["vector", "states"], input_ids=batch, attention_mask=mask)
            q, scale = (t.numpy() for t in quantize(torch.from_numpy(output)))
            for at, row in enumerate(rows):
                states[row], scales[row] = q[at, : lengths[row]], scale[at, : lengths[row]]
            vectors[rows] = dequantize(*quantize(torch.from_numpy(vector))).numpy()
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return EncodedDocuments(from_lengths(np.concatenate(states), lengths),
                                from_lengths(np.concatenate(scales), lengths), vectors)

    def encode_query(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """→ (states [Tq,H], vector [H])."""
        ids = np.array(tokenize(self.tokenizer, [text], self.manifest["limits"]["queryTokens"]))
        states, vector = self.run("query", ["states", "vector"], input_ids=ids, attention_mask=np.ones_like(ids))
        return states[0], vector[0]

    def interaction(self, query_states: np.ndarray, documents: EncodedDocuments, rows: np.ndarray) -> np.ndarray:
        """→ [len(rows)], the cosine not yet added."""
        return self.run(
            "interaction", ["scores"], query_states=query_states, document_states=documents.states.padded(rows),
            document_scales=documents.scales.padded(rows), document_lengths=documents.states.lengths[rows])[0]

    def probe(self) -> str:
        """Changes when the document graph computes anything else; names caches of encoded documents."""
        encoded = self.encode_documents(["a text to tell document graphs apart"])
        return hashlib.sha256(encoded.states.flat.tobytes() + encoded.vectors.tobytes()).hexdigest()[:12]
