import pytest
import torch

from mice_train.device import autocast, choose, device
from mice_train.refused import Refused


def test_auto_is_the_cpu_where_there_is_nothing_else():
    assert choose("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert choose("cpu") == device() == torch.device("cpu")
    assert autocast().fast_dtype == torch.bfloat16


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_asking_for_a_device_that_is_not_there_says_what_is():
    with pytest.raises(Refused, match="accepted here are cpu and auto"):
        choose("cuda")
