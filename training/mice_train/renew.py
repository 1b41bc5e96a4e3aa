"""Another fast query encoder for a bundle that is there: aligned for longer, or on other queries. All else stays as it
is, and so does the bundle's id: what was stored with it can be scored as before."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch

from mice_train.bundle import read_manifest, write_manifest
from mice_train.card import renew_tolerance
from mice_train.encoder import Encoder
from mice_train.export import export_query_fast
from mice_train.graph import WEIGHTS_FILE, Compute, Computes, SharedWeights, save
from mice_train.graph_session import open_graph
from mice_train.publish import in_place_of
from mice_train.refused import Refused
from mice_train.tokens import load_tokenizer, tokenize
from mice_train.tolerance import USUAL, Accepted, Apart, hold

ROLE = "query-fast"
OUTPUT = "queryFastVectors"


def renew_query_fast(
    teacher: Encoder, student: Encoder, directory: Path, texts: Sequence[str], compute: Compute,
    accepted: Accepted = USUAL,
) -> dict:
    """→ the manifest of the bundle at `directory`, whose fast query encoder is now `student`, aligned to `teacher`.

    @raises Refused where the bundle has no such graph or vectors of another encoder, ToleranceExceeded; it stays then.
    """
    manifest = read_manifest(directory)
    if ROLE not in manifest["graphs"]:
        raise Refused(f"{directory} has no {ROLE} graph; accepted is a bundle that was exported with one")
    ids = tokenize(load_tokenizer(directory / "tokenizer.json"), list(texts), manifest["limits"]["queryTokens"])
    moved = apart(directory / manifest["graphs"]["query"], teacher, ids).root_mean_square
    if not moved <= accepted.quantized:
        raise Refused(f"the recipe's source gives other vectors than {directory} ({moved:.2g} of their spread apart); "
                      f"accepted is the source that the bundle was made from")
    limit, file = max(manifest["limits"].values()), manifest["graphs"][ROLE]
    with in_place_of(directory) as unfinished:
        shutil.copytree(directory, unfinished)
        weights = stored_weights(directory, manifest["graphs"])
        save(export_query_fast(student, limit, weights.own(f"{ROLE}.bin"), compute), unfinished / file)
        weights.write(unfinished)
        before, shipped = manifest["tolerance"], apart(unfinished / file, student, ids)
        manifest["tolerance"] = renewed(before, compute, shipped, float32_apart(student, limit, ids))
        hold(manifest["tolerance"])
        renew_tolerance(unfinished, before, manifest["tolerance"])
        write_manifest(unfinished, manifest)
    return manifest


def stored_weights(directory: Path, graphs: dict[str, str]) -> SharedWeights:
    """What the bundle's other graphs read of the file that they share, to be read from there."""
    weights = SharedWeights()
    weights.content += (directory / WEIGHTS_FILE).read_bytes()
    for role, file in graphs.items():
        if role == ROLE:
            continue
        for tensor in onnx.load(directory / file, load_external_data=False).graph.initializer:
            at = {entry.key: entry.value for entry in tensor.external_data}
            if at.get("location") == WEIGHTS_FILE:
                start = int(at["offset"])
                raw = weights.content[start:start + int(at["length"])]
                weights.offsets[hashlib.sha256(raw).hexdigest()] = start
    return weights


def renewed(tolerance: dict, compute: Compute, shipped: Apart, exact: Apart) -> dict:
    """What `measure_tolerance` states, anew for this one graph."""
    computes = tolerance["quantized"]["compute"]
    by_role = Computes.alike(computes).by_role() if isinstance(computes, str) else computes
    figures = {"spread": exact.spread, "graphsVsPytorch": exact.most, "quantized": shipped.root_mean_square}
    anew = {kind: {**tolerance[kind], OUTPUT: figure} for kind, figure in figures.items()}
    anew["quantized"]["compute"] = {**by_role, ROLE: compute}
    return {**tolerance, **anew}


def float32_apart(student: Encoder, limit: int, ids: list[list[int]]) -> Apart:
    with tempfile.TemporaryDirectory() as folder:
        weights, path = SharedWeights(), Path(folder) / f"{ROLE}.onnx"
        save(export_query_fast(student, limit, weights, "float32"), path)
        weights.write(path.parent)
        return apart(path, student, ids)


@torch.inference_mode()
def apart(graph: Path, encoder: Encoder, ids: list[list[int]]) -> Apart:
    """A graph's vectors and an encoder's of the same queries."""
    session, given, expected = open_graph(graph), [], []
    for row in ids:
        asked = torch.tensor([row])
        mask = torch.ones_like(asked)
        given.append(session.run(["vector"], {"input_ids": asked.numpy(), "attention_mask": mask.numpy()})[0][0])
        expected.append(encoder(asked, mask, 0)[1][0].numpy())
    return Apart(np.concatenate(given), np.concatenate(expected))
