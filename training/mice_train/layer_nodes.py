"""A transformer layer of either wiring as nodes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from mice_train.encoder import BLOCKED, Layer
from mice_train.graph import Graph
from mice_train.nodes import (
    INT_MOST,
    array,
    first_rows_nodes,
    heads_nodes,
    linear_nodes,
    merge_nodes,
    norm_nodes,
    range_nodes,
    stacked_nodes,
)
from mice_train.pre_norm import PreNormLayer, angles


@dataclass
class TokenSequence:
    """What layers need to know of the tokens they read: `count` [1] int64 how many there are (at most `limit`), `bias`
    what blocks some of them, broadcastable to [B,heads,T,T], and whether it differs `by_row`. What several layers need
    alike is made once."""

    graph: Graph
    count: str
    bias: str
    limit: int
    by_row: bool = False
    made: dict[tuple, str | tuple[str, str]] = field(default_factory=dict)

    def angles(self, width: int, base: float) -> tuple[str, str]:
        """Cosines and sines [T,width]."""
        key = ("angles", width, base)
        if key not in self.made:
            cosine, sine = (first_rows_nodes(self.graph, array(table), self.count)
                            for table in angles(self.limit, width, base))
            self.made[key] = cosine, sine
        return self.made[key]

    def bias_of(self, layer: Layer | PreNormLayer, cls_only: bool) -> str:
        """The bias for a layer, or its first row."""
        reach = layer.rotary.reach if isinstance(layer, PreNormLayer) else None
        local = reach is not None and reach < self.limit - 1
        bias = self.bias_within(reach) if local else self.bias
        if not cls_only or not (local or self.by_row):
            return bias
        key = ("first row", bias)
        if key not in self.made:
            self.made[key] = cls_nodes(self.graph, bias, axis=-2)
        return self.made[key]

    def bias_within(self, reach: int) -> str:
        """The bias, and BLOCKED between tokens more than `reach` apart."""
        key = ("bias", reach)
        if key not in self.made:
            graph = self.graph
            position = range_nodes(graph, self.count)
            row, column = (graph.op("Unsqueeze", position, graph.ints([axis])) for axis in (1, 0))
            far = graph.op("Greater", graph.op("Abs", graph.op("Sub", row, column)), graph.ints([reach]))
            window = graph.op("Where", far, graph.float(BLOCKED), graph.float(0))
            self.made[key] = graph.op("Add", self.bias, window)
        return self.made[key]


def layer_nodes(
    graph: Graph, layer: Layer | PreNormLayer, x: str, sequence: TokenSequence, cls_only: bool = False
) -> str:
    """x [B,T,H] → [B,T,H], or [B,1,H] where only the `[CLS]` row is wanted."""
    rows = cls_nodes(graph, x, axis=1) if cls_only else x
    if isinstance(layer, PreNormLayer):
        added = attention_nodes(graph, layer, norm_nodes(graph, layer.attention_norm, x), sequence, cls_only)
        return gated_nodes(graph, layer, graph.op("Add", added, rows))
    added = attention_nodes(graph, layer, x, sequence, cls_only)
    y = norm_nodes(graph, layer.attention_norm, graph.op("Add", added, rows))
    inner = graph.op("Gelu", linear_nodes(graph, layer.up, y), approximate="none")
    return norm_nodes(graph, layer.norm, graph.op("Add", linear_nodes(graph, layer.down, inner), y))


def cls_nodes(graph: Graph, x: str, axis: int) -> str:
    """The first entry along an axis, which stays."""
    return graph.op("Slice", x, graph.ints([0]), graph.ints([1]), graph.ints([axis]))


def gated_nodes(graph: Graph, layer: PreNormLayer, x: str) -> str:
    width = layer.down.in_features
    inner, gate = graph.split(linear_nodes(graph, layer.up, norm_nodes(graph, layer.norm, x)), [width] * 2)
    product = graph.op("Mul", graph.op("Gelu", inner, approximate="none"), gate)
    return graph.op("Add", linear_nodes(graph, layer.down, product), x)


def attention_nodes(graph: Graph, layer: Layer | PreNormLayer, x: str, sequence: TokenSequence, cls_only: bool) -> str:
    """Self-attention and its output map, without residual: x [B,T,H] → [B,T,H] or [B,1,H]."""
    if cls_only and isinstance(layer, Layer):
        return absorbed_cls_nodes(graph, layer, x, sequence)
    width = layer.query.in_features
    head_width = width // layer.heads
    if cls_only:
        q = linear_nodes(graph, layer.query, cls_nodes(graph, x, axis=1))
        k, v = graph.split(stacked_nodes(graph, [layer.key, layer.value], x), [width] * 2)
    else:
        q, k, v = graph.split(stacked_nodes(graph, [layer.query, layer.key, layer.value], x), [width] * 3)
    q = heads_nodes(graph, graph.op("Mul", q, graph.float(1 / math.sqrt(head_width))), layer.heads, head_width)
    v = heads_nodes(graph, v, layer.heads, head_width)
    bias = sequence.bias_of(layer, cls_only)
    if isinstance(layer, PreNormLayer):
        k = heads_nodes(graph, k, layer.heads, head_width)
        turning = sequence.angles(head_width, layer.rotary.base)
        k = graph.transpose(turn_nodes(graph, k, *turning, head_width), [0, 1, 3, 2])
        if not cls_only:  # `[CLS]` stands at position 0, which is turned by nothing
            q = turn_nodes(graph, q, *turning, head_width)
    else:
        k = graph.transpose(graph.reshape(k, [0, -1, layer.heads, head_width]), [0, 2, 3, 1])
    attended = graph.op("Softmax", graph.op("Add", graph.op("MatMul", q, k), bias), axis=-1)
    return linear_nodes(graph, layer.out, merge_nodes(graph, graph.op("MatMul", attended, v), width))


def absorbed_cls_nodes(graph: Graph, layer: Layer, x: str, sequence: TokenSequence) -> str:
    """The same for the `[CLS]` row, x [B,T,H] → [B,1,H], without keys and values of every token: the key map joins the
    one query, and the value map follows the weighted sum. The key bias adds the same to every logit and drops out, the
    value bias passes through a sum of weights that are 1."""
    hidden, heads = layer.query.in_features, layer.heads
    width = hidden // heads
    key = array(layer.key.weight).reshape(heads, width, hidden) / math.sqrt(width)
    value = array(layer.value.weight).reshape(heads, width, hidden).transpose(0, 2, 1)
    q = linear_nodes(graph, layer.query, cls_nodes(graph, x, axis=1), few=True)
    # heads first, so that each is one product of all rows
    by_head = graph.transpose(graph.reshape(q, [-1, heads, width]), [1, 0, 2])
    asked = graph.transpose(graph.op("MatMul", by_head, graph.constant(key.astype(np.float32))), [1, 0, 2])
    bias = cls_bias_nodes(graph, sequence.bias_of(layer, cls_only=True))
    logits = graph.op("Add", graph.op("MatMul", asked, graph.transpose(x, [0, 2, 1])), bias)
    context = graph.transpose(graph.op("MatMul", graph.op("Softmax", logits, axis=-1), x), [1, 0, 2])
    read = graph.transpose(graph.op("MatMul", context, graph.constant(value)), [1, 0, 2])
    merged = graph.reshape(read, [-1, 1, hidden])
    moved = layer.out.weight @ layer.value.bias + layer.out.bias
    return graph.linear(merged, array(layer.out.weight), array(moved), few=True)


def cls_bias_nodes(graph: Graph, bias: str) -> str:
    """[B,1,1,T] or [1,T] → broadcastable to [B,heads,T]."""
    columns = graph.op("Slice", graph.op("Shape", bias), graph.ints([-1]), graph.ints([INT_MOST]))
    return graph.op("Reshape", bias, graph.op("Concat", graph.ints([-1, 1]), columns, axis=0))


def turn_nodes(graph: Graph, x: str, cosine: str, sine: str, width: int) -> str:
    """`pre_norm.turn`: x [B,heads,T,width]."""
    first, second = graph.split(x, [width // 2] * 2)
    crossed = graph.op("Concat", graph.op("Neg", second), first, axis=-1)
    return graph.op("Add", graph.op("Mul", x, cosine), graph.op("Mul", crossed, sine))
