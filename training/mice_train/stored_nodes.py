"""Attention over the stored document states as nodes: in float32, or in the int8 that they are stored in."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from mice_train.encoder import BLOCKED
from mice_train.fitted import LEVELS, fit_rounding
from mice_train.graph import LEAST_SCALE, Graph
from mice_train.nodes import FLOAT

MOST_WEIGHT = LEVELS
"""Attention weights are not negative, so they take all of a uint8."""


class StoredStates(Protocol):
    """The inputs document_states [N,Td,D] and document_scales [N,Td], of which those `inside` [N,1,Td] count."""

    inside: str

    def read(self, q: str) -> str:
        """q [1 or N,R,D] → the mean of the states, weighted by the softmax of their products with q [N,R,D]."""

    def average(self, attended: str) -> str:
        """Weights [N,R,Td] → the sum of the states so weighted [N,R,D]."""

    def states(self) -> str:
        """In float32 [N,Td,D]."""


def stored_states(graph: Graph, inside: str) -> StoredStates:
    if graph.compute == "int8-fixed" and graph.seen is not None:
        return FixedStates(graph, inside)
    return Int8States(graph, inside) if graph.compute == "int8-rows" else FloatStates(graph, inside)


def bias_nodes(graph: Graph, inside: str) -> str:
    """What is added to the logits [N,1,Td]."""
    return graph.op("Where", inside, graph.float(0), graph.float(BLOCKED))


def scaled_states(graph: Graph) -> str:
    scales = graph.op("Unsqueeze", "document_scales", graph.ints([2]))
    return graph.op("Mul", graph.cast("document_states", FLOAT), scales)


def positive_nodes(graph: Graph, scales: str) -> str:
    return graph.op("Max", scales, graph.float(LEAST_SCALE))


class FloatStates:
    """Scaled once; multiplied as float32."""

    def __init__(self, graph: Graph, inside: str) -> None:
        self.graph = graph
        self.inside = inside
        self.bias = bias_nodes(graph, inside)
        self.z = scaled_states(graph)
        self.turned = graph.transpose(self.z, [0, 2, 1])

    def states(self) -> str:
        return self.z

    def read(self, q: str) -> str:
        graph = self.graph
        if graph.compute == "int8-fixed":
            graph.seen_at(q)
        logits = graph.op("MatMul", q, self.turned)
        return self.average(graph.op("Softmax", graph.op("Add", logits, self.bias), axis=-1))

    def average(self, attended: str) -> str:
        return self.graph.op("MatMul", attended, self.z)


class StoredIntegers:
    """States that products read as they are stored."""

    def __init__(self, graph: Graph, inside: str) -> None:
        self.graph = graph
        self.inside = inside
        self.scales = graph.op("Unsqueeze", "document_scales", graph.ints([1]))
        self.turned = graph.transpose("document_states", [0, 2, 1])
        self.z: str | None = None

    def states(self) -> str:
        """Scaled where a layer wants them so."""
        if self.z is None:
            self.z = scaled_states(self.graph)
        return self.z


class Int8States(StoredIntegers):
    """Multiplied as they are stored; what they meet is quantised row by row, so that no document depends on another."""

    def __init__(self, graph: Graph, inside: str) -> None:
        super().__init__(graph, inside)
        self.bias = bias_nodes(graph, inside)

    def read(self, q: str) -> str:
        graph = self.graph
        values, scale, middle = graph.quantized_rows(q)
        product = graph.cast(graph.op("MatMulInteger", values, self.turned, middle), FLOAT)
        logits = graph.op("Mul", graph.op("Mul", product, scale), self.scales)
        return self.average(graph.op("Softmax", graph.op("Add", logits, self.bias), axis=-1))

    def average(self, attended: str) -> str:
        """The scale of a state joins the weight of its token."""
        graph = self.graph
        weights = graph.op("Mul", attended, self.scales)
        scale = graph.row_scale(weights, MOST_WEIGHT)
        zero = graph.constant(np.array(0, np.uint8))
        values = graph.op("QuantizeLinear", graph.op("Div", weights, scale), graph.float(1), zero)
        return graph.op("Mul", graph.cast(graph.op("MatMulInteger", values, "document_states"), FLOAT), scale)


class FixedStates(StoredIntegers):
    """Multiplied as they are stored, by queries of a fixed scale.

    The scale s of a state belongs to its token's weight w. With its logarithm added to the logit, where padding is
    blocked anyway, the softmax gives u = w·s / Σ w·s, and since Σ w = 1 the mean is Σ u·z / Σ (u/s): no pass over the
    weights for it. They are rounded by the largest of their row, which comes back with the sum.
    """

    def __init__(self, graph: Graph, inside: str) -> None:
        super().__init__(graph, inside)
        self.bias = graph.op("Where", inside, graph.op("Log", positive_nodes(graph, self.scales)), graph.float(BLOCKED))
        column = graph.op("Unsqueeze", "document_scales", graph.ints([2]))
        self.parts = graph.op("Where", graph.reshape(inside, [0, -1, 1]),
                              graph.op("Reciprocal", positive_nodes(graph, column)), graph.float(0))
        self.tokens = graph.op("Slice", graph.op("Shape", "document_states"), graph.ints([1]), graph.ints([2]))

    def read(self, q: str) -> str:
        graph = self.graph
        rounded = graph.rounded(q, fit_rounding(graph.seen_at(q)))
        logits = graph.integer_product(rounded, self.turned, self.scales)
        shares = graph.op("Softmax", graph.op("Add", logits, self.bias), axis=-1)
        total, most = self.weighted(shares)
        whole = graph.reshape(graph.op("MatMul", shares, self.parts), [-1])
        shape = graph.op("Concat", graph.op("Slice", graph.op("Shape", shares), graph.ints([0]), graph.ints([2])),
                         graph.ints([1]), axis=0)
        return graph.op("Mul", total, graph.op("Reshape", graph.op("Div", most, whole), shape))

    def weighted(self, shares: str) -> tuple[str, str]:
        """Not negative [N,R,Td] → the sum of the integers so weighted [N,R,D] in units of the largest of a row, these
        [N·R]. One row of weights has one scale, so rows are flattened, where that is quick."""
        graph = self.graph
        flat = graph.op("Reshape", shares, graph.op("Concat", graph.ints([-1]), self.tokens, axis=0))
        most = graph.op("ReduceMax", flat, graph.ints([-1]), keepdims=0)
        step = graph.op("Mul", most, graph.float(1 / MOST_WEIGHT))
        values = graph.op("Reshape", graph.op("QuantizeLinear", flat, step, axis=0), graph.op("Shape", shares))
        one = graph.float(1)
        product = graph.op("MatMulIntegerToFloat", values, "document_states", graph.float(1 / MOST_WEIGHT), one,
                           domain="com.microsoft")
        return product, most

    def average(self, attended: str) -> str:
        return self.graph.op("MatMul", attended, self.states())
