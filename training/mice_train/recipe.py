"""A recipe: everything that decides what a bundle becomes, in one YAML file."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from mice_train.align import AlignPlan
from mice_train.bundle import Limits, Origin
from mice_train.data import TRAINING_SETS, OwnSet
from mice_train.distil import DistilPlan
from mice_train.dual import DualPlan
from mice_train.graph import Compute, Computes
from mice_train.grid_plan import GridPlan
from mice_train.reading import Reading
from mice_train.settings import InvalidSettings, read_settings
from mice_train.source import Source, check_reading, load_source, package_dir
from mice_train.teach import TeachPlan
from mice_train.tolerance import Accepted

POOLS = tuple(entry.pool for entry in TRAINING_SETS)


@dataclass(frozen=True)
class SourceRecipe:
    """The checkpoint to start from. Its files are those of the installed `package`, of `folder` (relative to the
    recipe), or of the hub's model of that name."""

    model: str
    licence: str
    folder: str | None = None
    package: str | None = None

    def __post_init__(self) -> None:
        if self.folder is not None and self.package is not None:
            raise ValueError("folder and package are both given; accepted is one of them, or neither for the hub")


@dataclass(frozen=True)
class DataRecipe:
    """`sets`: pools that `DATA/train` holds in the layouts of `data.py`; `own`: folders there in BEIR layout."""

    sets: tuple[str, ...] = POOLS
    own: tuple[OwnSet, ...] = ()
    query_files: tuple[str, ...] = ()
    """Files there with an unlabelled query on each line, for `align-query`."""
    passages: int | None = None
    """Read at most, for a first look in minutes: drawn at random, half of them held out where there are as many. null:
    all."""
    queries_per_passage: int = 2
    """Labelled queries kept of a passage."""
    made_per_style: int = 7000
    """Passages that queries are made from, for each made style (keywords, sentences)."""

    def __post_init__(self) -> None:
        unknown = [name for name in self.sets if name not in POOLS]
        if unknown:
            raise ValueError(f"{unknown[0]!r} in sets is not known; accepted are {', '.join(POOLS)}")
        if not self.sets and not self.own:
            raise ValueError("sets and own are both empty; accepted is at least one set to train on")


@dataclass(frozen=True)
class ListsRecipe:
    """The lists of eight passages that the cross-encoder scores for the interaction layers to learn from."""

    lists: int = 8192
    pair_tokens: int = 192


@dataclass(frozen=True)
class CalibrationRecipe:
    """Held-out queries of every set that the weights of cosine and first stage are chosen on. The cross-encoder reads
    every pair whole, so it gets fewer queries and a smaller window."""

    queries: int = 60
    window: int = 100
    cross_encoder_queries: int = 20
    cross_encoder_window: int = 20


@dataclass(frozen=True)
class ExportRecipe:
    """What goes into the bundle, and how far it may be from PyTorch. `compute` is one for all graphs, or names some:
    `{interaction: int8-fixed}`. Whether that changes the ranking, `ranking` tells."""

    compute: Compute | Computes = "int8-blocks"
    query_fast: bool = False
    cross_encoder: bool = False
    accepted: Accepted = Accepted()


@dataclass(frozen=True)
class EvaluateRecipe:
    """Folders of `DATA/dev` in BEIR layout, or `NAME-bm25-top100.json.gz` files there with their own first stage."""

    sets: tuple[str, ...] = ("squad-dev", "scifact-test", "cookbook-code", "cranfield", "npl-vaswani", "trec-dl-2021")
    mean_of: tuple[str, ...] = ("squad-dev", "scifact-test", "cookbook-code", "trec-dl-2021")
    """The sets whose mean is the headline figure."""
    probe: tuple[str, ...] = ("cookbook-code", "cranfield", "scifact-test")
    """Sets that layers and dual encoders are compared on, by retrieval over the whole collection."""
    sample: int = 1000
    """Queries of a set at most: a fixed random sample of a larger one."""
    ranking_sample: int = 1000
    """The same for `ranking`, which has no pairs read whole."""
    cosine_first_stage: float | None = None
    """Weight of the first stage beside the plain cosine; null: as `derive` calibrated it, else the bundle's own."""
    cross_encoder: bool = False
    """Whether to measure the bundle's cross-encoder too, which takes hours rather than minutes."""

    def __post_init__(self) -> None:
        strange = [name for name in self.mean_of if name not in self.sets]
        if strange:
            raise ValueError(f"{strange[0]!r} in mean_of is not among the sets; accepted are {', '.join(self.sets)}")


@dataclass(frozen=True)
class Recipe:
    """Sections that a recipe leaves out are stages that it does not have, or their defaults."""

    name: str
    """Of the bundle: lower-case letters, digits, dots and dashes."""
    source: SourceRecipe
    derive: DistilPlan
    reading: Reading = Reading()
    data: DataRecipe = DataRecipe()
    cross_encoder: TeachPlan | None = None
    """null: the source is a cross-encoder already."""
    lists: ListsRecipe = ListsRecipe()
    dual: tuple[DualPlan, ...] = ()
    align: AlignPlan | None = None
    grid: GridPlan | None = None
    calibration: CalibrationRecipe = CalibrationRecipe()
    export: ExportRecipe = ExportRecipe()
    evaluate: EvaluateRecipe = EvaluateRecipe()
    licence: str = "Apache-2.0"
    seed: int = 0
    """Added to the seed of every plan."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", self.name):
            raise ValueError(f"name is {self.name!r}; accepted are lower-case letters, digits, dots and dashes")

    @property
    def origin(self) -> Origin:
        return Origin(self.source.model, self.source.licence)

    @property
    def limits(self) -> Limits:
        return Limits(self.reading.document_tokens, self.reading.query_tokens, self.reading.pair_tokens)

    def open_source(self) -> Source:
        """@raises UnsupportedCheckpoint"""
        source = load_source(self.where(), self.reading)
        check_reading(self.reading, source.shape)
        return source

    def where(self) -> str | Path:
        if self.source.package is not None:
            return package_dir(self.source.package)
        return self.source.folder or self.source.model


def read_recipe(path: Path) -> Recipe:
    """@raises InvalidSettings naming what is accepted."""
    recipe = read_settings(Recipe, path)
    if recipe.derive.block.lexical:
        raise InvalidSettings(f"{path}: derive.block.lexical is true, but a bundle stores no token ids, which a "
                              f"lexical head reads; accepted is false, and true in the variants of grid")
    if recipe.source.folder is None:
        return recipe
    return replace(recipe, source=replace(recipe.source, folder=str(path.parent / recipe.source.folder)))
