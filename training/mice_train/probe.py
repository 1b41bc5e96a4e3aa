"""What the pooled states of every layer of a cross-encoder are worth as first-stage vectors (arXiv 2502.03552).

Padding and separators are left out of the mean. A text is read alone, or paired with itself as the paper does.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mice_train.dev_sets import DevSet, read_dev_sets
from mice_train.device import autocast
from mice_train.encoder import Encoder
from mice_train.interaction import padding_bias
from mice_train.pairs import pair, pair_batches
from mice_train.reporting import Log
from mice_train.retrieval import Retrieval, retrieve
from mice_train.source import Source
from mice_train.tokens import load_tokenizer, tokenize
from mice_train.whole_file import write_whole

BATCH_TOKENS = 4096
FORMS = ("single", "paired")


@torch.inference_mode()
def layer_vectors(encoder: Encoder, ids: list[list[int]], form: str) -> np.ndarray:
    """→ unit vectors float32 [layers + 1, n, H]; depth 0 = the embeddings."""
    pairs = [pair(row, row, 2 * len(row)) if form == "paired" else (row, [0] * len(row)) for row in ids]
    separator = ids[0][-1]
    found: list[Tensor] = []
    order = []
    for batch in pair_batches(pairs, BATCH_TOKENS):
        weight = (batch.mask * (batch.ids != separator)).float()
        bias, pooled = padding_bias(batch.mask), []
        with autocast():
            x = encoder.embed(batch.ids, batch.types)
            pooled.append(pool_weighted(x, weight))
            for layer in encoder.layers:
                x = layer(x, bias)
                pooled.append(pool_weighted(x, weight))
        found.append(torch.stack(pooled))
        order.append(batch.rows)
    back = np.argsort(np.concatenate(order))
    return torch.cat(found, 1).cpu()[:, torch.from_numpy(back)].numpy()


def pool_weighted(x: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean over tokens, then unit length: [B,T,H], [B,T] → float32 [B,H]."""
    total = (x.float() * weight[..., None]).sum(1)
    return F.normalize(total / weight.sum(1, keepdim=True).clamp_min(1), dim=-1)


def probe(encoder: Encoder, source: Source, dev: DevSet) -> dict[str, list[Retrieval]]:
    """Form → one figure per depth, from the embeddings to the last layer."""
    tokenizer = load_tokenizer(source.tokenizer_path)
    queries = tokenize(tokenizer, list(dev.queries.values()), source.reading.query_tokens)
    documents = tokenize(tokenizer, list(dev.documents.values()), source.reading.document_tokens)
    found = {}
    for form in FORMS:
        asked, read = layer_vectors(encoder, queries, form), layer_vectors(encoder, documents, form)
        found[form] = [retrieve(dev, q, d) for q, d in zip(asked, read, strict=True)]
    return found


def probe_layers(source: Source, encoder: Encoder, data: Path, work: Path, sets: list[str], log: Log = print) -> None:
    """Writes work/probe.json: set → form → depth → nDCG@10 and recall@100."""
    path = work / "probe.json"
    done = json.loads(path.read_text()) if path.exists() else {}
    for name in sets:
        if name in done:
            continue
        [dev] = read_dev_sets(data / "dev", [name])
        done[name] = {form: [vars(one) for one in curve] for form, curve in probe(encoder, source, dev).items()}
        content = json.dumps(done, indent=1) + "\n"
        write_whole(path, lambda unfinished, content=content: unfinished.write_text(content))
        for form, curve in done[name].items():
            log(name, form, " ".join(f"{one['ndcg']:.3f}" for one in curve))
