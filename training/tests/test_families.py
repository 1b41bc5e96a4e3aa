"""Every family against transformers' own forward pass, and its graphs against the modules."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification, BertConfig, BertModel, DistilBertConfig

from mice_train import pruned
from mice_train.bundle import Limits, Origin, PairReader, Parts
from mice_train.cross_encoder import fresh_cross_encoder
from mice_train.encoder import load_encoder
from mice_train.families import UnsupportedCheckpoint
from mice_train.first_stage import KIND, FirstStage
from mice_train.interaction import Interaction, seed
from mice_train.layer_readers import readers_of
from mice_train.pre_norm import window_bias
from mice_train.projection import fit_projection
from mice_train.publish import publish
from mice_train.runtime import Bundle
from mice_train.source import load_source
from mice_train.tiny import TEXTS, tokenizer_json
from mice_train.tolerance import Sample
from tests.checkpoints import FAMILIES, HIDDEN, LAYERS, REACH, write_checkpoint

TOLERANCE = 2e-5
"""Of states, vectors and scores against transformers in float32, where values are of the order of 1."""
BOTTOM, TOKENS = 2, 21
"""More tokens than a local layer reaches."""


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request, tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def source(folder):
    return load_source(folder)


@pytest.fixture(scope="module")
def encoder(source):
    return load_encoder(source)


def pairs():
    ids = torch.randint(4, 100, (3, TOKENS), generator=torch.Generator().manual_seed(3))
    mask, types = torch.ones(3, TOKENS, dtype=torch.long), torch.zeros(3, TOKENS, dtype=torch.long)
    mask[1, 14:] = 0
    types[:, 6:] = 1
    return ids, types, mask


def test_states_of_every_depth_equal_those_of_transformers(folder, source, encoder):
    theirs = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    ids, _, mask = pairs()
    keep = mask.bool()
    with torch.no_grad():
        hidden = theirs(ids, attention_mask=mask, output_hidden_states=True).hidden_states
    last = LAYERS if source.shape.pre_norm else LAYERS + 1  # there the last one stands behind the final norm
    for depth in range(last):
        states, vector = encoder(ids, mask, depth)
        assert torch.allclose(states[keep], hidden[depth][keep], atol=TOLERANCE)
    with torch.no_grad():
        top = theirs(ids, attention_mask=mask).last_hidden_state
    mean = (top * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    assert torch.allclose(vector, torch.nn.functional.normalize(mean, dim=-1), atol=TOLERANCE)


def test_scores_of_pairs_equal_those_of_transformers(folder, source, encoder):
    theirs = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
    ids, types, mask = pairs()
    given = {} if source.shape.family == "modernbert" else {"token_type_ids": types}
    with torch.no_grad():
        expected = theirs(ids, attention_mask=mask, **given).logits[:, 0]
        found = fresh_cross_encoder(source, encoder)(ids, types, mask)
    assert source.scores_pairs
    assert torch.allclose(found, expected, atol=TOLERANCE)


@pytest.fixture(scope="module")
def projection(encoder):
    """Of all dimensions: nothing is lost."""
    ids = torch.randint(4, 100, (60, 20), generator=torch.Generator().manual_seed(5))
    states, _ = encoder(ids, torch.ones_like(ids), BOTTOM)
    return fit_projection(encoder.readable(states).flatten(0, 1), readers_of(encoder.layers[BOTTOM:]), HIDDEN)


@pytest.fixture(scope="module")
def interaction(source, encoder, projection):
    made = Interaction(source.shape, HIDDEN, 2, BOTTOM)
    ids, _, mask = pairs()
    seed(made, source, encoder, projection, list(encoder(ids, mask, BOTTOM)[0]))
    return made.requires_grad_(False)


def test_keys_and_values_of_stored_states_are_those_that_the_layers_read(encoder, projection, interaction):
    ids, _, mask = pairs()
    states, _ = encoder(ids, mask, BOTTOM)
    z = projection.project(encoder.readable(states))
    for block, layer in zip(interaction.blocks, encoder.layers[BOTTOM:], strict=True):
        read = layer.attention_norm(states) if block.pre_norm else states
        assert torch.allclose(block.cross_value(z), layer.value(read), atol=1e-3)
        apart = layer.key(read) - block.cross_key(z)  # the same for every token, so no softmax sees it
        assert (apart - apart[:1, :1]).abs().max() < 1e-3


def test_the_pruned_form_scores_as_the_plain_one(encoder, interaction):
    torch.manual_seed(0)
    x, z = torch.randn(1, 7, HIDDEN), torch.randn(1, 3, 13, HIDDEN)
    fast = pruned.score(interaction, x, torch.ones(1, 7), z, torch.ones(1, 3, 13))[0]
    plain = interaction(x.expand(3, -1, -1), torch.ones(3, 7), z[0], torch.ones(3, 13))
    assert torch.allclose(fast, plain, atol=TOLERANCE)


@pytest.fixture(scope="module")
def bundle(source, encoder, projection, interaction, tmp_path_factory):
    """Held against PyTorch by `publish`."""
    fast = load_encoder(source)
    fast.layers = fast.layers[:2]
    model = fresh_cross_encoder(source, encoder).requires_grad_(False)
    parts = Parts("random", Origin("random", "none"), source.tokenizer_path, encoder, BOTTOM, projection, interaction,
                  FirstStage(KIND, 1.0), limits=Limits(64, 24, 80), query_fast=fast,
                  cross_encoder=PairReader(model, FirstStage(KIND, 1.0)))
    texts = [*TEXTS, " ".join(TEXTS)]
    made = tmp_path_factory.mktemp("bundles") / "bundle"
    publish(parts, made, Sample(list(TEXTS), [texts] * len(TEXTS)), "float32")
    return Bundle(made)


def test_every_graph_agrees_with_its_module_on_text(bundle):
    compared = {"states", "documentVectors", "queryVectors", "scores", "queryFastVectors", "crossEncoderScores"}
    assert set(bundle.manifest["tolerance"]["graphsVsPytorch"]) == compared


def test_the_cross_encoder_graph_scores_pairs_as_transformers_does(folder, source, bundle):
    theirs = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
    ids, types, mask = pairs()
    (found,) = bundle.run("cross-encoder", ["scores"], input_ids=ids.numpy(), attention_mask=mask.numpy(),
                          token_type_ids=types.numpy())
    given = {} if source.shape.family == "modernbert" else {"token_type_ids": types}
    with torch.no_grad():
        expected = theirs(ids, attention_mask=mask, **given).logits[:, 0].numpy()
    assert np.abs(found - expected).max() < TOLERANCE


def test_a_local_layer_reads_no_token_beyond_its_reach(tmp_path):
    encoder = load_encoder(load_source(write_checkpoint(tmp_path, "modernbert")))
    assert [layer.rotary.reach for layer in encoder.layers] == [None, REACH, REACH, None]
    x = torch.randn(1, 16, HIDDEN, generator=torch.Generator().manual_seed(0))
    changed = x.clone()
    changed[0, 9] += 1
    apart = (encoder.layers[1](x, torch.zeros(1)) - encoder.layers[1](changed, torch.zeros(1))).abs().sum(-1)[0]
    assert [n for n in range(16) if apart[n] > 1e-6] == list(range(9 - REACH, 9 + REACH + 1))
    assert window_bias(1, 6, 4).tolist()[0][:5] == [0] * 5


def test_a_head_that_reads_the_mean_scores_as_transformers_does(tmp_path):
    folder = write_checkpoint(tmp_path, "modernbert", classifier_pooling="mean")
    theirs = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
    source = load_source(folder)
    ids, types, mask = pairs()
    with torch.no_grad():
        expected = theirs(ids, attention_mask=mask).logits[:, 0]
        found = fresh_cross_encoder(source, load_encoder(source))(ids, types, mask)
    assert torch.allclose(found, expected, atol=TOLERANCE)


def test_an_encoder_without_a_head_starts_with_a_zero_one(tmp_path):
    BertModel(BertConfig(vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
                         intermediate_size=32)).save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_text(tokenizer_json())
    source = load_source(tmp_path)
    assert not source.scores_pairs
    model = fresh_cross_encoder(source, load_encoder(source))
    assert model.head.weight.abs().max() == 0
    assert model.cosine_weight.item() == pytest.approx(20)


def test_another_family_is_refused_with_the_accepted_ones(tmp_path):
    DistilBertConfig().save_pretrained(tmp_path)
    with pytest.raises(UnsupportedCheckpoint, match="'distilbert'; accepted are 'bert', 'electra', 'modernbert'"):
        load_source(tmp_path)


def test_a_head_of_several_labels_is_refused(tmp_path):
    with pytest.raises(UnsupportedCheckpoint, match="3 labels; accepted is 1"):
        load_source(write_checkpoint(tmp_path, "bert", num_labels=3))


def test_an_activation_that_is_not_computed_is_refused(tmp_path):
    with pytest.raises(UnsupportedCheckpoint, match="hidden_act is 'relu'; accepted is 'gelu'"):
        load_source(write_checkpoint(tmp_path, "bert", hidden_act="relu"))
