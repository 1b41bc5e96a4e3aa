import numpy as np
import pytest

from mice_train.bootstrap import Difference, difference


def test_a_difference_that_every_query_has_is_certain():
    found = difference({"a": np.full(7, 0.25)}, draws=50)
    assert (found.mean, found.low, found.high) == pytest.approx((0.25, 0.25, 0.25))


def test_the_interval_is_the_normal_one_where_there_are_many_queries():
    values = np.tile([1.0, -1.0], 200)
    found = difference({"a": values})
    assert found.mean == 0
    assert (found.low, found.high) == pytest.approx((-1.96 / 20, 1.96 / 20), abs=0.005)


def test_sets_count_the_same_however_many_queries_they_have():
    found = difference({"small": np.zeros(3), "large": np.ones(300)}, draws=50)
    assert (found.mean, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))


def test_a_mean_over_two_sets_draws_them_independently():
    values = np.tile([1.0, -1.0], 200)
    found = difference({"a": values, "b": values})
    assert (found.low, found.high) == pytest.approx((-1.96 / 20 / 2**0.5, 1.96 / 20 / 2**0.5), abs=0.005)


def test_the_same_queries_give_the_same_interval():
    values = np.random.default_rng(5).normal(size=30)
    assert difference({"a": values}, draws=100) == difference({"a": values}, draws=100)


def test_it_prints_as_a_mean_with_its_interval():
    assert str(Difference(0.00512, 0.0009, -0.01)) == "0.0051 [0.0009, -0.0100]"
