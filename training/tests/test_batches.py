from itertools import islice

import numpy as np
import torch

from mice_train.batches import DOCUMENTS, Candidates, batches
from mice_train.loss import listwise_loss, softened_target
from mice_train.negatives import NONE
from mice_train.ragged import by_token_budget, from_lengths
from mice_train.records import Query

QUERIES = [Query("question", f"q{n}", positive=n, original=n, held_out=n % 5 == 0) for n in range(100)]
LENGTHS = np.random.default_rng(0).integers(4, 30, 100)
FOUND = Candidates(
    bm25=np.random.default_rng(1).integers(0, 200, (100, 100)),
    nearest=np.full((100, 12), NONE),
    background=np.arange(300),
)


def test_held_out_queries_never_train_and_positives_are_never_negatives():
    for group in islice(batches(QUERIES, LENGTHS, FOUND), 40):
        for example in group:
            assert not QUERIES[example.query].held_out
            assert len(set(example.candidates.tolist())) == DOCUMENTS
            labelled = example.teacher_share < 1
            assert (example.candidates[0] == example.query) == labelled
            assert example.query not in example.candidates[1:]


def test_the_same_seed_gives_the_same_batches_so_that_a_run_can_be_resumed():
    first, again = (list(islice(batches(QUERIES, LENGTHS, FOUND), 7)) for _ in range(2))
    for a, b in zip(first, again, strict=True):
        assert [e.query for e in a] == [e.query for e in b]
        assert all(np.array_equal(x.candidates, y.candidates) for x, y in zip(a, b, strict=True))


def test_the_target_is_between_the_label_and_the_teacher():
    cosine = torch.tensor([[0.5, 0.6, 0.1]])
    assert softened_target(cosine, torch.tensor([0.0])).tolist() == [[1, 0, 0]]
    teacher = (20 * cosine).softmax(-1)
    assert torch.allclose(softened_target(cosine, torch.tensor([1.0])), teacher)
    assert listwise_loss(20 * cosine, teacher).abs() < 1e-6


def test_token_budgets_hold_and_every_row_comes_once():
    groups = by_token_budget(LENGTHS, 120)
    assert sorted(np.concatenate(groups).tolist()) == list(range(100))
    assert all(len(g) * LENGTHS[g].max() <= 120 for g in groups)


def test_padding_fills_with_zeros_after_each_rows_end():
    ragged = from_lengths(np.arange(1, 7), np.array([1, 3, 2]))
    assert ragged.padded(np.array([1, 0])).tolist() == [[2, 3, 4], [1, 0, 0]]
