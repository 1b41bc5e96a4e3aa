"""What the stages leave in the work folder, on a made-up collection and the tiny checkpoint."""

import json
import random
from dataclasses import replace

import numpy as np
import pytest

from mice_train.bundle import Origin, Parts, read_manifest, sha256, write_bundle
from mice_train.calibrate import RANK_WEIGHTS, calibrate, largest_of_the_best
from mice_train.cross_encoder import fresh_cross_encoder
from mice_train.data import OwnSet
from mice_train.distil import DistilPlan, derived, distil
from mice_train.encode import encode, load_passages, load_projection, load_queries
from mice_train.encoder import load_encoder
from mice_train.evaluate import WAYS, Measure, differences, evaluate, means
from mice_train.first_stage import KIND, FirstStage
from mice_train.negatives import find_candidates
from mice_train.prepare import fewer
from mice_train.records import Passage, Query, is_held_out, write_lines
from mice_train.stored_form import StoredForm, merged_neighbours, narrowed, stored_as
from mice_train.teach import load_candidates, written_sets
from mice_train.tolerance import measure_tolerance, sample_of
from mice_train.train import load_saved
from mice_train.usage import training_data
from mice_train.validation import score_set
from tests.collections import text, write_collection
from tests.conftest import BOTTOM

PASSAGES = 130
FORM = StoredForm(64, "int8")


def quiet(*_: object) -> None:
    pass


def plan(steps: int, every: int = 2) -> DistilPlan:
    return DistilPlan(steps, 2, FORM, taught=0, check_every=every, save_every=1, log_every=1)


def go(source, work, steps: int, every: int = 2) -> None:
    teacher = fresh_cross_encoder(source, load_encoder(source)).requires_grad_(False)
    distil(source, teacher, work, "tiny", plan(steps, every), quiet)


@pytest.fixture(scope="module")
def work(tmp_path_factory, source):
    folder = tmp_path_factory.mktemp("work")
    rng = random.Random(0)
    passages = [Passage("pool", f"g{n}", "", text(rng)) for n in range(PASSAGES)]
    queries = [Query("question", " ".join(["77", *passages[n].text.split()[1:3]]), n, n, held_out=n % 3 == 0)
               for n in range(PASSAGES)]
    write_lines(folder / "passages.jsonl", passages)
    write_lines(folder / "queries.jsonl", queries)
    encode(source, folder, quiet)
    find_candidates(folder, quiet)
    go(source, folder, steps=3)
    return folder


@pytest.fixture(scope="module")
def parts(work, source):
    encoder = load_encoder(source)
    projection = narrowed(load_projection(work), FORM)
    teacher = fresh_cross_encoder(source, encoder)
    interaction = derived(source, teacher, projection, load_queries(work), 2)
    interaction.load_state_dict(load_saved(work / "mice-tiny" / "best.pt")["interaction"])
    return Parts("tiny", Origin("random", "none"), source.tokenizer_path, encoder, BOTTOM, projection,
                 interaction.requires_grad_(False), FirstStage(KIND, 0.5))


