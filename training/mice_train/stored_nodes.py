"""Attention over the stored document states as nodes: in float32, or in the int8 that they are stored in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mice_train.encoder import BLOCKED
from mice_train.fitted import LEVELS, fit_rounding
from mice_train.graph import LEAST_SCALE, Graph
from mice_train.nodes import FLOAT, INT_MOST

MOST_WEIGHT = LEVELS
"""Attention weights are not negative, so they take all of a uint8."""


@dataclass(frozen=True)
class Read:
    """Means of a document's states [N,R,D] = scale [N,R,1] · rest [N,R,D] + share [N,R,1] · first state [N,1,D], which
    is taken as it is stored; or the rest alone. What follows is linear, and narrower: these come after it."""

    rest: str
    scale: str | None = None
    share: str | None = None


class StoredStates(Protocol):
    """The inputs document_states [N,Td,D] and document_scales [N,Td], of which those `inside` [N,1,Td] count."""

    inside: str

    def read(self, q: str) -> Read:
        """q [1 or N,R,D] → the means of the states, weighted by the softmax of their products with q."""

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


def positive_nodes(graph: Graph, x: str) -> str:
    return graph.op("Max", x, graph.float(LEAST_SCALE))


def first_state_nodes(graph: Graph) -> str:
    """Every document's first state as it is stored, unscaled [N,1,D]."""
    return graph.cast(graph.op("Slice", "document_states", graph.ints([0]), graph.ints([1]), graph.ints([1])), FLOAT)


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

    def read(self, q: str) -> Read:
        graph = self.graph
        if graph.compute == "int8-fixed":
            graph.seen_at(q)
        logits = graph.op("MatMul", q, self.turned)
        return Read(self.average(graph.op("Softmax", graph.op("Add", logits, self.bias), axis=-1)))

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

    def read(self, q: str) -> Read:
        graph = self.graph
        values, scale, middle = graph.quantized_rows(q)
        product = graph.cast(graph.op("MatMulInteger", values, self.turned, middle), FLOAT)
        logits = graph.op("Mul", graph.op("Mul", product, scale), self.scales)
        return Read(self.average(graph.op("Softmax", graph.op("Add", logits, self.bias), axis=-1)))

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
    weights for it.

    Weights are rounded by the largest of their row but the first: most rows look at `[CLS]` far more than at any other
    token (a sink of attention), in whose steps the others would vanish. What it has beyond the largest is cut off by
    the rounding, and stays apart.
    """

    def __init__(self, graph: Graph, inside: str) -> None:
        super().__init__(graph, inside)
        positive = positive_nodes(graph, self.scales)
        self.bias = graph.op("Where", inside, graph.op("Log", positive), graph.float(BLOCKED))
        self.parts = graph.reshape(graph.op("Where", inside, graph.op("Reciprocal", positive), graph.float(0)),
                                   [0, -1, 1])
        self.tokens = graph.op("Slice", graph.op("Shape", "document_states"), graph.ints([1]), graph.ints([2]))

    def read(self, q: str) -> Read:
        graph = self.graph
        rounded = graph.rounded(q, fit_rounding(graph.seen_at(q)))
        logits = graph.integer_product(rounded, self.turned, self.scales)
        shares = graph.op("Softmax", graph.op("Add", logits, self.bias), axis=-1)
        total, flat_most = self.weighted(shares)
        whole = graph.op("MatMul", shares, self.parts)
        most = graph.op("Reshape", flat_most, graph.op("Shape", whole))
        first = graph.op("Slice", shares, graph.ints([0]), graph.ints([1]), graph.ints([2]))
        beyond = graph.op("Relu", graph.op("Sub", first, most))
        return Read(total, graph.op("Div", most, whole), graph.op("Div", beyond, whole))

    def weighted(self, shares: str) -> tuple[str, str]:
        """Not negative [N,R,Td] → the sum of the integers so weighted [N,R,D] in units of a row's largest but the
        first, these [N·R]. One row of weights has one scale, so rows are flattened, where that is quick."""
        graph = self.graph
        flat = graph.op("Reshape", shares, graph.op("Concat", graph.ints([-1]), self.tokens, axis=0))
        others = graph.op("Slice", flat, graph.ints([1]), graph.ints([INT_MOST]), graph.ints([1]))
        # positive even where there are no others
        most = positive_nodes(graph, graph.op("ReduceMax", others, graph.ints([-1]), keepdims=0))
        step = graph.op("Mul", most, graph.float(1 / MOST_WEIGHT))
        values = graph.op("Reshape", graph.op("QuantizeLinear", flat, step, axis=0), graph.op("Shape", shares))
        one = graph.float(1)
        product = graph.op("MatMulIntegerToFloat", values, "document_states", graph.float(1 / MOST_WEIGHT), one,
                           domain="com.microsoft")
        return product, most

    def average(self, attended: str) -> str:
        return self.graph.op("MatMul", attended, self.states())
