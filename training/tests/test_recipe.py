from pathlib import Path

import pytest

from mice_train.families import UnsupportedCheckpoint
from mice_train.graph import Computes
from mice_train.reading import Reading
from mice_train.recipe import Recipe, read_recipe
from mice_train.settings import InvalidSettings, as_plain, build
from mice_train.shape import Shape
from mice_train.source import check_reading

LEAST = {"name": "mine", "source": {"model": "m", "licence": "l"}, "derive": {"steps": 10}}
RECIPES = sorted((Path(__file__).parents[1] / "recipes").glob("*.yaml"))


def refusal(**changes: object) -> str:
    with pytest.raises(InvalidSettings) as caught:
        build(Recipe, {**LEAST, **changes}, "")
    return str(caught.value)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_here_is_valid_and_named_after_its_bundle(path):
    assert read_recipe(path).name == path.stem


def test_what_a_recipe_leaves_out_has_defaults():
    recipe = build(Recipe, LEAST, "")
    assert recipe.reading.bottom == 4
    assert recipe.cross_encoder is None
    assert recipe.derive.form.dtype == "int4"


def test_graphs_compute_alike_or_each_as_it_is_told():
    assert build(Recipe, {**LEAST, "export": {"compute": "float32"}}, "").export.compute == "float32"
    some = build(Recipe, {**LEAST, "export": {"compute": {"interaction": "int8-rows"}}}, "").export.compute
    assert some == Computes(interaction="int8-rows")
    assert some.by_role()["query-fast"] == "int8-blocks"


def test_a_recipe_survives_being_written_down():
    recipe = build(Recipe, LEAST, "")
    assert build(Recipe, as_plain(recipe), "") == recipe


def test_an_unknown_key_is_refused_with_the_known_ones():
    assert refusal(derive={"stepz": 2}).startswith("derive.stepz is not known; accepted are steps, blocks, form, block")
    assert refusal(modle=1).startswith("modle is not known; accepted are name, source, derive, reading")


def test_a_missing_key_is_named():
    assert refusal(derive={}) == "derive.steps is missing"


@pytest.mark.parametrize(("changes", "said"), [
    ({"derive": {"steps": "many"}}, "derive.steps is 'many'; accepted is a whole number"),
    ({"derive": {"steps": True}}, "derive.steps is True; accepted is a whole number"),
    ({"derive": {"steps": 1, "form": {"dims": 8, "dtype": "int2"}}},
     "derive.form.dtype is 'int2'; accepted is one of 'int8', 'int4'"),
    ({"reading": {"vector_layers": "all"}}, "reading.vector_layers is 'all'; accepted is a whole number"),
    ({"data": {"sets": "squad"}}, "data.sets is 'squad'; accepted is a list"),
    ({"data": {"sets": ["sqad"]}}, "data: 'sqad' in sets is not known; accepted are squad, medquad"),
    ({"data": {"sets": [], "own": []}}, "data: sets and own are both empty"),
    ({"data": {"own": [{"folder": "f", "licence": "l", "style": "chat"}]}},
     "data.own[0]: style is 'chat'; accepted are question, web"),
    ({"grid": {"variants": [{"name": "a"}, {"name": "a"}]}}, "grid: a variant's name is 'a'; accepted are names of"),
    ({"source": {"model": "m", "licence": "l", "folder": "a", "package": "b"}}, "source: folder and package are both"),
    ({"evaluate": {"sets": ["a"], "mean_of": ["b"]}}, "evaluate: 'b' in mean_of is not among the sets; accepted are a"),
    ({"export": {"compute": "int8"}}, "export.compute is 'int8'; accepted is one of 'float32'"),
    ({"export": {"compute": {"interaction": "int8"}}}, "export.compute.interaction is 'int8'; accepted is one of"),
    ({"name": "My Bundle"}, "the recipe: name is 'My Bundle'; accepted are lower-case letters"),
])
def test_a_value_that_does_not_fit_is_refused_with_what_would(changes, said):
    assert said in refusal(**changes)


def test_numbers_may_be_written_with_an_exponent():
    assert build(Recipe, {**LEAST, "derive": {"steps": 1, "lr": "1e-4"}}, "").derive.lr == 1e-4


def test_what_no_bundle_could_be_made_of_is_refused_before_it_is_trained(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text("{name: n, source: {model: m, licence: l}, derive: {steps: 1, block: {lexical: true}}}")
    with pytest.raises(InvalidSettings, match="a bundle stores no token ids, which a lexical head reads; accepted is"):
        read_recipe(path)


def test_a_folder_is_looked_for_beside_the_recipe(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text("{name: n, source: {model: m, licence: l, folder: checkpoint}, derive: {steps: 1}}")
    assert Path(read_recipe(path).where()) == tmp_path / "checkpoint"
    path.write_text("{name: n")
    with pytest.raises(InvalidSettings, match="r.yaml: not YAML"):
        read_recipe(path)


@pytest.mark.parametrize(("reading", "said"), [
    (Reading(bottom=6), "bottom is 6 and vector_layers is 6; accepted is 0 < bottom < 6"),
    (Reading(bottom=4, vector_layers=2), "accepted is 0 < bottom < 6 and bottom <= vector_layers <= 6"),
    (Reading(pair_tokens=600), "600 tokens are to be read; accepted are at most 512"),
    (Reading(wide_dims=400), "wide_dims is 400; accepted are at most 384"),
])
def test_a_reading_that_the_source_is_too_small_for_is_refused(reading, said):
    shape = Shape(hidden=384, heads=12, layers=6, intermediate=1536, vocab=100, positions=512, eps=1e-12)
    with pytest.raises(UnsupportedCheckpoint, match=said):
        check_reading(reading, shape)
