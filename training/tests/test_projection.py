import torch

from mice_train.projection import explained, fit_projection


def test_states_of_low_rank_survive_whole_and_in_coordinates_of_like_spread():
    generator = torch.Generator().manual_seed(0)
    basis = torch.randn(6, 24, generator=generator)
    states = torch.randn(500, 6, generator=generator) @ basis + 3
    readers = torch.randn(40, 24, generator=generator)
    projection = fit_projection(states, readers, 6)
    assert explained(projection, states, readers) > 0.9999
    spread = projection.project(states).std(0)
    assert spread.max() / spread.min() < 4


def test_directions_that_nobody_reads_are_dropped_first():
    generator = torch.Generator().manual_seed(1)
    states = torch.randn(2000, 8, generator=generator) * torch.tensor([1.0, 1, 1, 1, 50, 50, 50, 50])
    readers = torch.cat([torch.randn(12, 4, generator=generator), torch.zeros(12, 4)], 1)
    projection = fit_projection(states, readers, 4)
    assert explained(projection, states, readers) > 0.999
