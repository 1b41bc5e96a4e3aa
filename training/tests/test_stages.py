"""The stages one after the other on a made-up collection and the tiny checkpoint."""

import gzip
import json
import random
import shutil

import pytest

from mice_train.bundle import Origin, Parts, read_manifest, sha256, write_bundle
from mice_train.calibrate import RANK_WEIGHTS, calibrate, load_best
from mice_train.cli import main
from mice_train.encode import encode, load_or_fit_projection, load_passages, load_queries
from mice_train.encoder import load_encoder
from mice_train.evaluate import WAYS, differences, evaluate, means
from mice_train.first_stage import KIND, FirstStage
from mice_train.negatives import find_candidates
from mice_train.records import Passage, Query, write_lines
from mice_train.tolerance import measure_tolerance, sample_of
from mice_train.train import Plan, fresh_interaction, train
from mice_train.usage import queries_seen
from tests.conftest import BOTTOM

LETTERS = "abcdefghijklmnopqrstuvwxyz"
PASSAGES = 130


def quiet(*_: object) -> None:
    pass


def text(rng: random.Random) -> str:
    """The digit is in every passage, so BM25 finds a full window."""
    return " ".join(["77", *(rng.choice(LETTERS) * 2 for _ in range(rng.randrange(4, 12)))])


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
    train(source, folder, Plan(steps=3, check_every=2, save_every=1, log_every=1), quiet)
    return folder


@pytest.fixture(scope="module")
def parts(work, source):
    interaction = fresh_interaction(source, work, load_queries(work))
    load_best(interaction, work)
    encoder = load_encoder(source)
    projection = load_or_fit_projection(source, encoder, [], work)
    return Parts("tiny", Origin("random", "none"), source.tokenizer_path, encoder, BOTTOM, projection, interaction,
                 FirstStage(KIND, 0.5))


@pytest.fixture(scope="module")
def bundle_dir(work, parts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle")
    write_bundle(parts, folder, "int8-blocks")
    return folder


def test_every_passage_is_stored_once_and_in_order(work):
    passages = load_passages(work)
    assert len(passages.states) == len(passages.vectors) == PASSAGES
    assert len(passages.states.flat) == len(passages.scales)


def test_a_finished_run_is_not_trained_further_when_started_again(work, source):
    before = (work / "train-log.jsonl").read_text()
    train(source, work, Plan(steps=3, check_every=2, save_every=1, log_every=1), quiet)
    assert (work / "train-log.jsonl").read_text() == before


def test_a_run_goes_on_from_its_checkpoint(work, source):
    lines = (work / "train-log.jsonl").read_text().splitlines()
    train(source, work, Plan(steps=4, check_every=9, save_every=9, log_every=1), quiet)
    fresh = [json.loads(line) for line in (work / "train-log.jsonl").read_text().splitlines()[len(lines) :]]
    assert [row["step"] for row in fresh if "loss" in row] == [4]


def test_the_first_stages_weights_are_chosen_from_the_grid(work, parts):
    found = calibrate(parts.interaction, work, quiet)
    assert 15 < found.cosine_weight < 65
    assert found.first_stage.weight in RANK_WEIGHTS
    assert found.plain_cosine.weight in RANK_WEIGHTS


def test_a_run_knows_how_many_queries_it_saw(work):
    assert queries_seen(work, 0) == dict.fromkeys(queries_seen(work, 0), 0)


def test_the_manifest_lists_every_file_with_its_hash(bundle_dir):
    manifest = read_manifest(bundle_dir)
    assert set(manifest["files"]) == {p.name for p in bundle_dir.iterdir()} - {"bundle.json"}
    for name, entry in manifest["files"].items():
        assert entry == {"bytes": (bundle_dir / name).stat().st_size, "sha256": sha256(bundle_dir / name)}
    assert manifest["tokenizerHash"] == manifest["files"]["tokenizer.json"]["sha256"]


def test_exported_graphs_agree_with_pytorch_on_stored_states(work, parts, bundle_dir, monkeypatch):
    monkeypatch.setattr("mice_train.tolerance.QUERIES", 5)
    measured = measure_tolerance(parts, bundle_dir, sample_of(work), "int8-blocks")
    assert max(measured["graphsVsPytorch"].values()) < 1e-4
    assert measured["batchCompanions"]["scores"] < 1e-4


@pytest.fixture
def collection(tmp_path):
    """In BEIR layout; every query is its document's text."""
    folder = tmp_path / "dev" / "scifact-test"
    (folder / "qrels").mkdir(parents=True)
    rng = random.Random(3)
    documents = [{"_id": f"d{n}", "title": "", "text": text(rng)} for n in range(20)]
    queries = [{"_id": f"q{n}", "text": documents[n]["text"]} for n in range(5)]
    for name, rows in (("corpus", documents), ("queries", queries)):
        with gzip.open(folder / f"{name}.jsonl.gz", "wt") as out:
            out.writelines(json.dumps(row) + "\n" for row in rows)
    judgements = "".join(f"q{n}\td{n}\t1\n" for n in range(5))
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + judgements)
    return tmp_path


def test_evaluation_re_ranks_a_collection_in_beir_layout(bundle_dir, collection):
    per_query = evaluate(bundle_dir, collection, collection, ["scifact-test"], quiet)
    figures = means(per_query)["scifact-test"]
    assert figures["bm25"] == pytest.approx(1)
    assert figures["cosine"] == pytest.approx(1)
    assert set(figures) == {*WAYS, "cosine+firstStage"}
    assert set(per_query["scifact-test"]["mice"]) == {f"q{n}" for n in range(5)}


def test_a_strong_first_stage_beside_the_cosine_is_the_first_stage(bundle_dir, collection):
    judged = collection / "dev" / "scifact-test" / "qrels" / "test.tsv"
    judged.write_text("query-id\tcorpus-id\tscore\n" + "".join(f"q{n}\td{n + 7}\t1\n" for n in range(5)))
    ways = evaluate(bundle_dir, collection, collection, ["scifact-test"], quiet, cosine_first_stage=1e9)["scifact-test"]
    assert ways["cosine+firstStage"] == ways["bm25"]


def test_a_bundle_says_its_own_ways_and_the_file_every_querys(bundle_dir, work, collection, monkeypatch):
    monkeypatch.setattr("mice_train.cli.write_card", quiet)
    out, file = shutil.copytree(bundle_dir, collection / "bundle"), collection / "figures.json"
    folders = ["--data", str(collection), "--work", str(work), "--out", str(out)]
    main(["evaluate", *folders, "--sets", "scifact-test", "--cosine-first-stage", "1.5", "--json", str(file)])
    assert set(read_manifest(out)["quality"]["ndcg@10"]["scifact-test"]) == set(WAYS)
    written = json.loads(file.read_text())
    assert set(written["queries"]["scifact-test"]["cosine+firstStage"]) == {f"q{n}" for n in range(5)}
    assert set(written["differences"]["mice - cosine"]["scifact-test"]) == {"mean", "low", "high"}


def test_differences_are_of_the_same_queries():
    ways = {"mice": {"a": 0.5, "b": 1.0}, "cosine": {"b": 0.75, "a": 0.25},
            "mice+firstStage": {"a": 1.0}, "cosine+firstStage": {"a": 1.0}}
    found = differences({"some": ways})
    assert vars(found["mice - cosine"]["some"]) == {"mean": 0.25, "low": 0.25, "high": 0.25}
    assert found["mice+firstStage - cosine+firstStage"]["some"].mean == 0
