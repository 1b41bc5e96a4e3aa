"""Attention over the stored document states as nodes: in float32, or in the int8 that they are stored in."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from mice_train.graph import Graph
from mice_train.nodes import FLOAT

MOST_WEIGHT = 255
"""Attention weights are not negative, so they take all of a uint8."""


class StoredStates(Protocol):
    """The inputs document_states [N,Td,D] and document_scales [N,Td]."""

    def logits(self, q: str) -> str:
        """q [1 or N,R,D] → [N,R,Td]."""

    def average(self, attended: str) -> str:
        """Weights [N,R,Td] → the sum of the states so weighted [N,R,D]."""

    def states(self) -> str:
        """In float32 [N,Td,D]."""


def stored_states(graph: Graph) -> StoredStates:
    return Int8States(graph) if graph.compute == "int8-rows" else FloatStates(graph)


def scaled_states(graph: Graph) -> str:
    scales = graph.op("Unsqueeze", "document_scales", graph.ints([2]))
    return graph.op("Mul", graph.cast("document_states", FLOAT), scales)


class FloatStates:
    """Scaled once; multiplied as float32."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.z = scaled_states(graph)
        self.turned = graph.transpose(self.z, [0, 2, 1])

    def states(self) -> str:
        return self.z

    def logits(self, q: str) -> str:
        return self.graph.op("MatMul", q, self.turned)

    def average(self, attended: str) -> str:
        return self.graph.op("MatMul", attended, self.z)


class Int8States:
    """Multiplied as they are stored; what they meet is quantised row by row, so that no document depends on another."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.scales = graph.op("Unsqueeze", "document_scales", graph.ints([1]))
        self.turned = graph.transpose("document_states", [0, 2, 1])
        self.z: str | None = None

    def states(self) -> str:
        """Scaled where a layer wants them so."""
        if self.z is None:
            self.z = scaled_states(self.graph)
        return self.z

    def logits(self, q: str) -> str:
        graph = self.graph
        values, scale, middle = graph.quantized_rows(q)
        product = graph.cast(graph.op("MatMulInteger", values, self.turned, middle), FLOAT)
        return graph.op("Mul", graph.op("Mul", product, scale), self.scales)

    def average(self, attended: str) -> str:
        """The scale of a state joins the weight of its token."""
        graph = self.graph
        weights = graph.op("Mul", attended, self.scales)
        scale = graph.row_scale(weights, MOST_WEIGHT)
        zero = graph.constant(np.array(0, np.uint8))
        values = graph.op("QuantizeLinear", graph.op("Div", weights, scale), graph.float(1), zero)
        return graph.op("Mul", graph.cast(graph.op("MatMulInteger", values, "document_states"), FLOAT), scale)
