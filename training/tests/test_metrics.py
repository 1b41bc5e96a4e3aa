import math

import numpy as np
import pytest

from mice_train.first_stage import FirstStage, rank_gain
from mice_train.metrics import ndcg, single_ndcg


def test_ndcg_has_linear_gains_and_a_log2_discount():
    judged = {"a": 3, "b": 2, "c": 1, "d": 0}
    found = 2 + 3 / math.log2(3) + 1 / math.log2(5)
    ideal = 3 + 2 / math.log2(3) + 1 / math.log2(4)
    assert ndcg(["b", "a", "x", "c"], judged) == pytest.approx(found / ideal)


def test_only_ten_hits_count_on_both_sides():
    judged = {str(n): 1 for n in range(30)}
    assert ndcg([str(n) for n in range(10)], judged) == pytest.approx(1)
    assert ndcg(["x"] * 10 + ["1"], judged) == 0


def test_a_query_without_relevant_documents_scores_zero():
    assert ndcg(["a"], {"a": 0}) == 0


def test_with_one_relevant_candidate_ties_count_against_it():
    scores = np.array([[3.0, 2.0, 1.0], [1.0, 1.0, 0.0]])
    assert single_ndcg(scores, np.array([1, 0])).tolist() == pytest.approx([1 / math.log2(3)] * 2)


def test_the_first_stages_share_depends_on_the_rank_alone():
    assert rank_gain(np.array([1, 3])).tolist() == pytest.approx([1, 0.5])
    short, long = (FirstStage("reciprocal-log2", 2.0).add(np.arange(1, n)) for n in (10, 101))
    assert np.array_equal(short, long[:9])
