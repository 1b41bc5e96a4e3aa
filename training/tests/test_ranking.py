import numpy as np
import pytest

from mice_train.dev_sets import DevSet
from mice_train.evaluate import Scored
from mice_train.first_stage import KIND, FirstStage
from mice_train.ranking import Agreement, Order, kendall_tau, order_of

IDS = ["a", "b", "c", "d"]
DEV = DevSet("set", {"q": "text"}, {}, {"q": IDS}, {"q": {"b": 1}})
ALONE = FirstStage(KIND, 0.0)


def scored(*scores: float) -> list[Scored]:
    return [Scored("q", IDS, np.zeros(4), np.array(scores))]


def test_tau_counts_pairs_in_the_same_order_against_those_in_the_other():
    assert kendall_tau(np.array([3.0, 2, 1]), np.array([9.0, 8, 7])) == 1
    assert kendall_tau(np.array([3.0, 2, 1]), np.array([7.0, 8, 9])) == -1
    assert kendall_tau(np.array([3.0, 1, 2]), np.array([3.0, 2, 1])) == pytest.approx(1 / 3)


def order(shipped: list[Scored], exact: list[Scored], stage: FirstStage = ALONE) -> Order:
    return order_of(DEV, shipped, exact, stage)


def alike(found: Order) -> bool:
    return Agreement(1, stored=found, encoded=found).same


def test_scores_that_move_without_crossing_rank_alike():
    found = order(scored(4.1, 2.9, 2.2, 0.8), scored(4, 3, 2, 1))
    assert alike(found)
    assert (found.tau, found.first_kept) == (1, 1)


def test_a_judged_document_that_changes_its_place_is_no_same_ranking():
    found = order(scored(2, 3, 1, 0), scored(3, 2, 1, 0))
    assert not alike(found)
    assert found.shipped == 1 > found.reference
    assert found.first_kept == 0


def test_what_is_asked_for_is_the_order_of_the_same_stored_documents():
    alike, crossed = order(scored(4, 3, 2, 1), scored(4, 3, 2, 1)), order(scored(2, 3, 1, 0), scored(3, 2, 1, 0))
    assert Agreement(1, stored=alike, encoded=crossed).same
    assert not Agreement(1, stored=crossed, encoded=alike).same


def test_the_rank_of_the_first_stage_counts_as_in_a_search():
    crossed = scored(1, 1.1, 0, 0), scored(1.1, 1, 0, 0)
    assert not alike(order(*crossed))
    assert alike(order(*crossed, FirstStage(KIND, 5.0)))
