import pytest
import torch

from mice_train.cross_encoder import fresh_cross_encoder
from mice_train.encoder import load_encoder
from mice_train.peers import Pairs, as_transformers, hold_same
from mice_train.refused import Refused
from mice_train.source import load_source
from tests.checkpoints import FAMILIES, write_checkpoint


@pytest.fixture(params=FAMILIES)
def trained(request, tmp_path):
    """A checkpoint, and a cross-encoder of it whose weights have moved since."""
    folder = write_checkpoint(tmp_path, request.param)
    source = load_source(folder)
    model = fresh_cross_encoder(source, load_encoder(source)).eval().requires_grad_(False)
    for name, parameter in model.named_parameters():
        if name.endswith("weight"):
            parameter.mul_(1.1)
    return folder, model


def some_pairs() -> Pairs:
    ids = torch.randint(5, 20, (32, 12), generator=torch.Generator().manual_seed(3))
    types = (torch.arange(12) > 4).long().expand(32, -1).contiguous()
    return Pairs(ids, types, torch.ones_like(ids))


def test_transformers_own_classes_take_the_trained_weights(trained):
    folder, model = trained
    hold_same(model, as_transformers(model, folder), some_pairs())


def test_classes_that_score_otherwise_are_no_peer(trained):
    folder, model = trained
    theirs = as_transformers(model, folder)
    model.head.weight.mul_(2)
    with pytest.raises(Refused, match="give other scores than the cross-encoder"):
        hold_same(model, theirs, some_pairs())
