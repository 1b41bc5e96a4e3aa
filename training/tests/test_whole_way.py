"""From a cross-encoder of each family and a collection to a bundle and its figures, by the commands themselves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from transformers import AutoModelForSequenceClassification

from mice_train.bundle import read_manifest
from mice_train.cli import main
from mice_train.records import read_passages
from mice_train.runtime import Bundle
from tests.checkpoints import FAMILIES, LAYERS, write_checkpoint
from tests.collections import write_collection

DOCUMENTS = 750
"""Of which 4 in 100 are held out: enough for one validation set."""
SCORE_TOLERANCE = 1e-4


def recipe(folder: str, **changes: object) -> dict:
    return {
        "name": "converted-l2-1",
        "source": {"model": "my-cross-encoder", "licence": "mine", "folder": folder},
        "reading": {"bottom": 2, "vector_layers": 2, "wide_dims": 32, "document_tokens": 40, "query_tokens": 16,
                    "pair_tokens": 48},
        "data": {"sets": [], "own": [{"folder": "mine", "licence": "mine", "style": "heading"}], "made_per_style": 20},
        "lists": {"lists": 128, "pair_tokens": 48},
        "derive": {"steps": 4, "blocks": 1, "form": {"dims": 24, "dtype": "int4"}, "taught": 1.0, "teacher_weight": 1.0,
                   "check_every": 2, "save_every": 2, "log_every": 1, "check_window": 10},
        "grid": {"steps": 2, "passages": 400, "made_per_style": 20, "lists": 128, "queries": 30, "window": 10,
                 "variants": [{"name": "base"}, {"name": "other-bottom", "bottom": 1},
                              {"name": "other-block", "block": {"one_head": True, "mlp": 8, "lexical": True}}]},
        "align": {"minutes": 0.002, "layers": [0], "save_every_minutes": 0.001},
        "calibration": {"queries": 30, "window": 20, "cross_encoder_queries": 20, "cross_encoder_window": 10},
        "export": {"compute": "float32", "query_fast": True, "cross_encoder": True},
        "evaluate": {"sets": ["held-back"], "mean_of": ["held-back"], "probe": ["held-back"], "sample": 10,
                     "cross_encoder": True},
        **changes,
    }


class Place:
    """Folders of one run, and its commands."""

    def __init__(self, root, family: str, **changes: object) -> None:
        self.root = root
        self.family = family
        write_checkpoint(root / "checkpoint", family)
        write_collection(root / "data" / "train" / "mine", DOCUMENTS)
        write_collection(root / "data" / "dev" / "held-back", 120, seed=1)
        (root / "recipe.yaml").write_text(yaml.safe_dump(recipe("checkpoint", **changes)))

    @property
    def arguments(self) -> list[str]:
        return ["--recipe", str(self.root / "recipe.yaml"), "--data", str(self.root / "data"),
                "--work", str(self.root / "work"), "--device", "cpu", "--threads", "1"]

    def run(self, stage: str, *more: str) -> None:
        main([stage, *self.arguments, *more])

    @property
    def bundle(self):
        return self.root / "work" / "bundles" / "converted-l2-1"


@pytest.fixture(scope="module", params=FAMILIES)
def place(request, tmp_path_factory):
    made = Place(tmp_path_factory.mktemp(request.param), request.param)
    made.run("all", "--json", str(made.root / "figures.json"))
    return made


def test_a_cross_encoder_becomes_a_bundle_with_every_graph(place):
    manifest = read_manifest(place.bundle)
    assert set(manifest["graphs"]) == {"document", "query", "interaction", "query-fast", "cross-encoder"}
    assert manifest["source"] == {"model": "my-cross-encoder", "licence": "mine", "layers": LAYERS, "bottomLayers": 2,
                                  "interactionLayers": 1}
    assert (manifest["stateDtype"], manifest["stateTokens"], manifest["dims"]["states"]) == ("int4", "all", 24)
    assert [entry["name"] for entry in manifest["trainingData"]] == ["mine"]
    assert max(manifest["tolerance"]["graphsVsPytorch"].values()) <= 1e-3


def test_its_cross_encoder_graph_still_scores_as_the_checkpoint_did(place):
    bundle = Bundle(place.bundle)
    theirs = AutoModelForSequenceClassification.from_pretrained(place.root / "checkpoint").eval()
    query, document = "77 aa", "77 aa bb cc"
    ids = torch.tensor([[*bundle.query_ids(query), *bundle.document_ids([document])[0][1:]]])
    types = torch.tensor([[0] * len(bundle.query_ids(query)) + [1] * (ids.shape[1] - len(bundle.query_ids(query)))])
    given = {"token_type_ids": types} if theirs.config.model_type != "modernbert" else {}
    with torch.no_grad():
        expected = theirs(ids, attention_mask=torch.ones_like(ids), **given).logits.item()
    assert abs(bundle.cross_encode(query, [document])[0] - expected) < SCORE_TOLERANCE


def test_the_figures_are_in_the_file_the_manifest_and_the_card(place):
    written = json.loads((place.root / "figures.json").read_text())
    ways = {"bm25", "cosine", "mice", "mice+firstStage", "cosine+firstStage", "crossEncoder", "crossEncoder+firstStage"}
    assert set(written["ndcg@10"]["mean"]) == ways
    assert len(written["queries"]["held-back"]["mice"]) == 10
    assert set(written["differences"]["mice - crossEncoder"]["held-back"]) == {"mean", "low", "high"}
    measured = read_manifest(place.bundle)["quality"]["ndcg@10"]["held-back"]
    assert set(measured) == ways - {"cosine+firstStage"}
    card = (place.bundle / "README.md").read_text()
    assert "MICE-l2+1" in card and "a stored token takes\n16 bytes" in card
    assert f"{measured['mice']:.4f}" in card


def test_a_finished_run_is_not_done_again(place):
    kept = [place.root / "work" / name for name in
            ("passages.jsonl", "candidates.npz", "mice-converted-l2-1/checkpoint.pt",
             "mice-converted-l2-1/calibration.json", "align-0/student.pt")]
    before = [path.stat().st_mtime_ns for path in kept]
    for stage in ("prepare", "derive", "align-query"):
        place.run(stage)
    assert [path.stat().st_mtime_ns for path in kept] == before


def test_a_bundle_gets_another_fast_query_encoder_and_keeps_all_else(place, tmp_path):
    copied = tmp_path / "bundle"
    shutil.copytree(place.bundle, copied)
    other = recipe("checkpoint", align={"minutes": 0.001, "layers": [1], "save_every_minutes": 0.001})
    (place.root / "other.yaml").write_text(yaml.safe_dump(other))
    arguments = ["--recipe", str(place.root / "other.yaml"), *place.arguments[2:], "--out", str(copied)]
    main(["align-query", *arguments])
    main(["export-query", *arguments])
    changed = {file.name for file in copied.iterdir() if file.read_bytes() != (place.bundle / file.name).read_bytes()}
    assert changed == {"query-fast.onnx", "query-fast.bin", "bundle.json", "README.md"}
    before, after = read_manifest(place.bundle), read_manifest(copied)
    assert after["files"]["query-fast.bin"] != before["files"]["query-fast.bin"]
    assert after["tolerance"]["graphsVsPytorch"]["queryFastVectors"] <= 1e-3
    assert json.dumps(after["tolerance"], indent=2) in (copied / "README.md").read_text()
    vectors = [Bundle(folder).query_vector_fast("77 aa") for folder in (place.bundle, copied)]
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-3
    expected = whole_export(place, other).query_vector_fast("77 aa")
    assert np.abs(vectors[1] - expected).max() == 0


def whole_export(place, changed: dict) -> Bundle:
    """The bundle that `export` makes with the same fast query encoder."""
    (place.root / "whole.yaml").write_text(yaml.safe_dump(changed))
    out = place.root / "whole-bundle"
    main(["export", "--recipe", str(place.root / "whole.yaml"), *place.arguments[2:], "--out", str(out)])
    return Bundle(out)


def test_a_fast_query_encoder_of_another_source_is_refused(place, tmp_path):
    copied = tmp_path / "bundle"
    shutil.copytree(place.bundle, copied)
    before = (copied / "bundle.json").read_bytes()
    other = Place(tmp_path, "electra" if "bert" == place.family else "bert")
    other.run("align-query")
    with pytest.raises(SystemExit, match="gives other vectors"):
        other.run("export-query", "--out", str(copied))
    assert (copied / "bundle.json").read_bytes() == before


def test_an_interaction_may_have_scales_found_on_the_training_text(place):
    other = recipe("checkpoint")
    other["export"] = {"compute": {"interaction": "int8-fixed"}, "accepted": {"quantized": 0.5}}
    (place.root / "fixed.yaml").write_text(yaml.safe_dump(other))
    out = place.root / "fixed-bundle"
    main(["export", "--recipe", str(place.root / "fixed.yaml"), "--data", str(place.root / "data"), "--work",
          str(place.root / "work"), "--out", str(out), "--device", "cpu", "--threads", "1"])
    tolerance = read_manifest(out)["tolerance"]
    assert tolerance["quantized"]["compute"]["interaction"] == "int8-fixed"
    assert tolerance["batchCompanions"]["scores"] <= 1e-3


def test_layers_are_probed_from_the_embeddings_to_the_last(place):
    place.run("probe-layers")
    found = json.loads((place.root / "work" / "probe.json").read_text())["held-back"]
    assert set(found) == {"single", "paired"}
    assert all(len(curve) == 5 and 0 <= curve[0]["recall"] <= 1 for curve in found.values())


def test_stored_forms_are_compared_by_bytes(place):
    place.run("frontier")
    found = json.loads((place.root / "work" / "mice-converted-l2-1" / "frontier.json").read_text())
    assert found[0]["form"] == "24 int4"
    assert found[0]["bytesPerToken"] == 16
    beside = {entry["form"]: entry for entry in found}["20 int4 beside the token's id"]
    assert beside["bytesPerToken"] == 16
    assert 0 < beside["lost"] < 1


def test_a_stored_form_that_was_measured_is_not_measured_again(place):
    path = place.root / "work" / "mice-converted-l2-1" / "frontier.json"
    first, *others = json.loads(path.read_text())
    path.write_text(json.dumps([{**first, "ndcg@10": 2.0}]))
    place.run("frontier")
    again = json.loads(path.read_text())
    assert again == [{**first, "ndcg@10": 2.0}, *others]


def test_variants_trained_for_as_many_pairs_are_compared_on_the_same_queries(place):
    place.run("grid")
    found = json.loads((place.root / "work" / "grid" / "grid.json").read_text())
    base, other_bottom, other_block = found["rows"]
    assert (base["bottom"], other_bottom["bottom"]) == (2, 1)
    assert base["pairs"] == other_bottom["pairs"] == other_block["pairs"] > 0
    assert base["ndcg@10"]["apart"] == {"mean": 0, "low": 0, "high": 0}
    assert other_block["bytesPerDocument"] == base["bytesPerDocument"] * (16 + 2) / 16
    for way in ("bm25", "cosine"):  # of the encoder alone, so the same whatever stands above it
        assert found["queries"]["base"][way] == found["queries"]["other-bottom"][way]
    assert min(row["interactionMs"] for row in found["rows"]) > 0
    assert len((place.root / "work" / "grid" / "grid.md").read_text().splitlines()) == 5


def test_an_interrupted_comparison_trains_only_what_is_missing(place):
    grid = place.root / "work" / "grid"
    kept = grid / "l2" / "mice-base" / "checkpoint.pt"
    before, figures = kept.stat().st_mtime_ns, (grid / "l1" / "mice-other-bottom" / "figures.json").read_text()
    for path in (grid / "l1" / "mice-other-bottom").iterdir():
        path.unlink()
    place.run("grid")
    assert kept.stat().st_mtime_ns == before
    assert (grid / "l1" / "mice-other-bottom" / "figures.json").read_text() == figures


def test_the_cross_encoder_is_timed_in_pytorch_beside_its_graphs(place):
    place.run("peers")
    found = json.loads((place.root / "work" / "peers-converted-l2-1.json").read_text())
    assert (found["candidates"], found["threads"]) == (100, 1)
    assert {name.split(",")[0] for name in found["cpuMs"]} == {"interaction", "ONNX Runtime", "PyTorch"}
    assert len(found["ratios"]) == 6 and min(found["ratios"].values()) > 0


def test_another_way_of_reading_asks_for_another_work_folder(place):
    changed = recipe("checkpoint")
    changed["reading"]["bottom"] = 1
    (place.root / "other.yaml").write_text(yaml.safe_dump(changed))
    with pytest.raises(SystemExit, match="bottom 2 and not 1; accepted is a work folder of its own"):
        main(["derive", "--recipe", str(place.root / "other.yaml"), "--data", str(place.root / "data"),
              "--work", str(place.root / "work")])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A recipe that trains its own cross-encoder, and dual encoders from that, and stores neighbours merged."""
    teach = {"steps": 2, "frozen": 1, "queries": 4, "documents": 4, "pair_tokens": 48, "check_every": 2,
             "save_every": 1, "log_every": 1, "check_window": 10}
    dual = [{"name": "two", "layers": 2, "copied": 1, "steps": 2, "batch": 8, "save_every": 1, "log_every": 1}]
    derive = {**recipe("checkpoint")["derive"], "form": {"dims": 24, "dtype": "int4", "tokens": "merged"}}
    made = Place(tmp_path_factory.mktemp("trained"), "bert", cross_encoder=teach, dual=dual, derive=derive,
                 export={"compute": "float32"})
    for stage in ("prepare", "train-cross-encoder", "train-dual"):
        made.run(stage)
    return made


