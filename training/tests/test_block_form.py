"""Interaction layers of other forms, in every family: what they start as, and that every way to compute them agrees."""

from __future__ import annotations

import pytest
import torch

from mice_train import pruned
from mice_train.block_form import PLAIN, BlockForm, one_key, one_value
from mice_train.encoder import load_encoder
from mice_train.export import export_interaction
from mice_train.graph import SharedWeights, save
from mice_train.graph_session import open_graph
from mice_train.interaction import Interaction, same_tokens, seed
from mice_train.layer_readers import readers_of
from mice_train.projection import fit_projection
from mice_train.quantize import dequantize, quantize
from mice_train.source import load_source
from tests.checkpoints import FAMILIES, HIDDEN, write_checkpoint

BOTTOM, DIMS, HEADS = 2, 32, 4
WIDTH = HIDDEN // HEADS
FORMS = {"plain": PLAIN, "one head": BlockForm(one_head=True), "smaller MLP": BlockForm(mlp=24),
         "lexical": BlockForm(lexical=True), "all of it": BlockForm(True, 24, True)}
TOLERANCE = 2e-5


@pytest.fixture(scope="module", params=FAMILIES)
def source(request, tmp_path_factory):
    return load_source(write_checkpoint(tmp_path_factory.mktemp(request.param), request.param))


@pytest.fixture(scope="module")
def encoder(source):
    return load_encoder(source)


@pytest.fixture(scope="module")
def projection(encoder):
    ids = torch.randint(4, 100, (60, 20), generator=torch.Generator().manual_seed(5))
    states, _ = encoder(ids, torch.ones_like(ids), BOTTOM)
    return fit_projection(encoder.readable(states).flatten(0, 1), readers_of(encoder.layers[BOTTOM:]), DIMS)


@pytest.fixture
def derive(source, encoder, projection):
    def made(form: BlockForm, stirred: bool = True) -> Interaction:
        """`stirred`: what starts at zero is random, so that it shows."""
        model = Interaction(source.shape, DIMS, 2, BOTTOM, form)
        sample = torch.randn(2, 9, HIDDEN, generator=torch.Generator().manual_seed(1))
        seed(model, source, encoder, projection, list(sample))
        for block in model.blocks if stirred and form.lexical else ():
            torch.nn.init.normal_(block.lexical.weight, std=0.2)
        return model.requires_grad_(False)
    return made


