import numpy as np
import onnx
import pytest
import torch

from mice_train import pruned, stored_nodes
from mice_train.export import export_document, export_interaction, export_query
from mice_train.graph import SharedWeights, save
from mice_train.graph_session import open_graph
from mice_train.quantize import dequantize, quantize
from tests.conftest import BOTTOM, HIDDEN, STATE_DIMS, VOCAB

FLOAT32_TOLERANCE = 2e-5
COMPANION_TOLERANCE = 2e-5
"""How far other rows of a batch, or padding, may move a result (order of float additions)."""
TOLERANCE = {"float32": FLOAT32_TOLERANCE, "int8-blocks": 0.15, "int8-weights": 0.15, "int12-weights": 0.015,
             "int8-rows": 0.2}
"""Relative error, with int8 that of random weights, which are harder than trained ones."""
COMPUTES = list(TOLERANCE)


@pytest.fixture
def sessions(request, tmp_path, encoder, projection, interaction):
    compute, weights = request.param, SharedWeights()
    models = {
        "document": export_document(encoder, projection, BOTTOM, 24, weights, compute),
        "query": export_query(encoder, BOTTOM, 24, weights, compute),
        "interaction": export_interaction(interaction, 24, weights, compute),
    }
    weights.write(tmp_path)
    made = {}
    for role, model in models.items():
        save(model, tmp_path / f"{role}.onnx")
        onnx.checker.check_model(tmp_path / f"{role}.onnx", full_check=True)
        made[role] = open_graph(tmp_path / f"{role}.onnx")
    return compute, made


def tokens():
    ids = torch.randint(0, VOCAB, (3, 17), generator=torch.Generator().manual_seed(2))
    mask = torch.ones(3, 17, dtype=torch.long)
    mask[1, 6:] = 0
    return ids, mask


def stored_documents():
    torch.manual_seed(4)
    q, scale = quantize(torch.randn(5, 12, STATE_DIMS))
    return torch.randn(7, HIDDEN), q, scale, torch.tensor([12, 3, 7, 1, 12])


def feed(query, q, scale, lengths):
    return {"query_states": query.numpy(), "document_states": q.numpy(), "document_scales": scale.numpy(),
            "document_lengths": lengths.numpy()}


def far(a, b) -> float:
    a, b = np.asarray(a), np.asarray(b)
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


@pytest.mark.parametrize("sessions", COMPUTES, indirect=True)
def test_encoders_compute_what_the_module_does(sessions, encoder, projection):
    compute, made = sessions
    ids, mask = tokens()
    states, vector = encoder(ids, mask, BOTTOM)
    given = {"input_ids": ids.numpy(), "attention_mask": mask.numpy()}
    document = dict(zip(["vector", "states"], made["document"].run(["vector", "states"], given), strict=True))
    query = dict(zip(["vector", "states"], made["query"].run(["vector", "states"], given), strict=True))
    limit = TOLERANCE[compute]
    keep = mask.bool().numpy()
    assert far(document["vector"], vector) < limit
    assert far(query["vector"], vector) < limit
    assert far(query["states"][keep], states.numpy()[keep]) < limit
    assert far(document["states"][keep], projection.project(states).numpy()[keep]) < limit


@pytest.mark.parametrize("sessions", COMPUTES, indirect=True)
def test_interaction_scores_equal_the_modules(sessions, interaction):
    compute, made = sessions
    query, q, scale, lengths = stored_documents()
    mask = (torch.arange(12)[None] < lengths[:, None]).float()
    expected = pruned.score(interaction, query[None], torch.ones(1, 7), dequantize(q, scale)[None], mask[None])[0]
    (scores,) = made["interaction"].run(["scores"], feed(query, q, scale, lengths))
    assert far(scores, expected) < TOLERANCE[compute]


@pytest.mark.parametrize("sessions", COMPUTES, indirect=True)
def test_a_documents_score_depends_on_neither_its_companions_nor_padding(sessions):
    _, made = sessions
    query, q, scale, lengths = stored_documents()
    (together,) = made["interaction"].run(["scores"], feed(query, q, scale, lengths))
    for row, length in enumerate(lengths.tolist()):
        alone = feed(query, q[row : row + 1, :length], scale[row : row + 1, :length], lengths[row : row + 1])
        (score,) = made["interaction"].run(["scores"], alone)
        assert abs(score[0] - together[row]) < COMPANION_TOLERANCE


@pytest.mark.parametrize("compute", [*COMPUTES, "int8-fixed"])
def test_documents_read_in_groups_score_to_the_last_bit_as_at_once(tmp_path, monkeypatch, interaction, compute):
    query, q, scale, lengths = stored_documents()
    given, found = feed(query, q, scale, lengths), []
    for weights, least in ((10**9, 3), (1, 3), (1, 2)):
        monkeypatch.setattr(stored_nodes, "GROUP_WEIGHTS", weights)
        monkeypatch.setattr(stored_nodes, "GROUP_LEAST", least)
        shared = SharedWeights()
        save(export_interaction(interaction, 24, shared, compute, [given]), tmp_path / "interaction.onnx")
        shared.write(tmp_path)
        found.append(open_graph(tmp_path / "interaction.onnx").run(["scores"], given)[0])
    at_once, *in_groups = found
    assert all((scores == at_once).all() for scores in in_groups)


@pytest.mark.parametrize("sessions", COMPUTES, indirect=True)
def test_a_documents_states_depend_on_neither_its_companions_nor_padding(sessions):
    _, made = sessions
    ids, mask = tokens()
    together = {"input_ids": ids.numpy(), "attention_mask": mask.numpy()}
    vector, states = made["document"].run(["vector", "states"], together)
    alone = {"input_ids": ids[1:2, :6].numpy(), "attention_mask": mask[1:2, :6].numpy()}
    one_vector, one_states = made["document"].run(["vector", "states"], alone)
    assert np.abs(one_vector[0] - vector[1]).max() < COMPANION_TOLERANCE
    assert np.abs(one_states[0] - states[1, :6]).max() < COMPANION_TOLERANCE


def test_graphs_that_share_layers_store_them_once(encoder, projection):
    weights = SharedWeights()
    export_document(encoder, projection, BOTTOM, 24, weights, "int8-blocks")
    size = len(weights.content)
    export_query(encoder, BOTTOM, 24, weights, "int8-blocks")
    assert len(weights.content) == size
