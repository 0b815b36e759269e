"""Losses that let a small Grounding DINO learn from nothing.

transformers 5.23 leaves two faults in the training path of `GroundingDinoForObjectDetection`:

1. `GroundingDinoImageLoss._get_target_classes_one_hot` offsets the classes of image i by the number of phrases of
   image i alone, not by the number of all phrases before it. From the third image of a batch on, boxes get other
   images' phrases.
2. The proposals that the encoder selects are detached and the loss on them ("enc") compares learned query embeddings,
   not the image's tokens. So nothing teaches the encoder which tokens hold an object, and the decoder is given
   arbitrary boxes.

`MendedImageLoss` puts the offsets right; `dense_loss` teaches every encoder token directly. `decoder_loss` has the
signature of a transformers loss function and is set as `model.loss_function`; the library itself stays as it is.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers.loss.loss_grounding_dino import GroundingDinoHungarianMatcher, GroundingDinoImageLoss

CENTRE = 0.25  # a token is positive within this share of the box's width and height around its centre
CLASS_WEIGHT = 2.0  # the library's weight of the classification term in the decoder loss
DENSE_CLASS, DENSE_L1, DENSE_GIOU = 4.0, 5.0, 2.0

Label = dict[str, Tensor]
"""One image's truth: `boxes` (n, 4) as centre x, centre y, width, height in [0, 1]; `token_maps` (n, max_text_len)
with 1 at every token of every phrase that fits the box; `class_labels` (n,), the row of `token_maps` that belongs to
the box."""


class MendedImageLoss(GroundingDinoImageLoss):
    """The library's criterion, with the rows of an image taken from that image's own label map."""

    def _get_target_classes_one_hot(
        self, outputs: dict[str, Any], targets: list[Label], indices: list[tuple[Tensor, Tensor]]
    ) -> Tensor:
        one_hot = torch.zeros_like(outputs["logits"], dtype=torch.long)
        for image, (label_map, target, (queries, matched)) in enumerate(
            zip(outputs["label_maps"], targets, indices, strict=True)
        ):
            queries, matched = queries.to(one_hot.device), matched.to(one_hot.device)
            one_hot[image, queries] = label_map[target["class_labels"][matched]].to(torch.long)
        return one_hot


def decoder_loss(
    logits: Tensor,
    labels: list[Label],
    device: torch.device,
    pred_boxes: Tensor,
    config: Any,
    label_maps: tuple[Tensor, ...],
    text_mask: Tensor,
    outputs_class: Tensor,
    outputs_coord: Tensor,
    **_: Any,
) -> tuple[Tensor, dict[str, Tensor], None]:
    """Set loss of every decoder layer, to be used as `model.loss_function`.

    The library's `label_maps` know one phrase a box; they are replaced by the labels' `token_maps`, since "car" and
    "red car" in one prompt both fit a red car. The library's terms for the selected proposals are left out (see the
    module's head).

    Returns:
        The total, its two parts by name ("classes", "boxes"), and None for the auxiliary outputs; all weighted as the
        library weighs them and summed over layers.
    """
    matcher = GroundingDinoHungarianMatcher(
        class_cost=config.class_cost, bbox_cost=config.bbox_cost, giou_cost=config.giou_cost
    )
    criterion = MendedImageLoss(matcher=matcher, focal_alpha=config.focal_alpha, losses=["labels", "boxes"])  # type: ignore[no-untyped-call]
    criterion.to(device)
    maps = tuple(label["token_maps"] for label in labels)
    classes, boxes = logits.new_zeros(()), logits.new_zeros(())
    for layer_logits, layer_boxes in zip(outputs_class, outputs_coord, strict=True):
        layer = {"logits": layer_logits, "pred_boxes": layer_boxes, "label_maps": maps, "text_mask": text_mask}
        terms = criterion(layer, labels)
        classes = classes + CLASS_WEIGHT * terms["loss_ce"]
        boxes = boxes + config.bbox_loss_coefficient * terms["loss_bbox"]
        boxes = boxes + config.giou_loss_coefficient * terms["loss_giou"]
    return classes + boxes, {"classes": classes, "boxes": boxes}, None


def token_grid(size: int, strides: tuple[int, ...], device: torch.device) -> Tensor:
    """Centre x, centre y and stride of every encoder token of a square image, as shares of its side: (tokens, 3)."""
    levels = []
    for stride in strides:
        steps = (torch.arange(size // stride, device=device) + 0.5) * stride / size
        y, x = torch.meshgrid(steps, steps, indexing="ij")
        levels.append(torch.stack([x, y, torch.full_like(x, stride / size)], dim=-1).reshape(-1, 3))
    return torch.cat(levels)


def positive_tokens(boxes: Tensor, grid: Tensor) -> Tensor:
    """Which tokens answer for which box: those near its centre on the levels whose stride fits its longer side.

    A level fits when the side spans 2 to 8 of its strides. A box without any such token gets the nearest one.

    Args:
        boxes: (n, 4), centre and size in [0, 1].
        grid: (tokens, 3) of `token_grid`.

    Returns:
        (n, tokens), bool; every row has at least one True.
    """
    offset = (grid[None, :, :2] - boxes[:, None, :2]).abs()
    side, stride = boxes[:, None, 2:].amax(-1), grid[None, :, 2]
    positive = (offset < CENTRE * boxes[:, None, 2:]).all(-1) & (2 * stride <= side) & (side < 8 * stride)
    nearest = nn.functional.one_hot(offset.square().sum(-1).argmin(-1), len(grid)).bool()
    return torch.where(positive.any(-1, keepdim=True), positive, nearest)


def paired_giou(first: Tensor, second: Tensor) -> Tensor:
    """Generalised IoU (Rezatofighi et al., 2019) of boxes pair by pair.

    Args:
        first: (n, 4), centre and size.
        second: (n, 4), centre and size.

    Returns:
        (n,) in [-1, 1].
    """
    first_low, first_high = first[:, :2] - first[:, 2:] / 2, first[:, :2] + first[:, 2:] / 2
    second_low, second_high = second[:, :2] - second[:, 2:] / 2, second[:, :2] + second[:, 2:] / 2
    shared = (torch.minimum(first_high, second_high) - torch.maximum(first_low, second_low)).clamp(min=0).prod(-1)
    union = first[:, 2:].prod(-1) + second[:, 2:].prod(-1) - shared
    hull = (torch.maximum(first_high, second_high) - torch.minimum(first_low, second_low)).prod(-1)
    return shared / union.clamp(min=1e-6) - (hull - union) / hull.clamp(min=1e-6)


def focal(logits: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Sigmoid focal loss (Lin et al., 2017; alpha 0.25, gamma 2) over `valid`, divided by the number of positives."""
    safe = logits.masked_fill(~valid, -20.0)  # the library masks missing tokens with -inf, and inf * 0 is nan
    probability = safe.sigmoid()
    miss = torch.where(target > 0, 1 - probability, probability)
    balance = torch.where(target > 0, 0.25, 0.75)
    entropy = nn.functional.binary_cross_entropy_with_logits(safe, target, reduction="none")
    return (balance * miss.square() * entropy * valid).sum() / target.sum().clamp(min=1)


