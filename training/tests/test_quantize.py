import torch

from mice_train.quantize import dequantize, quantize


def test_halves_are_rounded_up_towards_positive_infinity():
    q, scale = quantize(torch.tensor([[127.0, 0.5, -0.5, 1.5, -1.5, -127.0]]))
    assert scale.tolist() == [1.0]
    assert q.tolist() == [[127, 1, 0, 2, -1, -127]]


def test_a_zero_row_has_scale_zero_and_only_zeros():
    q, scale = quantize(torch.zeros(2, 4))
    assert scale.tolist() == [0, 0]
    assert q.abs().sum() == 0


def test_the_error_is_at_most_half_a_step_per_coordinate():
    x = torch.randn(50, 32, generator=torch.Generator().manual_seed(0))
    q, scale = quantize(x)
    assert ((dequantize(q, scale) - x).abs() <= scale[:, None] * 0.5001).all()


def test_four_bits_reach_from_minus_seven_to_seven_and_leave_minus_eight_alone():
    q, scale = quantize(torch.tensor([[7.0, 0.5, -0.5, 1.5, -7.0, -6.6]]), "int4")
    assert scale.tolist() == [1.0]
    assert q.tolist() == [[7, 1, 0, 2, -7, -7]]
