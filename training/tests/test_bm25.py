from mice_train.bm25 import Bm25, split_words


def test_identifiers_fall_apart_and_stop_words_go():
    assert split_words(["The read_file() of B2"]) == [["read", "file", "b2"]]


def test_the_passage_with_the_rarer_word_comes_first_and_strangers_score_zero():
    index = Bm25(["red fox", "red red hen", "blue whale"])
    rows, scores = index.top(["red fox", "the of and"], 3)
    assert rows[0][0] == 0
    assert scores[0][-1] == 0
    assert scores[1].sum() == 0
