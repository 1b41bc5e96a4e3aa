"""Opens an ONNX graph as the product does: alike in what it computes on every processor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnxruntime
import torch

EXACT = ("session.x64quantprecision", "session.disable_quant_qdq")
"""uint8 weights in products of integers; weights that are dequantised first stay int8, for the runtime cannot read them
otherwise."""


def open_graph(path: Path, threads: int = 1) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    if not adds_exactly(torch.cpu.get_capabilities()):
        for name in EXACT:
            options.add_session_config_entry(name, "1")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def adds_exactly(capabilities: Mapping[str, object]) -> bool:
    """Whether products of uint8 and int8 are added up in 32 bits. x64 processors without VNNI do it in 16, which can
    overflow; ONNX Runtime then takes uint8 weights where it is asked to."""
    return capabilities["architecture"] != "x86_64" or any(capabilities[it] for it in ("avx512_vnni", "avx_vnni"))
