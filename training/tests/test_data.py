from mice_train.data import docs_pair

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
