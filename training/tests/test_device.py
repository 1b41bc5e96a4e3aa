import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from mice_train import pruned
from mice_train.cross_encoder import CrossEncoder
from mice_train.device import autocast, choose, device, multiplies_bfloat16
from mice_train.encoder import Encoder
from mice_train.interaction import Interaction
from mice_train.loss import listwise_loss, softened_target
from mice_train.refused import Refused
from mice_train.source import load_source
from tests.checkpoints import FAMILIES, write_checkpoint


def test_auto_is_the_cpu_where_there_is_nothing_else():
    assert choose("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert choose("cpu") == device() == torch.device("cpu")


def test_products_are_in_bfloat16_where_the_processor_has_them_and_never_emulated():
    assert multiplies_bfloat16({"avx512_bf16": True})
    assert not multiplies_bfloat16({"avx2": True, "avx512_bf16": False})
    choose("cpu")
    with autocast():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert (product.dtype == torch.bfloat16) == multiplies_bfloat16()


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_asking_for_a_device_that_is_not_there_says_what_is():
    with pytest.raises(Refused, match="accepted here are cpu and auto"):
        choose("cuda")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_step_keeps_to_one_device_as_pretended_tensors_show_without_having_it(family, tmp_path):
    """Fake tensors know their device, refuse to meet those of another, and compute nothing."""
    source = load_source(write_checkpoint(tmp_path, family))
    with FakeTensorMode(allow_non_fake_inputs=True):
        with torch.device("cuda"):
            model = CrossEncoder(Encoder(source.shape))
            interaction = Interaction(source.shape, 16, 2, 2)
            ids, mask = torch.ones(6, 12, dtype=torch.long), torch.ones(6, 12)
            z, cosine = torch.zeros(2, 3, 9, 16), torch.zeros(2, 3)
        states, vector = model.encoder(ids, mask, 2)
        whole = model.read(model.cls(ids, ids, mask, frozen=1)).view(2, 3)
        added = pruned.score(interaction, states[:2], mask[:2], z, mask.view(2, 3, 12)[..., :9])
        assert vector.device.type == "cuda"
        for scores in (whole, added):
            target = softened_target(cosine, torch.zeros(2, device="cuda"))
            loss = listwise_loss(scores + interaction.cosine_weight * cosine, target)
            assert loss.device.type == "cuda"
