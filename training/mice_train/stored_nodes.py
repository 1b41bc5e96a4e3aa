"""Attention over the stored document states as nodes: in float32, or in the int8 that they are stored in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mice_train.fitted import LEVELS, Rounding, fit_rounding
from mice_train.graph import LEAST_SCALE, Graph
from mice_train.layer_nodes import cls_nodes
from mice_train.nodes import FLOAT, INT_MOST, range_nodes, size_nodes

MOST_WEIGHT = LEVELS
"""Attention weights are not negative, so they take all of a uint8."""
PADDING = -60.0
"""Logit of padding, whose states are zero. Beside a row's largest, which was from -2 to 15 on real text, its
exponential is nothing in float32, and a normal number: that of -1e9 comes out as a denormal one, on which processors
take far longer."""
GROUP_WEIGHTS = 160_000
"""Attention weights of a group of documents: some of its float32 tensors fit a core's L2 cache of 1 MiB or 2."""
GROUP_LEAST = 3
"""Documents a group, evenly spread ones: no document is ever alone, whose float32 products the runtime sums in another
order than those of several."""
WHOLE = 16
"""Tokens of a group are a multiple of this where they are laid out so: products handle 16 columns in one."""


@dataclass(frozen=True)
class Read:
    """Means of a document's states [N,R,D] = scale [N,R,1] · rest [N,R,D] + share [N,R,1] · first state [N,1,D], which
    is taken as it is stored; or the rest alone. What follows is linear, and narrower: these come after it."""

    rest: str
    scale: str | None = None
    share: str | None = None


@dataclass(frozen=True)
class Documents:
    """Names of int8 states [N,Td,D], scales [N,Td] and lengths [N], of all documents or a group."""

    states: str = "document_states"
    scales: str = "document_scales"
    lengths: str = "document_lengths"


class StoredStates(Protocol):
    """Documents, of whose tokens those `inside` [N,1,Td] count."""

    documents: Documents
    inside: str

    def read(self, q: str) -> Read:
        """q [1 or N,R,D] → the means of the states, weighted by the softmax of their products with q."""

    def average(self, attended: str) -> str:
        """Weights [N,R,Td] → the sum of the states so weighted [N,R,D]."""

    def states(self) -> str:
        """In float32 [N,Td,D]."""


def stored_states(graph: Graph, documents: Documents = Documents(), asking: Rounding | None = None) -> StoredStates:
    """`asking`: of the queries, where int8-fixed has found it."""
    if asking is not None:
        return FixedStates(graph, documents, asking)
    return (Int8States if graph.compute == "int8-rows" else FloatStates)(graph, documents)


def read_in_groups(graph: Graph, q: str, once: bool, read: Callable[[StoredStates, str], str]) -> str:
    """q [1 or N,R,D] asks all documents, `once` if it is the same for each: `read` gets a group and what asks it, and
    makes [n,…] of them, which becomes [N,…]. In groups, because what attention makes of a document is many times what
    is read of it, and is made and read again quickest in a core's own cache."""
    seen = graph.seen_at(q) if graph.compute == "int8-fixed" else None
    asking = None if seen is None else fit_rounding(seen)
    whole = Documents()
    weights = graph.op("Mul", size_nodes(graph, q, 1), size_nodes(graph, whole.states, 1))
    size = graph.op("Max", graph.op("Div", graph.ints([GROUP_WEIGHTS]), weights), graph.ints([GROUP_LEAST]))
    count = size_nodes(graph, whole.lengths, 0)
    groups = parts_nodes(graph, count, size)

    def turn(number: str) -> str:
        start, end = (graph.op("Div", graph.op("Mul", at, count), groups)
                      for at in (number, graph.op("Add", number, graph.ints([1]))))
        lengths = graph.op("Slice", whole.lengths, start, end, graph.ints([0]))
        longest = graph.op("ReduceMax", lengths, graph.ints([0]), keepdims=1)
        tokens = graph.op("Mul", parts_nodes(graph, longest, graph.ints([WHOLE])), graph.ints([WHOLE]))
        first, last = (graph.op("Concat", *corner, axis=0) for corner in ((start, graph.ints([0])), (end, tokens)))
        states, scales = (graph.op("Slice", x, first, last, graph.ints([0, 1])) for x in (whole.states, whole.scales))
        asked = q if once else graph.op("Slice", q, start, end, graph.ints([0]))
        return read(stored_states(graph, Documents(states, scales, lengths), asking), asked)

    return graph.gathered(graph.op("Squeeze", groups, graph.ints([0])), turn)


def parts_nodes(graph: Graph, x: str, part: str) -> str:
    """How many parts there are in int64 x, a begun one included."""
    return graph.op("Div", graph.op("Add", x, graph.op("Sub", part, graph.ints([1]))), part)


