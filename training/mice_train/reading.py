"""How texts are read and stored: decided once for a work folder, since everything in it depends on it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reading:
    """Layers and limits of the document's and the query's side; limits in tokens, `[CLS]` and `[SEP]` included."""

    bottom: int = 4
    """Layers that both sides go through apart; the states behind them are what is stored."""
    vector_layers: int | None = None
    """After how many layers the vector is pooled, at least `bottom`; null: after all."""
    wide_dims: int = 128
    """Directions of a state that are kept in the work folder; a bundle stores as many or fewer."""
    document_tokens: int = 256
    query_tokens: int = 64
    pair_tokens: int = 320
    """Of query and document as one sequence."""
