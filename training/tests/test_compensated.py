import numpy as np
import torch

from mice_train.compensated import round_blocks, round_encoder
from mice_train.graph import BLOCK, SharedWeights, quantize_blocks


def restored(q: np.ndarray, scale: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(((q.astype(np.float32) - 128) * scale[..., None]).reshape(len(q), -1))


def test_what_is_lost_on_inputs_that_go_together_is_less_than_by_plain_rounding():
    torch.manual_seed(0)
    weight, inputs = torch.randn(24, 2 * BLOCK), torch.randn(500, 8) @ torch.randn(8, 2 * BLOCK)
    inputs += 0.1 * torch.randn_like(inputs)
    wanted = inputs @ weight.T
    plain = quantize_blocks(weight.numpy())
    fitted = round_blocks(weight, inputs.T @ inputs)
    assert [part.shape for part in fitted] == [part.shape for part in plain]
    lost = [(inputs @ restored(*given).T - wanted).norm() for given in (plain, fitted)]
    assert lost[1] < 0.5 * lost[0]


def test_an_encoders_rows_are_stored_so_rounded_in_every_matrix_that_has_them(encoder):
    weights = SharedWeights(round_encoder(encoder, [[2, *range(5, 15), 3], [2, 7, 9, 3]]))
    layer = encoder.layers[0]
    parts = [layer.query.weight, layer.value.weight]
    stacked = weights.blocks(torch.cat(parts).detach().numpy())
    alone = [weights.blocks(part.detach().numpy()) for part in parts]
    for together, apart in zip(stacked, zip(*alone, strict=True), strict=True):
        assert (together == np.concatenate(apart)).all()
    assert (alone[0][0] != quantize_blocks(layer.query.weight.detach().numpy())[0]).any()
    strange = np.ones((3, BLOCK), np.float32)
    assert (weights.blocks(strange)[0] == quantize_blocks(strange)[0]).all()
