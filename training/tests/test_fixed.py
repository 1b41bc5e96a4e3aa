import numpy as np
import onnx
import pytest
import torch

from mice_train import pruned
from mice_train.export import export_interaction
from mice_train.fitted import fit_linear, fit_rounding
from mice_train.graph import Graph, SharedWeights, save
from mice_train.graph_session import open_graph
from mice_train.nodes import FLOAT, INT8, INT64, value
from mice_train.quantize import dequantize, quantize
from mice_train.refused import Refused
from mice_train.stored_nodes import Documents, FixedStates
from tests.conftest import HIDDEN, STATE_DIMS, kinds_of

RANDOM_TOLERANCE = 0.1
"""Relative error of random weights, which are harder than trained ones."""
COMPANION_TOLERANCE = 2e-5
"""The order of float additions within a row."""
LENGTHS = torch.tensor([12, 3, 7, 1, 12])


def feed(seed: int) -> dict[str, np.ndarray]:
    torch.manual_seed(seed)
    q, scale = quantize(torch.randn(5, 12, STATE_DIMS))
    outside = torch.arange(12)[None] >= LENGTHS[:, None]
    q[outside], scale[outside] = 0, 0
    return {"query_states": torch.randn(7, HIDDEN).numpy(), "document_states": q.numpy(),
            "document_scales": scale.numpy(), "document_lengths": LENGTHS.numpy()}


@pytest.fixture
def graph(tmp_path, interaction):
    weights = SharedWeights()
    save(export_interaction(interaction, 24, weights, "int8-fixed", [feed(seed) for seed in range(10, 20)]),
         tmp_path / "interaction.onnx")
    weights.write(tmp_path)
    return tmp_path / "interaction.onnx"


def run(graph, given) -> np.ndarray:
    return open_graph(graph).run(["scores"], given)[0]


def test_scales_found_on_some_text_hold_on_other(graph, interaction):
    given = feed(3)
    z = dequantize(torch.from_numpy(given["document_states"]), torch.from_numpy(given["document_scales"]))
    mask = (torch.arange(12)[None] < LENGTHS[:, None]).float()
    query = torch.from_numpy(given["query_states"])[None]
    expected = pruned.score(interaction, query, torch.ones(1, 7), z[None], mask[None])[0].numpy()
    assert np.linalg.norm(run(graph, given) - expected) < RANDOM_TOLERANCE * np.linalg.norm(expected)


def test_a_documents_score_depends_on_neither_its_companions_nor_padding(graph):
    given = feed(4)
    together = run(graph, given)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = {"query_states": given["query_states"], "document_lengths": LENGTHS[row : row + 1].numpy(),
                 "document_states": given["document_states"][row : row + 1, :length],
                 "document_scales": given["document_scales"][row : row + 1, :length]}
        assert abs(run(graph, alone)[0] - together[row]) < COMPANION_TOLERANCE


def test_large_products_are_of_integers_and_nothing_is_measured_but_attention(graph):
    kinds = kinds_of(onnx.load(graph))
    assert kinds.count("MatMulIntegerToFloat") == 14
    assert kinds.count("ReduceMax") == 4  # each block: a group's longest document, and its attention weights
    assert {"MatMulNBits", "DynamicQuantizeLinear"}.isdisjoint(kinds)


def test_a_first_token_that_takes_most_of_the_attention_leaves_the_others_their_digits(tmp_path):
    rng, tokens, dims = np.random.default_rng(0), 60, 32
    states = rng.integers(-7, 8, (3, tokens, dims)).astype(np.int8)
    asked = states[0, :1].astype(np.float32)[None] / 40
    states[:, 0] = states[0, 0]
    given = {"q": asked, "document_states": states, "document_scales": np.ones((3, tokens), np.float32)}

    given["document_lengths"] = np.full(3, tokens)
    graph = Graph("read", SharedWeights(), "int8-fixed")
    read = FixedStates(graph, Documents(), fit_rounding(asked)).read("q")
    for name, found in (("rest", graph.op("Mul", read.rest, read.scale)), ("share", read.share)):
        graph.name_output(found, name)
    save(graph.model([value("q", FLOAT, [1, 1, dims]), value("document_states", INT8, ["N", "T", dims]),
                      value("document_scales", FLOAT, ["N", "T"]), value("document_lengths", INT64, ["N"])],
                     [value("rest", FLOAT, [3, 1, dims]), value("share", FLOAT, [3, 1, 1])]), tmp_path / "read.onnx")
    graph.weights.write(tmp_path)
    rest, share = open_graph(tmp_path / "read.onnx").run(["rest", "share"], given)

    logits = (asked * states).sum(-1, keepdims=True)
    weights = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert (weights[:, 0] > 0.8).all()
    others = (weights * states)[:, 1:].sum(1)
    found = rest[:, 0] + (share[:, 0] - weights[:, 0]) * states[:, 0]
    assert np.linalg.norm(found - others) < 0.03 * np.linalg.norm(others)


def test_without_text_there_are_no_scales(interaction):
    with pytest.raises(Refused, match="accepted is a sample"):
        export_interaction(interaction, 24, SharedWeights(), "int8-fixed")


def test_values_come_back_to_within_half_a_step_and_zero_exactly():
    x = np.random.default_rng(0).uniform(-1, 3, (50, 8)).astype(np.float32)
    rounding = fit_rounding(x)
    inside = (x > rounding.size * -rounding.zero) & (x < rounding.size * (255 - rounding.zero))
    assert (np.abs(rounding.apply(x) - x)[inside] <= 0.51 * rounding.size).all()
    assert rounding.apply(np.zeros(1, np.float32)) == 0


def test_rare_outliers_are_cut_off_where_that_costs_less_than_a_coarse_step():
    x = np.random.default_rng(0).normal(size=(3000, 160)).astype(np.float32)
    x[0, 0] = 12
    assert fit_rounding(x).size < 0.7 * (12 - x.min()) / 255


def test_channels_of_unequal_size_are_divided_and_equal_ones_left_alone():
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(600, 32)).astype(np.float32), rng.normal(size=(24, 32)).astype(np.float32)
    assert fit_linear(x, weight).divisors is None
    x[:, 3] *= 40
    weight[:, 3] /= 40
    fitted = fit_linear(x, weight)
    assert fitted.divisors is not None
    assert fitted.divisors[3] == fitted.divisors.max()


def test_what_rounding_takes_on_average_is_given_back():
    rng = np.random.default_rng(0)
    x, weight = rng.normal(2, 1, (2000, 16)).astype(np.float32), rng.normal(size=(8, 16)).astype(np.float32)
    fitted = fit_linear(x, weight)
    given = fitted.rounding.apply(x if fitted.divisors is None else x / fitted.divisors)
    error = given @ (fitted.weight * fitted.scales[:, None]).T + fitted.moved - x @ weight.T
    assert np.abs(error.mean(0)).max() < 1e-4
