"""A small writer of ONNX graphs whose weights lie in one file that several graphs share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mice_train.fitted import Rounding, fit_linear, quantize_rows

WEIGHTS_FILE = "weights.bin"
OPSET = 21
IR_VERSION = 10
"""The newest that runtimes of 2024 read."""
ALIGNMENT = 64
INLINE_BYTES = 512
"""Tensors up to this size stay in the graph, where shape inference and folding can see them."""
BLOCK = 32
"""Weights per int8 scale along a row. 32 halves the error of 128 for 4% more bytes."""

Compute = Literal["float32", "int8-blocks", "int8-weights", "int12-weights", "int8-rows"]
InteractionCompute = Literal["float32", "int8-blocks", "int8-weights", "int12-weights", "int8-rows", "int8-fixed"]
"""How big matrices are stored and multiplied.

float32: as they are. int8-blocks: MatMulNBits, int8 weights with a scale per BLOCK, activations quantised per row
and block inside the kernel, so no row depends on another. int8-weights: the same weights in float32, which they become
when the graph is opened. int12-weights: to these is added then what their rounding left of the weights, in four bits
with a scale per BLOCK, and to rows of embeddings alike: a sixth of the error, half as many bytes again, and no other
time. int8-rows: int8 weights with a scale per output channel, activations with a scale per row,
multiplied as integers, and stored states as they are stored: about half the time of the others where rows are many,
with a coarser rounding than blocks. int8-fixed: the same with activation scales that were found at export on real text
(`fitted.py`), so that nothing is measured at run time.
"""

@dataclass(frozen=True)
class Computes:
    """How each graph of a bundle computes. Graphs that share layers share their weights only where they agree."""

    document: Compute = "int8-blocks"
    query: Compute = "int8-blocks"
    interaction: InteractionCompute = "int8-blocks"
    query_fast: Compute = "int8-blocks"
    cross_encoder: Compute = "int8-blocks"

    @staticmethod
    def alike(compute: Compute) -> Computes:
        return Computes(*[compute] * 5)

    def by_role(self) -> dict[str, InteractionCompute]:
        return {field.name.replace("_", "-"): getattr(self, field.name) for field in fields(self)}


MIDDLE = 128
"""What stands for 0 where values around it are stored as uint8: kernels for uint8 times int8 are the fast ones."""
MOST_4BIT, MIDDLE_4BIT = 7, 8
"""The same for four bits, with the largest value beside it."""
LEAST_SCALE = 1e-20
"""Scale of a row of zeros, which can then be divided by."""


def digest(row: np.ndarray) -> bytes:
    return hashlib.sha256(row.tobytes()).digest()


RoundedRows = Mapping[bytes, tuple[np.ndarray, np.ndarray]]
"""The `digest` of a row of a matrix → what `SharedWeights.blocks` gives for it in place of its plain rounding."""


class SharedWeights:
    """A file of external data that several graphs read; equal tensors are stored once, `rounded` rows as they are there
    in every matrix that has them."""

    def __init__(
        self, rounded: RoundedRows = MappingProxyType({}), file: str = WEIGHTS_FILE, base: SharedWeights | None = None
    ) -> None:
        """Tensors that `base` has are read from its file."""
        self.content = bytearray()
        self.offsets: dict[str, int] = {}
        self.rounded = rounded
        self.file = file
        self.base = base
        self.beside: list[SharedWeights] = []

    def own(self, file: str) -> SharedWeights:
        """For a graph whose other tensors are to lie in a file of its own."""
        made = SharedWeights(self.rounded, file, self)
        self.beside.append(made)
        return made

    def blocks(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `quantize_blocks`."""
        known = [self.rounded.get(digest(row)) for row in weight] if self.rounded else [None]
        if None in known:
            return quantize_blocks(weight)
        q, scale = zip(*known, strict=True)
        return np.stack(q), np.stack(scale)

    def place(self, raw: bytes) -> tuple[str, int]:
        """→ file, offset in bytes."""
        key = hashlib.sha256(raw).hexdigest()
        if self.base is not None and key in self.base.offsets:
            return self.base.file, self.base.offsets[key]
        if key not in self.offsets:
            self.content.extend(bytes(-len(self.content) % ALIGNMENT))
            self.offsets[key] = len(self.content)
            self.content.extend(raw)
        return self.file, self.offsets[key]

    def write(self, directory: Path) -> None:
        """Every file that has anything in it."""
        for weights in (self, *self.beside):
            if weights.content:
                (directory / weights.file).write_bytes(weights.content)