class Given:
    """One query of 7 tokens, three documents of up to 13; some tokens in common."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(2)
        self.x = torch.randn(1, 7, HIDDEN, generator=generator)
        self.q, self.scale = quantize(torch.randn(3, 13, DIMS, generator=generator))
        self.z = dequantize(self.q, self.scale)[None]
        self.lengths = torch.tensor([13, 4, 9])
        self.mask = (torch.arange(13)[None] < self.lengths[:, None]).float()[None]
        self.asked = torch.randint(0, 9, (1, 7), generator=generator)
        self.read = torch.randint(0, 9, (1, 3, 13), generator=generator)

    def alike(self, form: BlockForm):
        if not form.lexical:
            return None
        return same_tokens(self.asked, torch.ones(1, 7), self.read, self.mask)

    def score(self, model: Interaction) -> torch.Tensor:
        return pruned.score(model, self.x, torch.ones(1, 7), self.z, self.mask, self.alike(model.form))[0]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_the_pruned_form_scores_as_the_plain_one(derive, form):
    model, given = derive(form), Given()
    alike = given.alike(form)
    plain = model(given.x.expand(3, -1, -1), torch.ones(3, 7), given.z[0], given.mask[0],
                  None if alike is None else alike[0])
    assert torch.allclose(given.score(model), plain, atol=TOLERANCE)


@pytest.mark.parametrize("compute", ["float32", "int8-rows"])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_the_graph_scores_as_the_module(derive, form, compute, tmp_path):
    model, given, weights = derive(form), Given(), SharedWeights()
    save(export_interaction(model, 24, weights, compute), tmp_path / "interaction.onnx")
    weights.write(tmp_path)
    session = open_graph(tmp_path / "interaction.onnx")
    feed = {"query_states": given.x[0], "document_states": given.q, "document_scales": given.scale,
            "document_lengths": given.lengths}
    if form.lexical:
        feed |= {"query_tokens": given.asked[0], "document_tokens": given.read[0]}
    (found,) = session.run(["scores"], {name: tensor.numpy() for name, tensor in feed.items()})
    expected = given.score(model)
    apart = (torch.from_numpy(found) - expected).norm() / expected.norm()
    assert apart < (TOLERANCE if compute == "float32" else 0.2)


def test_a_lexical_head_starts_by_adding_nothing(derive):
    given = Given()
    assert torch.equal(given.score(derive(FORMS["lexical"], stirred=False)), given.score(derive(PLAIN)))


def test_an_mlp_of_all_units_is_the_backbones(derive, source):
    given = Given()
    whole = derive(BlockForm(mlp=source.shape.intermediate))
    assert torch.allclose(given.score(whole), given.score(derive(PLAIN)), atol=TOLERANCE)


def test_the_units_kept_of_an_mlp_are_those_that_can_move_the_state_most(derive):
    narrow, whole = (derive(form).blocks[0].layer for form in (FORMS["smaller MLP"], PLAIN))
    size = whole.up.weight.unflatten(0, (-1, HIDDEN)).norm(dim=-1).prod(0) * whole.down.weight.norm(dim=0)
    kept = sorted(size.topk(24).indices.tolist())
    assert torch.equal(narrow.down.weight, whole.down.weight[:, kept])
    assert torch.equal(narrow.up.weight[:24], whole.up.weight[kept])


def test_a_query_token_reads_the_mean_of_its_own_kind_and_no_padding():
    read = torch.tensor([[[7, 5, 7, 7]]])
    alike = same_tokens(torch.tensor([[7, 9]]), torch.ones(1, 2), read, torch.tensor([[[1.0, 1, 1, 0]]]))
    assert alike[0, 0].tolist() == [[0.5, 0, 0.5, 0], [0, 0, 0, 0]]


def heads_alike(seed: int = 0):
    """Query, key, value and output maps of heads that all have the same key and value."""
    torch.manual_seed(seed)
    key, value = torch.randn(2, WIDTH, DIMS)
    return torch.randn(HIDDEN, HIDDEN), torch.randn(HIDDEN), key.repeat(HEADS, 1), value.repeat(HEADS, 1)


def test_one_key_for_heads_that_have_the_same_one_loses_nothing():
    query, bias, key, _ = heads_alike()
    x, z = torch.randn(5, HIDDEN), torch.randn(9, DIMS)

    def logits(query, bias, key):
        return (x @ query.T + bias).unflatten(1, (HEADS, -1)).transpose(0, 1) @ (z @ key.T).T

    expected = logits(query, bias, key[:WIDTH])
    assert torch.allclose(logits(*one_key(query, bias, key, HEADS)), expected, atol=1e-3)


def test_one_value_for_heads_that_have_the_same_one_loses_nothing():
    out, _, _, value = heads_alike()
    z = torch.randn(HEADS, 5, DIMS)  # what each head has read

    def added(out, value):
        return (z @ value.T).transpose(0, 1).flatten(1) @ out.T

    assert torch.allclose(added(*one_value(out, value, HEADS)), added(out, value[:WIDTH]), atol=1e-3)


def test_one_head_is_nearer_to_the_layers_attention_than_the_mean_of_its_heads(derive, encoder, projection):
    """Of values, which need no softmax to compare."""
    layer, block = encoder.layers[BOTTOM], derive(FORMS["one head"]).blocks[0]
    gain = layer.attention_norm.weight if block.pre_norm else 1.0
    out, value = layer.out.weight, layer.value.weight * gain @ projection.up
    added = out.unflatten(1, (HEADS, -1)).transpose(0, 1) @ value.unflatten(0, (HEADS, -1))

    def apart(out, value):
        return (out.unflatten(1, (HEADS, -1)).transpose(0, 1) @ value - added).square().sum()

    mean = value.unflatten(0, (HEADS, -1)).mean(0)
    assert apart(block.cross_out.weight, block.cross_value.weight) < apart(out, mean)
