"""What the fast query encoder is held to."""

import random

import numpy as np

from mice_train.align import targets
from mice_train.encoder import load_encoder
from tests.collections import text


def quiet(*_: object) -> None:
    pass


def test_a_run_on_more_texts_encodes_only_those_that_are_new(tmp_path, source):
    teacher, rng = load_encoder(source), random.Random(0)
    texts = [text(rng) for _ in range(9)]
    _, few = targets(source, teacher, texts[:5], tmp_path, quiet)
    np.save(tmp_path / "teacher.npy", few * 0)
    ids, wanted = targets(source, teacher, texts, tmp_path, quiet)
    assert len(ids) == len(wanted) == 9
    assert not wanted[:5].any()
    assert np.allclose(np.linalg.norm(wanted[5:].astype(np.float32), axis=1), 1, atol=1e-2)


def test_a_run_on_fewer_texts_uses_the_first_ones(tmp_path, source):
    teacher, rng = load_encoder(source), random.Random(1)
    texts = [text(rng) for _ in range(9)]
    _, all_of_them = targets(source, teacher, texts, tmp_path, quiet)
    _, few = targets(source, teacher, texts[:5], tmp_path, quiet)
    assert np.array_equal(few, all_of_them[:5])
