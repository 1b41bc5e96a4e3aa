"""What the nodes of every graph are put together from."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper
from torch import Tensor, nn

from mice_train.graph import Graph

FLOAT, INT64, INT8 = TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT8
INT_MOST = np.iinfo(np.int64).max
"""To the end of an axis."""


def value(name: str, dtype: int, shape: list[str | int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().float().cpu().numpy()


def norm_nodes(graph: Graph, norm: nn.Module, x: str) -> str:
    """A LayerNorm, or nothing where the module is nn.Identity."""
    if isinstance(norm, nn.Identity):
        return x
    return graph.norm(x, array(norm.weight), array(norm.bias), norm.eps)


def linear_nodes(graph: Graph, linear: nn.Module, x: str, few: bool = False) -> str:
    """A linear map, or nothing where the module is nn.Identity."""
    if isinstance(linear, nn.Identity):
        return x
    return graph.linear(x, array(linear.weight), None if linear.bias is None else array(linear.bias), few)


def stacked_nodes(graph: Graph, linears: list[nn.Linear], x: str) -> str:
    """Several linear maps of the same input as one."""
    return graph.linear(x, np.concatenate([array(p.weight) for p in linears]),
                        np.concatenate([array(p.bias) for p in linears]))


def heads_nodes(graph: Graph, x: str, heads: int, width: int) -> str:
    """[B,T,H] → [B,heads,T,width]."""
    return graph.transpose(graph.reshape(x, [0, -1, heads, width]), [0, 2, 1, 3])


def merge_nodes(graph: Graph, x: str, width: int) -> str:
    """[B,heads,T,w] → [B,T,heads·w]."""
    return graph.reshape(graph.transpose(x, [0, 2, 1, 3]), [0, -1, width])


def size_nodes(graph: Graph, x: str, axis: int) -> str:
    """→ [1] int64."""
    return graph.op("Gather", graph.op("Shape", x), graph.ints([axis]))


def range_nodes(graph: Graph, count: str) -> str:
    """[1] int64 → 0 … count−1."""
    scalar = graph.op("Squeeze", count, graph.ints([0]))
    zero, one = (graph.constant(np.array(n, np.int64)) for n in (0, 1))
    return graph.op("Range", zero, scalar, one)


def first_rows_nodes(graph: Graph, table: np.ndarray, count: str) -> str:
    """Constant table [limit,w], count [1] int64 → [count,w]."""
    return graph.op("Slice", graph.constant(table), graph.ints([0]), count, graph.ints([0]))
