"""A tiny random BERT checkpoint: every code path of the real one, in milliseconds."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
import torch
from safetensors.torch import save_file

from mice_train.encoder import load_encoder
from mice_train.families.bert import LAYER
from mice_train.interaction import Interaction, seed
from mice_train.projection import fit_projection
from mice_train.source import load_source

HIDDEN, LAYERS, VOCAB, STATE_DIMS = 128, 6, 40, 32
BOTTOM = 4
CONFIG = {
    "model_type": "bert", "hidden_act": "gelu", "hidden_size": HIDDEN, "num_attention_heads": 4,
    "num_hidden_layers": LAYERS, "intermediate_size": 128, "vocab_size": VOCAB, "max_position_embeddings": 64,
    "layer_norm_eps": 1e-12, "type_vocab_size": 2,
}


def random_weights() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator) * 0.15

    weights = {
        "embeddings.word_embeddings.weight": draw(VOCAB, HIDDEN),
        "embeddings.position_embeddings.weight": draw(64, HIDDEN),
        "embeddings.token_type_embeddings.weight": draw(2, HIDDEN),
        "pooler.dense.weight": draw(HIDDEN, HIDDEN),
        "pooler.dense.bias": draw(HIDDEN),
    }
    shapes = {"up": (128, HIDDEN), "down": (HIDDEN, 128)}
    norms = ["embeddings.LayerNorm"]
    for number in range(LAYERS):
        for ours, theirs in LAYER.items():
            name = f"encoder.layer.{number}.{theirs}"
            if ours.endswith("norm"):
                norms.append(name)
            else:
                rows, columns = shapes.get(ours, (HIDDEN, HIDDEN))
                weights[f"{name}.weight"], weights[f"{name}.bias"] = draw(rows, columns), draw(rows)
    for name in norms:
        weights[f"{name}.weight"], weights[f"{name}.bias"] = 1 + draw(HIDDEN), draw(HIDDEN)
    return weights


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    save_file(random_weights(), folder / "model.safetensors")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz", *map(str, range(10))]
    (folder / "tokenizer.json").write_text(json.dumps({
        "version": "1.0",
        "truncation": {"max_length": 5, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": None, "added_tokens": [], "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                       {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
                               "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}},
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": {w: n for n, w in enumerate(words)}, "unk_token": "[UNK]"},
    }))
    return folder


@pytest.fixture(scope="session")
def source(checkpoint: Path):
    return load_source(checkpoint)


@pytest.fixture(scope="session")
def encoder(source):
    return load_encoder(source)


@pytest.fixture(scope="session")
def projection(encoder):
    torch.manual_seed(0)
    states, _ = encoder(torch.randint(0, VOCAB, (80, 20)), torch.ones(80, 20), BOTTOM)
    readers = torch.cat([layer.key.weight for layer in encoder.layers[BOTTOM:]])
    return fit_projection(states.flatten(0, 1), readers, STATE_DIMS)


@pytest.fixture
def interaction(source, encoder, projection):
    """Seeded, with a head that is not zero, so that every weight shows in the score."""
    torch.manual_seed(1)
    model = Interaction(source.shape, STATE_DIMS, LAYERS - BOTTOM)
    seed(model, source, encoder, projection, [torch.randn(6, HIDDEN), torch.randn(9, HIDDEN)])
    torch.nn.init.normal_(model.head.weight)
    return model.requires_grad_(False)


def kinds_of(model: onnx.ModelProto) -> list[str]:
    """The operators of a graph and of its loops' bodies."""
    found, graphs = [], [model.graph]
    for graph in graphs:
        found += [node.op_type for node in graph.node]
        graphs += [attribute.g for node in graph.node for attribute in node.attribute if attribute.HasField("g")]
    return found
