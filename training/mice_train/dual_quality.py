"""What a trained dual encoder is worth as a first stage."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from mice_train.dev_sets import read_dev_sets
from mice_train.dual import DualPlan, encode_ids
from mice_train.encoder import Encoder
from mice_train.reporting import Log
from mice_train.retrieval import retrieve
from mice_train.source import Source
from mice_train.tokens import load_tokenizer, tokenize
from mice_train.whole_file import write_whole


@torch.inference_mode()
def measure_dual(
    encoder: Encoder, source: Source, plan: DualPlan, data: Path, work: Path, sets: list[str], log: Log = print
) -> None:
    """Writes work/dual-<name>/quality.json: set → nDCG@10 and recall@100 over the whole collection."""
    path = work / f"dual-{plan.name}" / "quality.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    tokenizer = load_tokenizer(source.tokenizer_path)
    for dev in read_dev_sets(data / "dev", [name for name in sets if name not in found]):
        asked = tokenize(tokenizer, list(dev.queries.values()), source.reading.query_tokens)
        read = tokenize(tokenizer, list(dev.documents.values()), plan.passage_tokens)
        vectors = (encode_ids(encoder, ids).cpu().numpy() for ids in (asked, read))
        found[dev.name] = vars(retrieve(dev, *vectors))
        content = json.dumps(found, indent=1) + "\n"
        write_whole(path, lambda unfinished, content=content: unfinished.write_text(content))
        log(json.dumps({"dual": plan.name, "set": dev.name, **found[dev.name]}))