class Graph:
    """Nodes are added in order; every method returns the name of the value it makes."""

    def __init__(
        self, name: str, weights: SharedWeights, compute: InteractionCompute, seen: list[np.ndarray] | None = None
    ) -> None:
        """`seen` is for int8-fixed, what `points` held on real text [rows,channels]. Without it the graph computes in
        float32 there, to find that out."""
        self.name = name
        self.weights = weights
        self.compute = compute
        self.seen = seen
        self.points: list[str] = []
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: dict[str, onnx.TensorProto] = {}
        self.count = 0
        self.quantized: dict[str, tuple[str, str]] = {}

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes) -> str:
        self.count += 1
        out = f"{kind}_{self.count}"
        name = f"n{self.count}_{kind}"
        self.nodes.append(helper.make_node(kind, inputs, [out], name=name, domain=domain, **attributes))
        return out

    def gathered(self, turns: str, turn: Callable[[str], str]) -> str:
        """`turns` [] int64 times the nodes that `turn` adds, given the number of the turn [] from 0; → the float32
        values that they make, one behind the other along the first axis."""
        self.count += 1
        number, going, before, after = (f"Loop_{self.count}_{part}" for part in ("number", "going", "before", "after"))
        outside, self.nodes = (self.nodes, self.quantized), []
        self.quantized = dict(self.quantized)
        self.nodes.append(helper.make_node("SequenceInsert", [before, turn(number)], [after], name=after))
        inputs = [helper.make_tensor_value_info(number, TensorProto.INT64, []),
                  helper.make_tensor_value_info(going, TensorProto.BOOL, [1]),
                  helper.make_tensor_sequence_value_info(before, TensorProto.FLOAT, None)]
        outputs = [helper.make_tensor_value_info(f"{going}_on", TensorProto.BOOL, [1]),
                   helper.make_tensor_sequence_value_info(after, TensorProto.FLOAT, None)]
        self.nodes.append(helper.make_node("Identity", [going], [f"{going}_on"], name=f"{going}_on"))
        body = helper.make_graph(self.nodes, number, inputs, outputs)
        self.nodes, self.quantized = outside
        found = self.op("Loop", turns, self.constant(np.array(True)), self.op("SequenceEmpty", dtype=TensorProto.FLOAT),
                        body=body)
        return self.op("ConcatFromSequence", found, axis=0)

    def split(self, x: str, sizes: list[int]) -> list[str]:
        """Along the last axis."""
        self.count += 1
        outs = [f"Split_{self.count}_{part}" for part in range(len(sizes))]
        self.nodes.append(helper.make_node("Split", [x, self.ints(sizes)], outs, name=f"n{self.count}_Split", axis=-1))
        return outs

    def constant(self, array: np.ndarray) -> str:
        """Equal ones are one, but for int8: where ONNX Runtime turns these to uint8 it refuses a graph in which nodes
        share one. In the weights' file they are one all the same."""
        array = np.ascontiguousarray(array)
        tensor = numpy_helper.from_array(array)
        raw = tensor.raw_data
        name = f"w_{hashlib.sha256(raw + str((array.dtype, array.shape)).encode()).hexdigest()[:16]}"
        if array.dtype == np.int8 and name in self.tensors:
            name = f"{name}_{len(self.tensors)}"
        if name not in self.tensors:
            tensor.name = name
            if len(raw) > INLINE_BYTES:
                tensor = self.external(tensor, raw)
            self.tensors[name] = tensor
        return name

    def external(self, inline: onnx.TensorProto, raw: bytes) -> onnx.TensorProto:
        tensor = onnx.TensorProto(name=inline.name, dims=inline.dims, data_type=inline.data_type)
        tensor.data_location = TensorProto.EXTERNAL
        location, offset = self.weights.place(raw)
        entries = {"location": location, "offset": offset, "length": len(raw)}
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=str(value))
        return tensor

    def ints(self, values: list[int]) -> str:
        return self.constant(np.array(values, np.int64))

    def float(self, value: float) -> str:
        return self.constant(np.array(value, np.float32))

    def reshape(self, x: str, shape: list[int]) -> str:
        """0 keeps a dimension, −1 is what remains."""
        return self.op("Reshape", x, self.ints(shape))

    def transpose(self, x: str, order: list[int]) -> str:
        return self.op("Transpose", x, perm=order)

    def seen_at(self, x: str) -> np.ndarray | None:
        """Marks a value whose scale is fixed; → what it was [rows,channels], None as long as that is to be found."""
        self.points.append(x)
        return None if self.seen is None else self.seen[len(self.points) - 1]

    def rounded(self, x: str, scale: Rounding) -> tuple[str, str, str]:
        """→ x as uint8, with the scale and the zero point that are the same for all of it."""
        size, zero = self.constant(np.float32(scale.size)), self.constant(np.uint8(scale.zero))
        return self.op("QuantizeLinear", x, size, zero), size, zero

    def integer_product(self, x: tuple[str, str, str], weight: str, scale: str, bias: str = "") -> str:
        """What `rounded` made [...,n] · int8 weight [...,n,out] with its scale, a number or one an output → float32."""
        values, size, zero = x
        return self.op("MatMulIntegerToFloat", values, weight, size, scale, zero, *(["", bias] if bias else []),
                       domain="com.microsoft")

    def fixed_linear(self, x: str, weight: np.ndarray, bias: np.ndarray | None) -> str | None:
        """`linear` with a fixed scale; None as long as that is to be found."""
        rows = self.seen_at(x)
        if rows is None:
            return None
        fitted = fit_linear(rows, weight)
        if fitted.divisors is not None:
            x = self.op("Mul", x, self.constant(1 / fitted.divisors))
        moved = fitted.moved if bias is None else bias + fitted.moved
        return self.integer_product(self.rounded(x, fitted.rounding), self.constant(fitted.weight.T),
                                    self.constant(fitted.scales), self.constant(moved.astype(np.float32)))

    def by_head(self, x: str, weight: np.ndarray) -> str:
        """x [...,heads,T,in] · weight [heads,in,out] → [...,heads,T,out]. In float32: products this small gain little
        from integers, whose rounding showed most here."""
        return self.op("MatMul", x, self.constant(weight.astype(np.float32)))

    def linear(self, x: str, weight: np.ndarray, bias: np.ndarray | None, few: bool = False) -> str:
        """x [...,in] · weight [out,in]ᵀ + bias. `few` rows, the query's or one a document, save less time than a fixed
        scale's error is worth: int12-weights in int8-fixed."""
        rows, inner = weight.shape
        compute = "int12-weights" if few and self.compute == "int8-fixed" else self.compute
        if compute == "int8-fixed" and rows > 1:
            fixed = self.fixed_linear(x, weight, bias)
            if fixed is not None:
                return fixed
        if compute == "int8-blocks" and inner % BLOCK == 0 and rows > 1:
            q, scale = self.weights.blocks(weight)
            inputs = [x, self.constant(q), self.constant(scale)]
            y = self.op("MatMulNBits", *inputs, domain="com.microsoft", K=inner, N=rows, bits=8, block_size=BLOCK,
                        accuracy_level=4)
        elif compute in ("int8-weights", "int12-weights") and inner % BLOCK == 0 and rows > 1:
            w = self.whole_weight(weight, with_rest=compute == "int12-weights")
            y = self.op("MatMul", x, self.transpose(w, [1, 0]))
        elif compute == "int8-rows" and rows > 1:
            q8, row_scale = quantize_rows(weight)
            values, scale, middle = self.quantized_rows(x)
            y = self.op("MatMulIntegerToFloat", values, self.constant(q8.T), self.float(1), self.constant(row_scale),
                        middle, domain="com.microsoft")
            y = self.op("Mul", y, scale)
        else:
            y = self.op("MatMul", x, self.constant(weight.T.astype(np.float32)))
        return y if bias is None else self.op("Add", y, self.constant(bias.astype(np.float32)))

    def whole_weight(self, weight: np.ndarray, with_rest: bool) -> str:
        """int8 blocks as float32 [out,in], `with_rest` of what they leave of the weight in four bits: a runtime adds
        them up when the graph is opened."""
        q, scale = self.weights.blocks(weight)
        q = q.reshape(weight.shape)
        middle = self.constant(np.full(scale.shape, MIDDLE, np.uint8))
        whole = self.op("DequantizeLinear", self.constant(q), self.constant(scale), middle, axis=1, block_size=BLOCK)
        if not with_rest:
            return whole
        left = weight - (q.astype(np.float32) - MIDDLE) * scale.repeat(BLOCK, axis=1)
        q4, fine = quantize_rows(left.reshape(-1, BLOCK), MOST_4BIT)
        q4 = q4.reshape(weight.shape).astype(helper.tensor_dtype_to_np_dtype(TensorProto.INT4))
        rest = self.op("DequantizeLinear", self.constant(q4), self.constant(fine.reshape(scale.shape)), axis=1,
                       block_size=BLOCK)
        return self.op("Add", whole, rest)

    def quantized_rows(self, x: str) -> tuple[str, str, str]:
        """x [...,n] → uint8 around MIDDLE [...,n], their scales [...,1], MIDDLE: one scale a row of n."""
        middle = self.constant(np.array(MIDDLE, np.uint8))
        if x not in self.quantized:
            scale = self.row_scale(self.op("Abs", x), MIDDLE - 1)
            self.quantized[x] = self.op("QuantizeLinear", self.op("Div", x, scale), self.float(1), middle), scale
        return *self.quantized[x], middle

    def row_scale(self, sizes: str, most: int) -> str:
        """Sizes ≥ 0 [...,n] → the scale [...,1] that brings a row's largest to `most`."""
        largest = self.op("ReduceMax", sizes, self.ints([-1]), keepdims=1)
        return self.op("Max", self.op("Mul", largest, self.float(1 / most)), self.float(LEAST_SCALE))

    def embedding(self, ids: str, table: np.ndarray) -> str:
        """Rows of table [V,H], stored as int8 with a scale per row unless computing in float32; int12-weights adds four
        bits."""
        if self.compute == "float32":
            return self.op("Gather", self.constant(table), ids)
        q, scale = quantize_rows(table)
        row = self.cast(self.op("Gather", self.constant(q), ids), TensorProto.FLOAT)
        if self.compute == "int12-weights":
            row = self.op("Add", row, self.rest_of_rows(ids, table / scale[:, None] - q))
        return self.op("Mul", row, self.op("Gather", self.constant(scale[:, None]), ids))

    def rest_of_rows(self, ids: str, left: np.ndarray) -> str:
        """Rows of left [V,H], what rounding to whole numbers left, in four bits: two halves of a row in one uint8."""
        q4 = np.rint(left * (2 * MOST_4BIT)).astype(np.int8) + MIDDLE_4BIT
        first, second = np.split(q4.astype(np.uint8), 2, axis=1)
        both = self.op("Gather", self.constant(first | second << 4), ids)
        halves = (self.op("BitwiseAnd", both, self.constant(np.uint8(15))),
                  self.op("BitShift", both, self.constant(np.uint8(4)), direction="RIGHT"))
        steps = self.op("Sub", self.cast(self.op("Concat", *halves, axis=-1), TensorProto.FLOAT),
                        self.float(MIDDLE_4BIT))
        return self.op("Mul", steps, self.float(0.5 / MOST_4BIT))

    def cast(self, x: str, dtype: int) -> str:
        return self.op("Cast", x, to=dtype)

    def name_output(self, x: str, name: str) -> None:
        self.count += 1
        self.nodes.append(helper.make_node("Identity", [x], [name], name=f"n{self.count}_{name}"))

    def norm(self, x: str, gain: np.ndarray, offset: np.ndarray, eps: float) -> str:
        return self.op("LayerNormalization", x, self.constant(gain), self.constant(offset), axis=-1, epsilon=eps)

    def model(self, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]) -> onnx.ModelProto:
        graph = helper.make_graph(self.nodes, self.name, inputs, outputs, list(self.tensors.values()))
        opsets = [helper.make_opsetid("", OPSET)]
        if any(node.domain == "com.microsoft" for node in self.nodes):
            opsets.append(helper.make_opsetid("com.microsoft", 1))
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="mice-train")


def quantize_blocks(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[out,in] → uint8 [out,in/BLOCK,BLOCK] around 128, float32 scale [out,in/BLOCK]: MatMulNBits' layout."""
    out, inner = weight.shape
    q, scale = quantize_rows(weight.reshape(-1, BLOCK))
    shifted = (q.astype(np.int16) + 128).astype(np.uint8)
    return shifted.reshape(out, inner // BLOCK, BLOCK), scale.reshape(out, inner // BLOCK)


def save(model: onnx.ModelProto, path: Path) -> None:
    path.write_bytes(model.SerializeToString(deterministic=True))