def dense_loss(logits: Tensor, coordinates: Tensor, labels: list[Label], grid: Tensor) -> tuple[Tensor, Tensor]:
    """Teach every encoder token its phrases, and the tokens at an object's centre its box.

    Args:
        logits: `enc_outputs_class`, (batch, tokens, max_text_len); -inf where the prompt has no token.
        coordinates: `enc_outputs_coord_logits`, (batch, tokens, 4); before the sigmoid.
        labels: one `Label` an image.
        grid: (tokens, 3) of `token_grid`.

    Returns:
        The classification part and the box part, weighted.
    """
    boxes = torch.cat([label["boxes"] for label in labels])
    maps = torch.cat([label["token_maps"] for label in labels]).to(logits.dtype)
    owner = torch.cat([torch.full((len(label["boxes"]),), i) for i, label in enumerate(labels)]).to(logits.device)
    positive = positive_tokens(boxes, grid)
    target = torch.zeros_like(logits)
    target.index_add_(0, owner, positive[:, :, None].to(logits.dtype) * maps[:, None, :])
    classes = DENSE_CLASS * focal(logits, target.clamp(max=1), torch.isfinite(logits))
    box, token = positive.nonzero(as_tuple=True)
    if len(box) == 0:
        return classes, classes.new_zeros(())
    predicted, wanted = coordinates[owner[box], token].sigmoid(), boxes[box]
    l1, giou = (predicted - wanted).abs().sum(-1).mean(), paired_giou(predicted, wanted).mean()
    return classes, DENSE_L1 * l1 + DENSE_GIOU * (1 - giou)


class TokenHead(nn.Module):
    """Reads category and colour off every encoder token, whatever the prompt asks; thrown away after training.

    A prompt names few of the things that a picture shows. With this, all of them teach the encoder at every step.
    """

    def __init__(self, width: int, categories: int, colours: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(width, 1 + count) for count in (categories, colours))

    def forward(self, tokens: Tensor, cells: Tensor) -> Tensor:
        """Cross entropy, background counting a fifth.

        Args:
            tokens: (b, t, width), levels in order, the first as fine as the raster and each next one half as fine.
            cells: (b, 2, side, side), 1 + category and 1 + colour, 0 for background.
        """
        wanted: list[Tensor] = []
        step = 1
        while sum(level.shape[-1] for level in wanted) < tokens.shape[1]:
            wanted.append(cells[:, :, step // 2 :: step, step // 2 :: step].flatten(2))
            step *= 2
        truth = torch.cat(wanted, 2)
        loss = tokens.new_zeros(())
        for part, head in enumerate(self.heads):
            guess = head(tokens).flatten(0, 1)
            weight = torch.ones_like(guess[0])
            weight[0] = 0.2
            loss = loss + nn.functional.cross_entropy(guess, truth[:, part].flatten(), weight)
        return loss
