"""What a predicted mask costs, and how good it is."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor


def mask_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy and Dice loss of each mask.

    Cells far from the target together weigh no more than those of its box (a margin of two cells included): otherwise
    the easy far ones, twenty to one, teach a fresh model to answer "nothing". Dice after Milletari et al. 2016
    ("V-Net"), with soft targets.

    Args:
        logits: (..., h, w).
        targets: broadcastable to the same shape, covered shares in [0, 1]. A cell's logit is drawn to the logit of its
            covered share, so that the outline lands between the cells after interpolation.

    Returns:
        One loss a mask, shape (...).
    """
    weights = near_weights(targets)
    entropy = F.binary_cross_entropy_with_logits(logits, targets.expand_as(logits), reduction="none")
    entropy = (entropy * weights).sum((-2, -1)) / weights.sum((-2, -1))
    inside = logits.sigmoid()
    overlap = (inside * targets).sum((-2, -1))
    dice = 1 - (2 * overlap + 1) / (inside.sum((-2, -1)) + targets.sum((-2, -1)) + 1)
    return 2 * entropy + dice


def near_weights(targets: Tensor) -> Tensor:
    """Weights of the cells: 1 near the target's box, outside it a constant of at most 1 that evens out the two sums."""
    rows, columns = ((targets.amax(axis) > 0).float() for axis in (-1, -2))
    near_rows, near_columns = (F.max_pool1d(v.reshape(-1, v.shape[-1]), 5, 1, 2).view_as(v) for v in (rows, columns))
    near = near_rows[..., :, None] * near_columns[..., None, :]
    count = near.sum((-2, -1), keepdim=True)
    rest = near.shape[-1] * near.shape[-2] - count
    return near + (1 - near) * (count / rest.clamp(min=1)).clamp(max=1)


def mask_iou(logits: Tensor, targets: Tensor) -> Tensor:
    """Intersection over union of the masks at threshold 0 with the targets at one half; shapes as `mask_loss`."""
    predicted, true = logits > 0, targets.expand_as(logits) > 0.5
    union = (predicted | true).sum((-2, -1))
    return (predicted & true).sum((-2, -1)) / union.clamp(min=1)


def outline_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """What the encoder alone should know, whatever the prompt: things, and the outlines between them.

    Through the mask decoder the encoder learns this too, only several times more slowly.

    Args:
        logits: (B, 3, h, w): is there a thing, does the cell to the right show another one, does the cell below.
        labels: (B, h, w), the number of the instance in each cell, 0 for background.

    Returns:
        Binary cross-entropy, scalar; an outline's cell counts four times, since few are.
    """
    labels = labels.long()
    right = F.pad(labels[:, :, 1:] != labels[:, :, :-1], (0, 1))
    below = F.pad(labels[:, 1:] != labels[:, :-1], (0, 0, 0, 1))
    targets = torch.stack([labels > 0, right, below], 1).float()
    rarity = torch.tensor([1.0, 4.0, 4.0], device=logits.device)[:, None, None]
    return F.binary_cross_entropy_with_logits(logits.float(), targets, pos_weight=rarity) * 3


def prompt_loss(masks: Tensor, scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """The loss of a step: the best of each prompt's masks counts, every predicted IoU is held against the real one.

    Args:
        masks: logits, (B, P, M, h, w); finer targets are compared after interpolation, as masks are used.
        scores: predicted IoU, (B, P, M).
        targets: covered shares, (B, P, H, W).

    Returns:
        The loss, and the mean IoU of the best masks (for the log); both scalar.
    """
    targets = targets[:, :, None]
    masks, scores = F.interpolate(masks.float().flatten(0, 1), targets.shape[-2:], mode="bilinear"), scores.float()
    masks = masks.reshape(*scores.shape, *targets.shape[-2:])
    losses, real = mask_loss(masks, targets), mask_iou(masks, targets)
    best, chosen = losses.min(-1)
    loss = best.mean() + 0.05 * losses.mean() + F.mse_loss(scores, real)
    return loss, real.gather(-1, chosen[..., None]).mean()
