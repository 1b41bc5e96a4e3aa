"""What turns a `[CLS]` state into a score, as the families' classification heads do."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mice_train.shape import Shape
from mice_train.source import Source

COSINE_WEIGHT = 20.0
"""Where the weight of the cosine starts: the scale all-MiniLM-L6-v2 was itself trained with."""
SCORING_COSINE_WEIGHT = 0.01
"""Where it starts beside a head that already ranks: as good as nothing."""
POOLER_SPREAD = 0.02
"""Standard deviation of a pooler that the checkpoint does not have."""


class Reader(nn.Module):
    """score = head(norm(activation(pooler(`[CLS]`)))), to which the weighted cosine is added outside.

    BERT: tanh and no norm. ELECTRA: GELU and no norm. ModernBERT: the encoder's final norm before, GELU, a norm.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        hidden = shape.hidden
        self.final_norm = nn.LayerNorm(hidden, shape.eps) if shape.pre_norm else nn.Identity()
        self.pooler = nn.Linear(hidden, hidden)
        self.pooler_norm = nn.LayerNorm(hidden, shape.eps) if shape.pre_norm else nn.Identity()
        self.head = nn.Linear(hidden, 1)
        self.log_cosine_weight = nn.Parameter(torch.tensor(math.log(COSINE_WEIGHT)))

    @property
    def cosine_weight(self) -> Tensor:
        return self.log_cosine_weight.exp()

    def set_cosine_weight(self, weight: float) -> None:
        with torch.no_grad():
            self.log_cosine_weight.fill_(math.log(weight))

    def read(self, cls: Tensor) -> Tensor:
        """`[CLS]` rows [B,H] → scores [B]."""
        return self.score(self.final_norm(cls))

    def score(self, x: Tensor) -> Tensor:
        """Rows [B,H] that need no norm any more → scores [B]."""
        inner = self.pooler(x)
        inner = torch.tanh(inner) if self.shape.family == "bert" else F.gelu(inner)
        return self.head(self.pooler_norm(inner)).squeeze(-1)


@torch.no_grad()
def start_reader(reader: Reader, source: Source, seed: int = 0) -> None:
    """The checkpoint's own pooler and head; a head that it lacks is zero: the score starts as the weighted cosine."""
    generator = torch.Generator().manual_seed(seed)
    nn.init.normal_(reader.pooler.weight, std=POOLER_SPREAD, generator=generator)
    for parameter in (reader.pooler.bias, reader.head.weight, reader.head.bias):
        nn.init.zeros_(parameter)
    reader.load_state_dict(source.reader_state, strict=False)
    reader.set_cosine_weight(SCORING_COSINE_WEIGHT if source.scores_pairs else COSINE_WEIGHT)
