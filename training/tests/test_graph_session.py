import torch

from mice_train.graph_session import adds_exactly


def test_x64_without_vnni_is_told_to_add_exactly():
    x64 = {"architecture": "x86_64", "avx512_vnni": False, "avx_vnni": False}
    assert not adds_exactly(x64)
    assert adds_exactly({**x64, "avx_vnni": True})
    assert adds_exactly({"architecture": "aarch64"})
    assert adds_exactly(torch.cpu.get_capabilities()) in (True, False)