def test_the_cross_encoder_is_trained_where_the_recipe_says_so(trained):
    saved = torch.load(trained.root / "work" / "cross-encoder" / "checkpoint.pt")
    assert saved["state"]["step"] == 2


def test_dual_encoders_are_measured_by_retrieval(trained):
    found = json.loads((trained.root / "work" / "dual-two" / "quality.json").read_text())
    assert set(found["held-back"]) == {"ndcg", "recall"}


def test_the_same_seed_trains_the_same_model_and_another_one_another(trained, tmp_path_factory):
    def train(seed: str) -> np.ndarray:
        work = tmp_path_factory.mktemp("again") / "work"
        for stage in ("prepare", "train-cross-encoder"):
            main([stage, "--recipe", str(trained.root / "recipe.yaml"), "--data", str(trained.root / "data"),
                  "--work", str(work), "--device", "cpu", "--threads", "1", "--seed", seed])
        return torch.load(work / "cross-encoder" / "checkpoint.pt")["model"]["head.weight"].numpy()

    first = train("5")
    assert np.array_equal(first, train("5"))
    assert not np.array_equal(first, train("6"))


def by_two_processes(stage: str, arguments: list[str]) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m",
               "mice_train", stage, *arguments]
    subprocess.run(command, check=True, cwd=Path(__file__).parent.parent, env={**os.environ, "OMP_NUM_THREADS": "1"})