@pytest.fixture(scope="module")
def bundle_dir(work, parts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle")
    write_bundle(parts, folder, "int8-blocks")
    return folder


def test_a_sample_of_passages_is_half_held_out_and_takes_their_queries_along():
    pools = ["pubmedqa"] * 30 + ["squad"] * 90
    passages = [Passage(pool, f"g{n}", "", f"text {n}") for n, pool in enumerate(pools)]
    kept, labelled = fewer(passages, [(n, "question", f"text {n}") for n in range(len(passages))], 20, random.Random(0))
    assert [is_held_out(passage) for passage in kept].count(True) == 10
    assert [kept[n].text for n, _, _ in labelled] == [asked for _, _, asked in labelled] == [p.text for p in kept]


def log_of(work) -> list[str]:
    return (work / "mice-tiny" / "log.jsonl").read_text().splitlines()


def test_every_passage_is_stored_once_and_in_order(work):
    passages = load_passages(work)
    assert len(passages.states) == len(passages.vectors) == PASSAGES
    assert len(passages.states.flat) == len(passages.scales)


def test_a_finished_run_is_not_trained_further_when_started_again(work, source):
    before = log_of(work)
    go(source, work, steps=3)
    assert log_of(work) == before


def test_a_run_goes_on_from_its_checkpoint(work, source):
    lines = log_of(work)
    go(source, work, steps=4, every=9)
    fresh = [json.loads(line) for line in log_of(work)[len(lines) :]]
    assert [row["step"] for row in fresh if "loss" in row] == [4]


def test_the_first_stages_weights_are_chosen_from_the_grid(work, parts):
    passages, queries = stored_as(load_passages(work), FORM), load_queries(work)
    sets = written_sets(work, load_candidates(work), window=100, per_set=60)
    learned = parts.interaction.cosine_weight.item()
    found = calibrate(lambda entry: score_set(parts.interaction, entry, queries, passages), learned, sets, quiet)
    assert 15 < found.cosine_weight < 65
    assert found.first_stage.weight in RANK_WEIGHTS
    assert found.plain_cosine.weight in RANK_WEIGHTS


def test_the_most_alike_neighbours_become_one_until_a_third_is_gone():
    cls, a, b, c, sep = np.eye(5, dtype=np.float32)
    kept = merged_neighbours(np.stack([cls, a, 3 * a, b, b, c, sep]))
    np.testing.assert_array_equal(kept, [cls, 2 * a, b, c, sep])


def test_the_first_and_the_last_state_are_no_neighbours():
    same = np.ones((3, 2), np.float32)
    np.testing.assert_array_equal(merged_neighbours(same), same)
    assert len(merged_neighbours(np.ones((4, 2), np.float32))) == 3


def test_passages_are_stored_with_their_neighbours_merged(work):
    every, merged = (stored_as(load_passages(work), replace(FORM, tokens=tokens)) for tokens in ("all", "merged"))
    assert len(merged.states) == len(every.states)
    assert (merged.states.lengths >= every.states.lengths - every.states.lengths // 3).all()
    assert merged.states.lengths.sum() < 0.75 * every.states.lengths.sum()
    np.testing.assert_array_equal(merged.states.row(7)[0], every.states.row(7)[0])


def test_of_weights_that_are_as_good_the_largest_is_chosen():
    assert largest_of_the_best(np.array([0.80, 0.85, 0.8501, 0.8499, 0.84])) == 3


def test_held_out_queries_do_not_count_as_trained_on(work):
    [entry] = training_data(work, [OwnSet("pool", "mine").training_set])
    assert entry == {"name": "pool", "licence": "mine", "queries": PASSAGES - (PASSAGES + 2) // 3}


def test_the_manifest_lists_every_file_with_its_hash(bundle_dir):
    manifest = read_manifest(bundle_dir)
    assert set(manifest["files"]) == {p.name for p in bundle_dir.iterdir()} - {"bundle.json"}
    for name, entry in manifest["files"].items():
        assert entry == {"bytes": (bundle_dir / name).stat().st_size, "sha256": sha256(bundle_dir / name)}
    assert manifest["tokenizerHash"] == manifest["files"]["tokenizer.json"]["sha256"]


def test_exported_graphs_agree_with_pytorch_on_stored_states(work, parts, bundle_dir, monkeypatch):
    monkeypatch.setattr("mice_train.tolerance.QUERIES", 5)
    measured = measure_tolerance(parts, bundle_dir, sample_of(work), "int8-blocks")
    assert max(measured["graphsVsPytorch"].values()) < 1e-3
    assert measured["batchCompanions"]["scores"] < 1e-4


@pytest.fixture
def data(tmp_path):
    """Every query is its document's beginning."""
    write_collection(tmp_path / "dev" / "held-back", 20, seed=3)
    return tmp_path


def test_evaluation_re_ranks_a_collection_in_beir_layout(bundle_dir, data):
    per_query = evaluate(bundle_dir, data, data, Measure(["held-back"]), quiet)
    figures = means(per_query, ["held-back"])
    assert set(figures["held-back"]) == {*WAYS, "cosine+firstStage"}
    assert figures["mean"] == figures["held-back"]
    assert figures["mean"]["bm25"] > 0.8
    assert set(per_query["held-back"]["mice"]) == {f"q{n}" for n in range(20)}


def test_a_strong_first_stage_beside_the_cosine_is_the_first_stage(bundle_dir, data):
    ways = evaluate(bundle_dir, data, data, Measure(["held-back"], cosine_first_stage=1e9), quiet)["held-back"]
    assert ways["cosine+firstStage"] == ways["bm25"]


def test_differences_are_of_the_same_queries_and_only_of_what_was_measured():
    ways = {"mice": {"a": 0.5, "b": 1.0}, "cosine": {"b": 0.75, "a": 0.25},
            "mice+firstStage": {"a": 1.0}, "cosine+firstStage": {"a": 1.0}}
    found = differences({"some": ways}, [])
    assert set(found) == {"mice - cosine", "mice+firstStage - cosine+firstStage"}
    assert vars(found["mice - cosine"]["some"]) == {"mean": 0.25, "low": 0.25, "high": 0.25}
    assert found["mice+firstStage - cosine+firstStage"]["some"].mean == 0
