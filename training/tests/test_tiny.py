from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from tokenizers import Tokenizer

from mice_train.bundle import read_manifest
from mice_train.graph import Computes
from mice_train.pairs import pair
from mice_train.publish import publish
from mice_train.quantize import MOST
from mice_train.runtime import Bundle
from mice_train.tiny import TEXTS, tiny_parts, tokenizer_json, write_tiny_bundle
from mice_train.tolerance import Accepted, Sample, ToleranceExceeded
from tests.conftest import kinds_of

MOST_BYTES = 170_000
SAMPLE = Sample(list(TEXTS), [list(TEXTS)] * len(TEXTS))
FLOAT32_TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("tiny") / "bundle"
    write_tiny_bundle(made)
    return made


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    path.write_text(tokenizer_json())
    return tiny_parts(path)


def test_the_tiny_bundle_has_every_graph_and_is_small(folder):
    assert set(read_manifest(folder)["graphs"]) == {"document", "query", "interaction", "query-fast", "cross-encoder"}
    assert sum(file.stat().st_size for file in folder.iterdir()) < MOST_BYTES


def test_the_same_seed_gives_the_same_bytes(folder, tmp_path):
    write_tiny_bundle(tmp_path / "again")
    for file in folder.glob("*.onnx"):
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes()
    assert (folder / "weights.bin").read_bytes() == (tmp_path / "again" / "weights.bin").read_bytes()


def test_its_tokenizer_reads_any_ascii_text_without_an_unknown_token():
    tokenizer = Tokenizer.from_str(tokenizer_json())
    encoding = tokenizer.encode("Zebra_crossing (v2.1) & 'quoted' <tag/>", "second text")
    assert "[UNK]" not in encoding.tokens
    assert encoding.type_ids[0] == 0 and encoding.type_ids[-1] == 1


def test_four_bit_states_stay_within_four_bits(folder):
    states = Bundle(folder).encode_documents(list(TEXTS)).states.flat
    assert np.abs(states).max() == MOST["int4"]


@pytest.fixture(scope="module")
def exact(parts, tmp_path_factory) -> Bundle:
    made = tmp_path_factory.mktemp("exact") / "bundle"
    publish(parts, made, SAMPLE, "float32")
    return Bundle(made)


def test_the_cross_encoder_graph_scores_a_pair_as_the_module_does(exact, parts):
    query, passage = exact.query_ids(TEXTS[0]), exact.document_ids([TEXTS[1]])[0]
    ids, types = (torch.tensor([row]) for row in pair(query, passage, exact.manifest["limits"]["pairTokens"]))
    expected = parts.cross_encoder.model(ids, types, torch.ones_like(ids)).item()
    assert exact.cross_encode(TEXTS[0], [TEXTS[1]])[0] == pytest.approx(expected, abs=FLOAT32_TOLERANCE * 10)


def test_a_pairs_score_depends_on_neither_its_companions_nor_padding(folder):
    bundle = Bundle(folder)
    together = bundle.cross_encode(TEXTS[0], list(TEXTS))
    alone = [bundle.cross_encode(TEXTS[0], [text])[0] for text in TEXTS]
    assert np.abs(together - alone).max() < FLOAT32_TOLERANCE * 10


def test_the_fast_query_graph_gives_the_unit_vector_of_its_own_layers(exact, parts):
    ids = torch.tensor([exact.query_ids(TEXTS[0])])
    _, expected = parts.query_fast(ids, torch.ones_like(ids), 0)
    assert np.abs(exact.query_vector_fast(TEXTS[0]) - expected[0].numpy()).max() < FLOAT32_TOLERANCE


def test_each_graph_computes_as_it_is_told(parts, tmp_path):
    manifest = publish(parts, tmp_path / "mixed", SAMPLE, Computes(interaction="int8-rows"), Accepted(quantized=0.2))
    kinds = {role: kinds_of(onnx.load(tmp_path / "mixed" / file, load_external_data=False))
             for role, file in manifest["graphs"].items()}
    assert [role for role, found in kinds.items() if "MatMulInteger" in found] == ["interaction"]
    assert manifest["tolerance"]["quantized"]["compute"]["interaction"] == "int8-rows"


def test_its_interaction_may_have_fixed_scales(tmp_path):
    manifest = write_tiny_bundle(tmp_path / "fixed", interaction="int8-fixed")
    assert manifest["tolerance"]["quantized"]["compute"]["interaction"] == "int8-fixed"
    assert manifest["tolerance"]["batchCompanions"]["scores"] < 1e-3


def test_a_bundle_whose_graphs_compute_something_else_is_not_written(parts, tmp_path):
    there = tmp_path / "bundle"
    publish(parts, there, SAMPLE, "float32")
    before = read_manifest(there)
    with pytest.raises(ToleranceExceeded, match=r"graphsVsPytorch\.states is .*, accepted is 1e-12"):
        publish(parts, there, SAMPLE, "float32", Accepted(exact=1e-12))
    assert read_manifest(there) == before
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