def test_two_processes_score_the_lists_and_train_from_them(trained):
    by_two_processes("derive", trained.arguments)
    saved = torch.load(trained.root / "work" / "mice-converted-l2-1" / "checkpoint.pt")
    assert saved["state"]["step"] == 4


def test_a_bundle_stores_neighbours_merged_where_its_layers_learnt_to_read_them_so(trained):
    for stage in ("derive", "export"):
        trained.run(stage)
    bundle = Bundle(trained.bundle)
    text = " ".join("aa bb cc dd ee".split() * 5)
    (ids,) = bundle.document_ids([text])
    assert bundle.manifest["stateTokens"] == "merged"
    assert bundle.encode_documents([text]).states.lengths == [len(ids) - len(ids) // 3]


def test_two_processes_align_one_fast_query_encoder_until_its_time_is_up(trained):
    align = {"minutes": 0.06, "layers": [2], "save_every_minutes": 0.002, "batch_tokens": 256}
    (trained.root / "by-two.yaml").write_text(yaml.safe_dump(recipe("checkpoint", align=align)))
    by_two_processes("align-query", ["--recipe", str(trained.root / "by-two.yaml"), *trained.arguments[2:]])
    folder = trained.root / "work" / "align-2"
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert torch.load(folder / "student.pt")["state"]["minutes"] >= 0.06
    assert log[-1]["held out"] < log[0]["held out"]


def test_a_recipe_may_have_only_so_many_passages_read(tmp_path):
    few = Place(tmp_path, "bert", data={**recipe("checkpoint")["data"], "passages": 150})
    few.run("prepare")
    read = read_passages(tmp_path / "work" / "passages.jsonl")
    assert sum(not passage.hidden for passage in read) == 150


def test_a_stage_without_its_precondition_names_the_stage_to_run(tmp_path):
    place = Place(tmp_path, "bert")
    with pytest.raises(SystemExit, match="candidates.npz is missing: run `mice-train prepare` first"):
        place.run("derive")
    with pytest.raises(SystemExit, match="no cross_encoder section"):
        place.run("train-cross-encoder")


def test_a_bundle_is_held_against_its_ranking_in_float32(place):
    place.run("ranking", "--json", str(place.root / "ranking.json"))
    [found] = json.loads((place.root / "ranking.json").read_text()).values()
    assert found["same"]
    assert found["stored"]["tau"] == found["encoded"]["tau"] == 1