def inside_nodes(graph: Graph, documents: Documents) -> str:
    """Whether a token stands before its document's end: [N,1,Td]."""
    columns = range_nodes(graph, size_nodes(graph, documents.states, 1))
    inside = graph.op("Less", columns, graph.op("Unsqueeze", documents.lengths, graph.ints([1])))
    return graph.op("Unsqueeze", inside, graph.ints([1]))


def bias_nodes(graph: Graph, inside: str) -> str:
    """What is added to the logits [N,1,Td]."""
    return graph.op("Where", inside, graph.float(0), graph.float(PADDING))


def scaled_states(graph: Graph, documents: Documents) -> str:
    scales = graph.op("Unsqueeze", documents.scales, graph.ints([2]))
    return graph.op("Mul", graph.cast(documents.states, FLOAT), scales)


def positive_nodes(graph: Graph, x: str) -> str:
    return graph.op("Max", x, graph.float(LEAST_SCALE))


def first_state_nodes(graph: Graph, documents: Documents) -> str:
    """Every document's first state as it is stored, unscaled [N,1,D]."""
    return graph.cast(cls_nodes(graph, documents.states, axis=1), FLOAT)


class FloatStates:
    """Scaled once; multiplied as float32."""

    def __init__(self, graph: Graph, documents: Documents) -> None:
        self.graph, self.documents = graph, documents
        self.inside = inside_nodes(graph, documents)
        self.bias = bias_nodes(graph, self.inside)
        self.z = scaled_states(graph, documents)
        self.turned = graph.transpose(self.z, [0, 2, 1])

    def states(self) -> str:
        return self.z

    def read(self, q: str) -> Read:
        graph = self.graph
        logits = graph.op("MatMul", q, self.turned)
        return Read(self.average(graph.op("Softmax", graph.op("Add", logits, self.bias), axis=-1)))

    def average(self, attended: str) -> str:
        return self.graph.op("MatMul", attended, self.z)


class StoredIntegers:
    """States that products read as they are stored."""

    def __init__(self, graph: Graph, documents: Documents) -> None:
        self.graph, self.documents = graph, documents
        self.inside = inside_nodes(graph, documents)
        self.scales = graph.op("Unsqueeze", documents.scales, graph.ints([1]))
        self.turned = graph.transpose(documents.states, [0, 2, 1])
        self.z: str | None = None

    def states(self) -> str:
        """Scaled where a layer wants them so."""
        if self.z is None:
            self.z = scaled_states(self.graph, self.documents)
        return self.z


class Int8States(StoredIntegers):
    """Multiplied as they are stored; what they meet is quantised row by row, so that no document depends on another."""

    def __init__(self, graph: Graph, documents: Documents) -> None:
        super().__init__(graph, documents)
        self.bias = bias_nodes(graph, self.inside)

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
        return graph.op("Mul", graph.cast(graph.op("MatMulInteger", values, self.documents.states), FLOAT), scale)


class FixedStates(StoredIntegers):
    """Multiplied as they are stored, by queries of a fixed scale.

    The scale s of a state belongs to its token's weight w. With its logarithm added to the logit, where padding is
    blocked anyway, the softmax gives u = w·s / Σ w·s, and since Σ w = 1 the mean is Σ u·z / Σ (u/s): no pass over the
    weights for it.

    Weights are rounded by the largest of their row but the first: most rows look at `[CLS]` far more than at any other
    token (a sink of attention), in whose steps the others would vanish. What it has beyond the largest is cut off by
    the rounding, and stays apart.
    """

    def __init__(self, graph: Graph, documents: Documents, asking: Rounding) -> None:
        super().__init__(graph, documents)
        self.asking = asking
        positive = positive_nodes(graph, self.scales)
        self.bias = graph.op("Where", self.inside, graph.op("Log", positive), graph.float(PADDING))
        self.parts = graph.reshape(graph.op("Where", self.inside, graph.op("Reciprocal", positive), graph.float(0)),
                                   [0, -1, 1])
        self.tokens = size_nodes(graph, documents.states, 1)

    def read(self, q: str) -> Read:
        graph = self.graph
        logits = graph.integer_product(graph.rounded(q, self.asking), self.turned, self.scales)
        shares = graph.op("Softmax", graph.op("Add", logits, self.bias), axis=-1)
        total, flat_most = self.weighted(shares)
        whole = graph.op("MatMul", shares, self.parts)
        most = graph.op("Reshape", flat_most, graph.op("Shape", whole))
        first = cls_nodes(graph, shares, axis=2)
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
        product = graph.op("MatMulIntegerToFloat", values, self.documents.states, graph.float(1 / MOST_WEIGHT), one,
                           domain="com.microsoft")
        return product, most

    def average(self, attended: str) -> str:
        return self.graph.op("MatMul", attended, self.states())
