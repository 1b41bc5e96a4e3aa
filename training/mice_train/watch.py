"""What passes the points of a graph on real text."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx

from mice_train.graph import Graph, save
from mice_train.graph_session import open_graph
from mice_train.refused import Refused

Feed = Mapping[str, np.ndarray]
"""Inputs of one inference by name."""
ROWS = 2048
"""Rows kept of a point, evenly of all feeds."""


def watch(graph: Graph, model: onnx.ModelProto, feeds: Sequence[Feed]) -> list[np.ndarray]:
    """→ rows [n,channels] of each of the graph's points, in their order."""
    if not feeds:
        raise Refused("int8-fixed finds its scales on real text, and there is none; accepted is a sample")
    names = list(dict.fromkeys(graph.points))
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    rng, kept = np.random.default_rng(0), {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        save(model, Path(folder) / "watched.onnx")
        graph.weights.write(Path(folder))
        session = open_graph(Path(folder) / "watched.onnx")
        for feed in feeds:
            for name, found in zip(names, session.run(names, feed), strict=True):
                rows = found.reshape(-1, found.shape[-1])
                kept[name].append(rows[rng.permutation(len(rows))[: -(-ROWS // len(feeds))]])
    rows = {name: np.concatenate(found) for name, found in kept.items()}
    return [rows[name] for name in graph.points]
