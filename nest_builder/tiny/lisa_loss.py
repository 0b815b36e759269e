"""Auxiliary losses that make LISA-tiny learn from nothing; their heads are thrown away.

A mask alone is a poor teacher: until the prompt means a place, its gradient says nothing about words. So LLaMA's state
before `[SEG]` is asked for the target's box and for the patches that show it, and SAM's decoder first learns to read a
place from a single token while a small teacher writes these tokens.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor, nn

BOX_L1, BOX_GIOU = 4.0, 1.0


class StateHead(nn.Module):
    """Asks a hidden state for the target's box and patches.

    Args:
        width: Of states and patches.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.box = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 4))
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)

    def boxes(self, states: Tensor) -> Tensor:
        """States (t, width) to boxes (t, 4): left, top, right, bottom."""
        centre, size = self.box(states).sigmoid().split(2, -1)
        return torch.cat([centre - size / 2, centre + size / 2], -1)

    def looks(self, states: Tensor, patches: Tensor) -> Tensor:
        """States (t, width) and their pictures' patches (t, n, width) to log-probabilities (t, n)."""
        scores: Tensor = torch.einsum("td,tnd->tn", self.query(states), self.key(patches)) * states.shape[-1] ** -0.5
        return scores.float().log_softmax(-1)


class Teacher(nn.Module):
    """Writes a box as one prompt token; it learns through the mask decoder."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.write = nn.Sequential(nn.Linear(2 * width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))

    def forward(self, corners: Tensor) -> Tensor:
        """Corner embeddings (t, 2 c) to tokens (t, c)."""
        token: Tensor = self.write(corners)
        return token


def patch_loss(looks: Tensor, inside: Tensor) -> Tensor:
    """Negative log-probability that all attention falls on the target: (t, n) log-probabilities and truths.

    Targets too small for any patch are left out.
    """
    seen = inside.any(1)
    return -looks.masked_fill(~inside, -torch.inf)[seen].logsumexp(-1).mean()


def box_loss(boxes: Tensor, truth: Tensor) -> Tensor:
    """L1 and GIoU (Rezatofighi et al. 2019) of boxes (t, 4)."""
    return BOX_L1 * F.l1_loss(boxes, truth) + BOX_GIOU * (1 - giou(boxes, truth)).mean()


def giou(one: Tensor, other: Tensor) -> Tensor:
    """Generalised IoU of pairs of boxes (t, 4), (t,)."""

    def area(boxes: Tensor) -> Tensor:
        return (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(-1)

    inner = torch.cat([torch.maximum(one[:, :2], other[:, :2]), torch.minimum(one[:, 2:], other[:, 2:])], -1)
    hull = torch.cat([torch.minimum(one[:, :2], other[:, :2]), torch.maximum(one[:, 2:], other[:, 2:])], -1)
    union = area(one) + area(other) - area(inner)
    return area(inner) / union.clamp(min=1e-6) - (area(hull) - union) / area(hull).clamp(min=1e-6)
