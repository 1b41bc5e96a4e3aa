"""Text to token ids, cut to the limits that the bundle states."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Tokenizer

DOCUMENT_TOKENS = 256
QUERY_TOKENS = 64


def neutral_tokenizer_json(path: Path) -> str:
    """tokenizer.json without its own truncation and padding: the consumer decides on both."""
    content = json.loads(path.read_text())
    content["truncation"] = None
    content["padding"] = None
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def load_tokenizer(path: Path) -> Tokenizer:
    return Tokenizer.from_str(neutral_tokenizer_json(path))


def document_text(title: str, text: str) -> str:
    """What a document's reader sees."""
    return f"{title}\n{text}" if title else text


def tokenize(tokenizer: Tokenizer, texts: list[str], limit: int) -> list[list[int]]:
    """`[CLS] … [SEP]` ids, at most `limit` tokens, the final `[SEP]` always kept."""
    return [cut(encoding.ids, limit) for encoding in tokenizer.encode_batch_fast(texts)]


def cut(ids: list[int], limit: int) -> list[int]:
    return ids if len(ids) <= limit else [*ids[: limit - 1], ids[-1]]
