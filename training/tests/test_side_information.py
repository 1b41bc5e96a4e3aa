import torch

from mice_train.frontier import Variant, stored
from mice_train.side_information import fit_side_information
from mice_train.stored_form import StoredForm

TOKENS, DIMS, VOCAB = 3000, 16, 50


def drawn(noise: float):
    """States that are a map of their token's embedding, and noise along two directions."""
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.randn(VOCAB, 8, generator=generator)
    ids = torch.randint(0, VOCAB, (TOKENS,), generator=generator)
    spread = torch.zeros(DIMS)
    spread[[3, 9]] = noise
    states = embeddings[ids] @ torch.randn(8, DIMS, generator=generator) + 2
    return embeddings, ids, states + torch.randn(TOKENS, DIMS, generator=generator) * spread


def lost(states, ids, variant) -> float:
    return ((stored(states, ids.tolist(), variant) - states).square().sum() / states.square().sum()).item()


def test_a_state_that_hangs_on_its_token_alone_is_expected():
    embeddings, ids, states = drawn(noise=0)
    assert torch.allclose(fit_side_information(embeddings, ids, states).expected[ids], states, atol=0.05)


def test_few_directions_hold_what_the_token_does_not_say():
    embeddings, ids, states = drawn(noise=1)
    side = fit_side_information(embeddings[:VOCAB], ids[:2000], states[:2000])
    two = StoredForm(2, "int4")
    beside = lost(states[2000:], ids[2000:], Variant("beside", two, side=side))
    assert beside < 0.01 < lost(states[2000:], ids[2000:], Variant("alone", two))


def test_the_id_is_two_of_a_tokens_bytes():
    side = fit_side_information(*drawn(noise=1))
    assert Variant("beside", StoredForm(16, "int4"), side=side).bytes_per_token == 8 + 4 + 2
