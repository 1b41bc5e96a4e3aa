"""The graphs of a bundle, written node by node from the trained modules.

Written by hand and not traced, because the interaction graph must have exactly the shape of `pruned.py`, and
because all graphs share one weights file with int8 matrices. `limit` is the most tokens a graph is given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import onnx
from torch import nn

from mice_train.cross_encoder import CrossEncoder
from mice_train.encoder import BLOCKED, Encoder
from mice_train.graph import Compute, Graph, InteractionCompute, SharedWeights
from mice_train.interaction import Block, Interaction
from mice_train.layer_nodes import TokenSequence, layer_nodes
from mice_train.nodes import (
    FLOAT,
    INT8,
    INT64,
    array,
    first_rows_nodes,
    heads_nodes,
    linear_nodes,
    merge_nodes,
    norm_nodes,
    range_nodes,
    size_nodes,
    value,
)
from mice_train.projection import Projection
from mice_train.reader import Reader
from mice_train.stored_nodes import StoredStates, bias_nodes, first_state_nodes, read_in_groups, stored_states
from mice_train.watch import Feed, watch

TOKEN_INPUTS = [value("input_ids", INT64, ["B", "T"]), value("attention_mask", INT64, ["B", "T"])]


def export_document(
    encoder: Encoder, projection: Projection, depth: int, limit: int, weights: SharedWeights, compute: Compute
) -> onnx.ModelProto:
    """input_ids, attention_mask [B,T] → vector [B,H], states [B,T,D]."""
    graph = Graph("document", weights, compute)
    states, vector = encoder_nodes(graph, encoder, depth, limit)
    hidden, dims = encoder.shape.hidden, projection.down.shape[0]
    if encoder.shape.pre_norm:  # Encoder.readable
        states = graph.norm(states, np.ones(hidden, np.float32), np.zeros(hidden, np.float32), encoder.shape.eps)
    # kept in float32: what is computed here is stored for as long as the document
    offset = array(-projection.down @ projection.mean)
    projected = graph.op("MatMul", states, graph.constant(array(projection.down.T)))
    graph.name_output(graph.op("Add", projected, graph.constant(offset)), "states")
    graph.name_output(vector, "vector")
    return graph.model(TOKEN_INPUTS, [value("vector", FLOAT, ["B", hidden]), value("states", FLOAT, ["B", "T", dims])])


def export_query(encoder: Encoder, depth: int, limit: int, weights: SharedWeights, compute: Compute) -> onnx.ModelProto:
    """input_ids, attention_mask [B,T] → states [B,T,H], vector [B,H]."""
    graph = Graph("query", weights, compute)
    states, vector = encoder_nodes(graph, encoder, depth, limit)
    graph.name_output(states, "states")
    graph.name_output(vector, "vector")
    hidden = encoder.shape.hidden
    outputs = [value("states", FLOAT, ["B", "T", hidden]), value("vector", FLOAT, ["B", hidden])]
    return graph.model(TOKEN_INPUTS, outputs)


def export_query_fast(encoder: Encoder, limit: int, weights: SharedWeights, compute: Compute) -> onnx.ModelProto:
    """input_ids, attention_mask [B,T] → vector [B,H] of an encoder with few layers."""
    graph = Graph("query-fast", weights, compute)
    _, vector = encoder_nodes(graph, encoder, 0, limit)
    graph.name_output(vector, "vector")
    return graph.model(TOKEN_INPUTS, [value("vector", FLOAT, ["B", encoder.shape.hidden])])


def export_cross_encoder(
    model: CrossEncoder, limit: int, weights: SharedWeights, compute: Compute
) -> onnx.ModelProto:
    """input_ids, attention_mask, token_type_ids [B,T] → scores [B], the cosine not added.

    A family without token types declares them all the same and ignores them.
    """
    graph = Graph("cross-encoder", weights, compute)
    mask = graph.cast("attention_mask", FLOAT)
    sequence = sequence_nodes(graph, mask, limit)
    x = embed_nodes(graph, model.encoder, sequence, "token_type_ids")
    *below, last = model.encoder.layers
    for layer in below:
        x = layer_nodes(graph, layer, x, sequence)
    if model.shape.mean_read:
        x = mean_nodes(graph, norm_nodes(graph, model.final_norm, layer_nodes(graph, last, x, sequence)), mask)
    else:
        cls = graph.op("Squeeze", layer_nodes(graph, last, x, sequence, cls_only=True), graph.ints([1]))
        x = norm_nodes(graph, model.final_norm, cls)
    score_nodes(graph, model, x)
    inputs = [*TOKEN_INPUTS, value("token_type_ids", INT64, ["B", "T"])]
    return graph.model(inputs, [value("scores", FLOAT, ["B"])])


def encoder_nodes(graph: Graph, encoder: Encoder, depth: int, limit: int) -> tuple[str, str]:
    """→ (states after `depth` layers [B,T,H], unit vector [B,H])."""
    mask = graph.cast("attention_mask", FLOAT)
    sequence = sequence_nodes(graph, mask, limit)
    x = states = embed_nodes(graph, encoder, sequence)
    for number, layer in enumerate(encoder.layers[: encoder.vector_layers], start=1):
        x = layer_nodes(graph, layer, x, sequence)
        if number == depth:
            states = x
    mean = mean_nodes(graph, norm_nodes(graph, encoder.final_norm, x), mask)
    return states, graph.op("Div", mean, graph.op("ReduceL2", mean, graph.ints([1]), keepdims=1))


def sequence_nodes(graph: Graph, mask: str, limit: int) -> TokenSequence:
    """mask float32 [B,T] → its length, and BLOCKED at padding [B,1,1,T]."""
    blocked = graph.op("Mul", graph.op("Sub", graph.float(1), mask), graph.float(BLOCKED))
    bias = graph.op("Unsqueeze", blocked, graph.ints([1, 2]))
    return TokenSequence(graph, size_nodes(graph, "input_ids", 1), bias, limit)


def embed_nodes(graph: Graph, encoder: Encoder, sequence: TokenSequence, types: str | None = None) -> str:
    """`types` names the token types [B,T] (None: all 0)."""
    x = graph.embedding("input_ids", array(encoder.words.weight))
    added = []
    if encoder.positions is not None:
        added.append(first_rows_nodes(graph, array(encoder.positions.weight[: sequence.limit]), sequence.count))
    if encoder.types is not None:
        # apart from the positions, so that graphs which know other types share these
        added.append(graph.constant(array(encoder.type_zero)) if types is None
                     else graph.op("Gather", graph.constant(array(encoder.types.weight)), types))
    for other in added:
        x = graph.op("Add", x, other)
    return linear_nodes(graph, encoder.project, norm_nodes(graph, encoder.norm, x))


def mean_nodes(graph: Graph, x: str, mask: str) -> str:
    """Over the unmasked tokens: [B,T,H], [B,T] → [B,H]."""
    total = graph.op("MatMul", graph.op("Unsqueeze", mask, graph.ints([1])), x)
    return graph.op("Div", graph.op("Squeeze", total, graph.ints([1])),
                    graph.op("ReduceSum", mask, graph.ints([1]), keepdims=1))


def export_interaction(
    interaction: Interaction, limit: int, weights: SharedWeights, compute: InteractionCompute,
    feeds: Sequence[Feed] = (),
) -> onnx.ModelProto:
    """query_states [Tq,H], document_states int8 [N,Td,D] with scales [N,Td] and lengths [N] → scores [N]. Lexical
    blocks also need query_tokens [Tq] and document_tokens [N,Td], which no bundle has yet: comparisons run them.
    `feeds`: inputs from real text, which int8-fixed finds its scales on."""
    seen = None
    if compute == "int8-fixed":
        watched = Graph("interaction", SharedWeights(), compute)
        seen = watch(watched, interaction_nodes(watched, interaction, limit), feeds)
    return interaction_nodes(Graph("interaction", weights, compute, seen), interaction, limit)


def interaction_nodes(graph: Graph, interaction: Interaction, limit: int) -> onnx.ModelProto:
    hidden, dims = interaction.shape.hidden, interaction.blocks[0].cross_key.in_features
    same = same_nodes(graph) if interaction.form.lexical else None
    count = size_nodes(graph, "query_states", 0)
    sequence = TokenSequence(graph, count, query_bias_nodes(graph, count), limit, by_row=True)
    x = graph.op("Unsqueeze", "query_states", graph.ints([0]))
    for number, block in enumerate(interaction.blocks):
        x = cross_nodes(graph, block, x, same, once=number == 0)
        x = layer_nodes(graph, block.layer, x, sequence, cls_only=number == len(interaction.blocks) - 1)
    cls = graph.op("Squeeze", x, graph.ints([1]))
    score_nodes(graph, interaction, norm_nodes(graph, interaction.final_norm, cls))
    inputs = [value("query_states", FLOAT, ["Tq", hidden]), value("document_states", INT8, ["N", "Td", dims]),
              value("document_scales", FLOAT, ["N", "Td"]), value("document_lengths", INT64, ["N"])]
    if same is not None:
        inputs += [value("query_tokens", INT64, ["Tq"]), value("document_tokens", INT64, ["N", "Td"])]
    return graph.model(inputs, [value("scores", FLOAT, ["N"])])


def score_nodes(graph: Graph, reader: Reader, x: str) -> None:
    """`Reader.score`: rows [B,H] → the output scores [B]."""
    inner = linear_nodes(graph, reader.pooler, x)
    inner = graph.op("Tanh", inner) if reader.shape.family == "bert" else graph.op("Gelu", inner, approximate="none")
    scores = linear_nodes(graph, reader.head, norm_nodes(graph, reader.pooler_norm, inner))
    graph.name_output(graph.op("Squeeze", scores, graph.ints([1])), "scores")


def cross_nodes(graph: Graph, block: Block, x: str, same: str | None = None, once: bool = False) -> str:
    """`pruned.cross`: x [1 or N,Tq,H], same [N,Tq,D] (for a lexical one) → [N,Tq,H]. `once`: x is the query alone."""
    before, after = (block.cross_norm, nn.Identity()) if block.pre_norm else (nn.Identity(), block.cross_norm)
    q = linear_nodes(graph, block.cross_query, norm_nodes(graph, before, x), few=once)
    values = (one_head_nodes if block.read_heads == 1 else absorbed_nodes)(graph, block, q, once)
    # the value bias passes through the weighted sum unchanged, so it joins the output's
    value_bias = block.cross_value.bias.repeat(block.heads // block.read_heads)
    bias = block.cross_out.weight @ value_bias + block.cross_out.bias
    added = graph.linear(values, array(block.cross_out.weight), array(bias))
    if block.lexical is not None:
        assert same is not None
        added = graph.op("Add", added, linear_nodes(graph, block.lexical, same))
    return norm_nodes(graph, after, graph.op("Add", added, x))


def absorbed_nodes(graph: Graph, block: Block, q: str, once: bool) -> str:
    """q [1 or N,Tq,H] → what its heads read [N,Tq,H], each with the key and value head of its own."""
    hidden, dims = block.cross_query.in_features, block.cross_key.in_features
    width = hidden // block.heads
    key = array(block.cross_key.weight).reshape(block.heads, width, dims) / math.sqrt(width)
    val = array(block.cross_value.weight)

    def read_group(stored: StoredStates, asked: str) -> str:
        read = stored.read(asked)
        values = graph.by_head(graph.reshape(read.rest, [0, block.heads, -1, dims]),
                               val.reshape(block.heads, width, dims).transpose(0, 2, 1))
        if read.scale is not None and read.share is not None:
            first = graph.op("MatMul", first_state_nodes(graph, stored.documents), graph.constant(val.T))
            first = graph.reshape(first, [0, block.heads, 1, width])
            scale, share = (graph.reshape(part, [0, block.heads, -1, 1]) for part in (read.scale, read.share))
            values = graph.op("Add", graph.op("Mul", values, scale), graph.op("Mul", first, share))
        return merge_nodes(graph, values, hidden)

    absorbed = graph.by_head(heads_nodes(graph, q, block.heads, width), key)
    return read_in_groups(graph, graph.reshape(absorbed, [0, -1, dims]), once, read_group)


def one_head_nodes(graph: Graph, block: Block, q: str, once: bool) -> str:
    """The same with one key and value head for all: made of every document, in the width of a head."""
    hidden = block.cross_query.in_features
    width = hidden // block.heads

    def read_group(stored: StoredStates, asked: str) -> str:
        key, val = (graph.op("MatMul", stored.states(), graph.constant(array(weight.T)))
                    for weight in (block.cross_key.weight / math.sqrt(width), block.cross_value.weight))
        logits = graph.op("MatMul", asked, graph.transpose(key, [0, 2, 1]))
        attended = graph.op("Softmax", graph.op("Add", logits, bias_nodes(graph, stored.inside)), axis=-1)
        context = graph.reshape(graph.op("MatMul", attended, val), [0, block.heads, -1, width])
        return merge_nodes(graph, context, hidden)

    rows = graph.reshape(heads_nodes(graph, q, block.heads, width), [0, -1, width])
    return read_in_groups(graph, rows, once, read_group)


def same_nodes(graph: Graph) -> str:
    """The mean of a document's states with a query token's id [N,Tq,D], 0 where there is none."""
    stored = stored_states(graph)
    asked = graph.op("Unsqueeze", "query_tokens", graph.ints([0, 2]))
    equal = graph.op("Equal", asked, graph.op("Unsqueeze", "document_tokens", graph.ints([1])))
    alike = graph.cast(graph.op("And", equal, stored.inside), FLOAT)
    count = graph.op("ReduceSum", alike, graph.ints([-1]), keepdims=1)
    return stored.average(graph.op("Div", alike, graph.op("Max", count, graph.float(1))))


def query_bias_nodes(graph: Graph, count: str) -> str:
    """BLOCKED in column 0 for every row but row 0: [Tq,Tq]."""
    position = range_nodes(graph, count)
    is_cls = graph.op("Equal", position, graph.ints([0]))
    later_row = graph.op("Unsqueeze", graph.op("Not", is_cls), graph.ints([1]))
    blocked = graph.op("And", later_row, graph.op("Unsqueeze", is_cls, graph.ints([0])))
    return graph.op("Where", blocked, graph.float(BLOCKED), graph.float(0))
