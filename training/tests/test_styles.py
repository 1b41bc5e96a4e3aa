import random

from mice_train.records import Passage, is_held_out
from mice_train.styles import keyword_question, make_queries, take_sentence

TEXT = ("The river rises in the northern hills near the old border. It passes four towns on its way to the sea. "
        "Boats have carried salt along its lower course for many years. A dam was built above the third town.")


def test_a_question_becomes_what_people_type_into_a_search_box():
    assert keyword_question("What are the symptoms of Paget's Disease?") == "symptoms paget disease"


def test_a_sentence_query_is_gone_from_its_passage():
    taken = take_sentence(Passage("p", "g", "", TEXT), random.Random(0))
    assert taken is not None
    query, rest = taken
    assert query.lower().rstrip(".") in TEXT.lower()
    assert query.lower().rstrip(".") not in rest.text.lower()
    assert rest.hidden


def test_short_passages_give_no_sentence():
    assert take_sentence(Passage("p", "g", "", "One sentence only here."), random.Random(0)) is None


def test_queries_are_held_out_by_group_so_that_no_article_is_on_both_sides():
    passages = [Passage("p", f"article {n % 40}", "", TEXT) for n in range(200)]
    _, queries = make_queries(passages, [(n, "question", "where does it rise?") for n in range(200)], per_style=50)
    sides = {}
    for query in queries:
        sides.setdefault(passages[query.original].group, set()).add(query.held_out)
    assert all(len(side) == 1 for side in sides.values())
    assert {True, False} == {next(iter(side)) for side in sides.values()}
    assert is_held_out(Passage("pubmedqa", "any", "", ""))
