"""Listwise cross-entropy against the label softened by the encoder's own similarities."""

from __future__ import annotations

import torch
from torch import Tensor

TEACHER_SCALE = 20.0
"""What the encoder's cosines are multiplied with before the softmax: the scale it was trained with."""


def softened_target(cosine: Tensor, teacher_share: Tensor) -> Tensor:
    """cosine [B,N], teacher_share [B] → distribution [B,N]; the label is column 0."""
    label = torch.zeros_like(cosine)
    label[:, 0] = 1
    teacher = (TEACHER_SCALE * cosine).softmax(-1)
    share = teacher_share[:, None]
    return (1 - share) * label + share * teacher


def listwise_loss(scores: Tensor, target: Tensor) -> Tensor:
    """scores, target [B,N] → mean over the queries, in nats above the target's own entropy."""
    entropy = -(target * target.clamp_min(1e-9).log()).sum(-1)
    return (-(target * scores.log_softmax(-1)).sum(-1) - entropy).mean()
