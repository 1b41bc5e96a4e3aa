import gzip

import pytest

from mice_train.data import OwnSet, docs_pair, read_all, training_sets
from mice_train.query_texts import read_query_texts
from tests.collections import write_collection

ROW = {"repo": "r", "path": "p", "title": "Indexing", "heading": "Refresh interval", "text": "some text"}


def test_a_section_is_asked_for_by_title_and_heading():
    _, queries = docs_pair("r", {**ROW, "text": "some more text"})
    assert queries == [("heading", "Indexing: Refresh interval")]


def test_a_continuation_is_a_passage_without_a_query():
    passage, queries = docs_pair("r", {**ROW, "part": 2})
    assert passage.text == ROW["text"]
    assert queries == []


def test_a_page_asked_for_by_its_title_does_not_hold_that_title():
    passage, queries = docs_pair("r", {**ROW, "heading": "Indexing", "text": "even"})
    assert passage.title == ""
    assert queries == [("title", "Indexing")]


@pytest.fixture
def own(tmp_path):
    write_collection(tmp_path / "mine", 6)
    return tmp_path


def test_an_own_set_is_read_from_a_folder_in_beir_layout(own):
    labelled = list(OwnSet("mine", "secret", style="heading").read(own))
    assert [passage.group for passage, _ in labelled] == [f"d{n}" for n in range(6)]
    assert all(queries[0][0] == "heading" and passage.text.startswith(queries[0][1]) for passage, queries in labelled)


def test_it_may_be_gzipped_and_is_judged_by_every_file_where_there_is_no_train(own):
    corpus = own / "mine" / "corpus.jsonl"
    (own / "mine" / "corpus.jsonl.gz").write_bytes(gzip.compress(corpus.read_bytes()))
    corpus.unlink()
    (own / "mine" / "qrels" / "train.tsv").rename(own / "mine" / "qrels" / "other.tsv")
    assert len([queries for _, queries in OwnSet("mine", "secret").read(own) if queries]) == 6


def test_passages_with_a_query_are_drawn_first(own):
    judged = own / "mine" / "qrels" / "train.tsv"
    judged.write_text("".join(judged.read_text().splitlines(keepends=True)[:3]))
    drawn = read_all(own, training_sets([], [OwnSet("mine", "secret", passages=2)]))
    assert sum(bool(queries) for _, queries in drawn) == 2


def test_unlabelled_queries_of_a_file_are_aligned_on_beside_the_sets_own(own):
    (own / "train").mkdir()
    (own / "mine").rename(own / "train" / "mine")
    (own / "train" / "log.txt").write_text("first asked\n\nfirst asked\nthen asked\n")
    texts = read_query_texts(own, sets=training_sets([], [OwnSet("mine", "secret")]), files=["log.txt"])
    assert texts.count("first asked") == texts.count("then asked") == 1
    assert "" not in texts
    assert len(texts) > 6
