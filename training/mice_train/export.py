"""The graphs of a bundle, written node by node from the trained modules.

Written by hand and not traced, because the interaction graph must have exactly the shape of `pruned.py`, and
because all graphs share one weights file with int8 matrices.
"""

from __future__ import annotations

import math

import numpy as np
import onnx
from onnx import TensorProto, helper
from torch import Tensor, nn

from mice_train.cross_encoder import CrossEncoder
from mice_train.encoder import BLOCKED, Encoder, Layer
from mice_train.graph import Compute, Graph, SharedWeights
from mice_train.interaction import Block, Interaction
from mice_train.projection import Projection

FLOAT, INT64, INT8 = TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT8


def value(name: str, dtype: int, shape: list[str | int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().float().numpy()


def export_document(
    encoder: Encoder, projection: Projection, depth: int, limit: int, weights: SharedWeights, compute: Compute
) -> onnx.ModelProto:
    """input_ids, attention_mask [B,T] → vector [B,H], states [B,T,D]."""
    graph = Graph("document", weights, compute)
    states, vector = encoder_nodes(graph, encoder, depth, limit)
    # kept in float32: what is computed here is stored for as long as the document
    offset = array(-projection.down @ projection.mean)
    projected = graph.op("MatMul", states, graph.constant(array(projection.down.T)))
    graph.name_output(graph.op("Add", projected, graph.constant(offset)), "states")
    graph.name_output(vector, "vector")
    hidden, dims = encoder.words.embedding_dim, projection.down.shape[0]
    return graph.model(TOKEN_INPUTS, [value("vector", FLOAT, ["B", hidden]), value("states", FLOAT, ["B", "T", dims])])


def export_query(encoder: Encoder, depth: int, limit: int, weights: SharedWeights, compute: Compute) -> onnx.ModelProto:
    """input_ids, attention_mask [B,T] → states [B,T,H], vector [B,H]."""
    graph = Graph("query", weights, compute)
    states, vector = encoder_nodes(graph, encoder, depth, limit)
    graph.name_output(states, "states")
    graph.name_output(vector, "vector")
    hidden = encoder.words.embedding_dim
    outputs = [value("states", FLOAT, ["B", "T", hidden]), value("vector", FLOAT, ["B", hidden])]
    return graph.model(TOKEN_INPUTS, outputs)


def export_query_fast(encoder: Encoder, limit: int, weights: SharedWeights, compute: Compute) -> onnx.ModelProto:
    """input_ids, attention_mask [B,T] → vector [B,H] of an encoder with few layers."""
    graph = Graph("query-fast", weights, compute)
    _, vector = encoder_nodes(graph, encoder, len(encoder.layers), limit)
    graph.name_output(vector, "vector")
    return graph.model(TOKEN_INPUTS, [value("vector", FLOAT, ["B", encoder.words.embedding_dim])])


def export_cross_encoder(
    model: CrossEncoder, limit: int, weights: SharedWeights, compute: Compute
) -> onnx.ModelProto:
    """input_ids, attention_mask, token_type_ids [B,T] → scores [B], the cosine not added."""
    graph = Graph("cross-encoder", weights, compute)
    bias = padding_bias_nodes(graph, graph.cast("attention_mask", FLOAT))
    x = embed_nodes(graph, model.encoder, limit, "token_type_ids")
    *below, last = model.encoder.layers
    for layer in below:
        x = layer_nodes(graph, layer, x, bias)
    read_nodes(graph, model, layer_nodes(graph, last, x, bias, cls_only=True))
    inputs = [*TOKEN_INPUTS, value("token_type_ids", INT64, ["B", "T"])]
    return graph.model(inputs, [value("scores", FLOAT, ["B"])])


TOKEN_INPUTS = [value("input_ids", INT64, ["B", "T"]), value("attention_mask", INT64, ["B", "T"])]


def encoder_nodes(graph: Graph, encoder: Encoder, depth: int, limit: int) -> tuple[str, str]:
    """→ (states after `depth` layers [B,T,H], unit vector [B,H])."""
    mask = graph.cast("attention_mask", FLOAT)
    bias = padding_bias_nodes(graph, mask)
    x = states = embed_nodes(graph, encoder, limit)
    for number, layer in enumerate(encoder.layers, start=1):
        x = layer_nodes(graph, layer, x, bias)
        if number == depth:
            states = x
    return states, pool_nodes(graph, x, mask)


def padding_bias_nodes(graph: Graph, mask: str) -> str:
    """mask float32 [B,T] → [B,1,1,T]: BLOCKED at padding."""
    blocked = graph.op("Mul", graph.op("Sub", graph.float(1), mask), graph.float(BLOCKED))
    return graph.op("Unsqueeze", blocked, graph.ints([1, 2]))


def embed_nodes(graph: Graph, encoder: Encoder, limit: int, types: str | None = None) -> str:
    """The first `limit` positions are kept; `types` names the token types [B,T] (None: all 0)."""
    length = graph.op("Gather", graph.op("Shape", "input_ids"), graph.ints([1]))
    positions = graph.constant(array(encoder.positions.weight[:limit]))
    used = graph.op("Slice", positions, graph.ints([0]), length, graph.ints([0]))
    # apart from the positions, so that graphs which know other types share these
    kinds = (graph.constant(array(encoder.type_zero)) if types is None
             else graph.op("Gather", graph.constant(array(encoder.types.weight)), types))
    words = graph.embedding("input_ids", array(encoder.words.weight))
    return norm_nodes(graph, encoder.norm, graph.op("Add", words, graph.op("Add", used, kinds)))


def pool_nodes(graph: Graph, x: str, mask: str) -> str:
    total = graph.op("MatMul", graph.op("Unsqueeze", mask, graph.ints([1])), x)
    mean = graph.op("Div", graph.op("Squeeze", total, graph.ints([1])),
                    graph.op("ReduceSum", mask, graph.ints([1]), keepdims=1))
    return graph.op("Div", mean, graph.op("ReduceL2", mean, graph.ints([1]), keepdims=1))


def norm_nodes(graph: Graph, norm: nn.LayerNorm, x: str) -> str:
    return graph.norm(x, array(norm.weight), array(norm.bias), norm.eps)


def linear_nodes(graph: Graph, linear: nn.Linear, x: str) -> str:
    return graph.linear(x, array(linear.weight), None if linear.bias is None else array(linear.bias))


def layer_nodes(graph: Graph, layer: Layer, x: str, bias: str, cls_only: bool = False) -> str:
    """A post-LN layer on x [B,T,H] → [B,T,H], or [B,1,H] where only the `[CLS]` row is wanted."""
    width = layer.query.in_features
    if cls_only:
        rows = graph.op("Slice", x, graph.ints([0]), graph.ints([1]), graph.ints([1]))
        q = linear_nodes(graph, layer.query, rows)
        k, v = graph.split(stacked_nodes(graph, [layer.key, layer.value], x), [width] * 2)
    else:
        rows = x
        q, k, v = graph.split(stacked_nodes(graph, [layer.query, layer.key, layer.value], x), [width] * 3)
    head_width = width // layer.heads
    q = heads_nodes(graph, graph.op("Mul", q, graph.float(1 / math.sqrt(head_width))), layer.heads, head_width)
    k = graph.transpose(graph.reshape(k, [0, -1, layer.heads, head_width]), [0, 2, 3, 1])
    v = heads_nodes(graph, v, layer.heads, head_width)
    attended = graph.op("Softmax", graph.op("Add", graph.op("MatMul", q, k), bias), axis=-1)
    context = merge_nodes(graph, graph.op("MatMul", attended, v), width)
    y = norm_nodes(graph, layer.attention_norm, graph.op("Add", linear_nodes(graph, layer.out, context), rows))
    inner = graph.op("Gelu", linear_nodes(graph, layer.up, y), approximate="none")
    return norm_nodes(graph, layer.norm, graph.op("Add", linear_nodes(graph, layer.down, inner), y))


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


def export_interaction(interaction: Interaction, weights: SharedWeights, compute: Compute) -> onnx.ModelProto:
    """query_states [Tq,H], document_states int8 [N,Td,D] with scales [N,Td] and lengths [N] → scores [N]."""
    graph = Graph("interaction", weights, compute)
    hidden, dims = interaction.shape.hidden, interaction.blocks[0].cross_key.in_features
    z = graph.op("Mul", graph.cast("document_states", FLOAT), graph.op("Unsqueeze", "document_scales", graph.ints([2])))
    turned = graph.transpose(z, [0, 2, 1])
    document_bias = document_bias_nodes(graph)
    query_bias = query_bias_nodes(graph)
    x = graph.op("Unsqueeze", "query_states", graph.ints([0]))
    for number, block in enumerate(interaction.blocks):
        x = cross_nodes(graph, block, x, z, turned, document_bias)
        last = number == len(interaction.blocks) - 1
        x = layer_nodes(graph, block.layer, x, cls_row(graph, query_bias) if last else query_bias, cls_only=last)
    read_nodes(graph, interaction, x)
    inputs = [value("query_states", FLOAT, ["Tq", hidden]), value("document_states", INT8, ["N", "Td", dims]),
              value("document_scales", FLOAT, ["N", "Td"]), value("document_lengths", INT64, ["N"])]
    return graph.model(inputs, [value("scores", FLOAT, ["N"])])


def read_nodes(graph: Graph, model: Interaction | CrossEncoder, x: str) -> None:
    """`[CLS]` rows [B,1,H] → the output scores [B]."""
    cls = graph.op("Squeeze", x, graph.ints([1]))
    pooled = graph.op("Tanh", linear_nodes(graph, model.pooler, cls))
    graph.name_output(graph.op("Squeeze", linear_nodes(graph, model.head, pooled), graph.ints([1])), "scores")


def cross_nodes(graph: Graph, block: Block, x: str, z: str, turned: str, document_bias: str) -> str:
    """`pruned.cross`: x [1 or N,Tq,H], z [N,Td,D], turned [N,D,Td], document_bias [N,1,Td] → [N,Tq,H]."""
    hidden, dims = block.cross_query.in_features, block.cross_key.in_features
    width = hidden // block.heads
    key = array(block.cross_key.weight).reshape(block.heads, width, dims) / math.sqrt(width)
    val = array(block.cross_value.weight).reshape(block.heads, width, dims).transpose(0, 2, 1)
    q = heads_nodes(graph, linear_nodes(graph, block.cross_query, x), block.heads, width)
    absorbed = graph.op("MatMul", q, graph.constant(key.astype(np.float32)))
    logits = graph.op("MatMul", graph.op("Reshape", absorbed, graph.ints([0, -1, dims])), turned)
    attended = graph.op("Softmax", graph.op("Add", logits, document_bias), axis=-1)
    context = graph.reshape(graph.op("MatMul", attended, z), [0, block.heads, -1, dims])
    values = merge_nodes(graph, graph.op("MatMul", context, graph.constant(val)), hidden)
    # the value bias passes through the weighted sum unchanged, so it joins the output's
    bias = block.cross_out.weight @ block.cross_value.bias + block.cross_out.bias
    added = graph.linear(values, array(block.cross_out.weight), array(bias))
    return norm_nodes(graph, block.cross_norm, graph.op("Add", added, x))


def document_bias_nodes(graph: Graph) -> str:
    """BLOCKED at and after each document's length: [N,1,Td]."""
    tokens = graph.op("Gather", graph.op("Shape", "document_states"), graph.ints([1]))
    columns = range_nodes(graph, tokens)
    inside = graph.op("Less", columns, graph.op("Unsqueeze", "document_lengths", graph.ints([1])))
    bias = graph.op("Where", inside, graph.float(0), graph.float(BLOCKED))
    return graph.op("Unsqueeze", bias, graph.ints([1]))


def query_bias_nodes(graph: Graph) -> str:
    """BLOCKED in column 0 for every row but row 0: [Tq,Tq]."""
    tokens = graph.op("Gather", graph.op("Shape", "query_states"), graph.ints([0]))
    position = range_nodes(graph, tokens)
    is_cls = graph.op("Equal", position, graph.ints([0]))
    later_row = graph.op("Unsqueeze", graph.op("Not", is_cls), graph.ints([1]))
    blocked = graph.op("And", later_row, graph.op("Unsqueeze", is_cls, graph.ints([0])))
    return graph.op("Where", blocked, graph.float(BLOCKED), graph.float(0))


def range_nodes(graph: Graph, count: str) -> str:
    """[1] int64 → 0 … count−1."""
    scalar = graph.op("Squeeze", count, graph.ints([0]))
    zero, one = (graph.constant(np.array(n, np.int64)) for n in (0, 1))
    return graph.op("Range", zero, scalar, one)


def cls_row(graph: Graph, bias: str) -> str:
    """[Tq,Tq] → [1,Tq]."""
    return graph.op("Slice", bias, graph.ints([0]), graph.ints([1]), graph.ints([0]))
