"""Opens an ONNX graph as the product does: alike in what it computes on every processor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnxruntime
import torch

ALWAYS = "session.disable_quant_qdq"
"""Weights that are dequantised before their product are so when the graph is opened, not in every inference."""
EXACT = "session.x64quantprecision"
"""uint8 weights in products of integers."""


def open_graph(path: Path, threads: int = 1) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry(ALWAYS, "1")
    if not adds_exactly(torch.cpu.get_capabilities()):
        options.add_session_config_entry(EXACT, "1")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def adds_exactly(capabilities: Mapping[str, object]) -> bool:
    """Whether products of uint8 and int8 are added up in 32 bits. x64 processors without VNNI do it in 16, which can
    overflow; ONNX Runtime then takes uint8 weights where it is asked to."""
    return capabilities["architecture"] != "x86_64" or any(capabilities[it] for it in ("avx512_vnni", "avx_vnni"))
