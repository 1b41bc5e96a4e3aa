"""int8 weights in blocks whose rounding makes up for itself on real text (GPTQ, arXiv 2210.17323): what is lost in one
column is given to the columns after it, as far as their inputs go together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from mice_train.encoder import Encoder
from mice_train.graph import BLOCK, MIDDLE, RoundedRows, digest

DAMPING = 0.01
"""Added to the diagonal of the inputs' moments, as a part of its mean."""


@torch.inference_mode()
def round_encoder(encoder: Encoder, texts: Sequence[list[int]]) -> RoundedRows:
    """The rows of the encoder's matrices so rounded; texts as token ids."""
    found: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}
    for name, moments in input_moments(encoder, texts).items():
        weight = encoder.get_submodule(name).weight
        if weight.shape[1] % BLOCK == 0:
            rows = zip(*round_blocks(weight, moments), strict=True)
            found.update(zip(map(digest, weight.numpy()), rows, strict=True))
    return found


def input_moments(encoder: Encoder, texts: Sequence[list[int]]) -> dict[str, Tensor]:
    """Linear map of a layer → the sum of its inputs' outer products [in,in] over all tokens."""
    found: dict[str, Tensor] = {}

    def watch(name: str):
        def add(_module: nn.Module, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
            rows = inputs[0].flatten(0, -2)
            found[name] = found.get(name, 0) + rows.T @ rows
        return add

    handles = [module.register_forward_hook(watch(name)) for name, module in encoder.named_modules()
               if name.startswith("layers.") and isinstance(module, nn.Linear)]
    try:
        for ids in texts:
            row = torch.tensor([ids])
            encoder(row, torch.ones_like(row), 0)
    finally:
        for handle in handles:
            handle.remove()
    return found


def round_blocks(weight: Tensor, moments: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """[out,in], [in,in] → as `graph.quantize_blocks`."""
    left, (rows, inner) = weight.double(), weight.shape
    damped = moments.double() + DAMPING * moments.diag().double().mean() * torch.eye(inner)
    after = torch.linalg.cholesky(torch.linalg.inv(damped), upper=True)
    values, scales = torch.empty(rows, inner), torch.empty(rows, inner // BLOCK)
    for start in range(0, inner, BLOCK):
        block = slice(start, start + BLOCK)
        scale = left[:, block].abs().amax(1) / (MIDDLE - 1)
        scale[scale == 0] = 1
        lost = torch.empty(rows, BLOCK, dtype=torch.double)
        for column in range(start, start + BLOCK):
            q = (left[:, column] / scale).round().clamp(1 - MIDDLE, MIDDLE - 1)
            values[:, column], lost[:, column - start] = q, (left[:, column] - q * scale) / after[column, column]
            left[:, column:start + BLOCK] -= lost[:, column - start, None] * after[column, column:start + BLOCK]
        left[:, start + BLOCK:] -= lost @ after[block, start + BLOCK:]
        scales[:, start // BLOCK] = scale
    shifted = (values + MIDDLE).to(torch.uint8)
    return shifted.view(rows, -1, BLOCK).numpy(), scales.numpy()
