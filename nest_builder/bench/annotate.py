"""``nest bench annotate``: published architectures through the product's own code, and batches against a naive loop.

The full-size models have the configurations of IDEA-Research/grounding-dino-tiny (Swin-T) and facebook/sam-vit-base,
which are the library's defaults, and random weights. They are written to a folder and loaded from it by path like any
others: what is measured is that they run, and how long, not what they see. Speeds are compared with the full-size models and
with the embedded ones: all phrases and pictures in batches, against one call a picture and phrase.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    BertConfig,
    BertTokenizer,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessorPil,
    SamConfig,
    SamImageProcessorPil,
    SamModel,
    SamVisionConfig,
)

from nest_builder.annotate.base import Boxes
from nest_builder.annotate.detect import GroundingDino
from nest_builder.annotate.masks import mask_iou
from nest_builder.annotate.segment import Segmenter
from nest_builder.bench.result import Bound, Pin, Result, machine
from nest_builder.config import DATA, AnnotateSettings
from nest_builder.newsworld.scenes import random_training_scene

BERT_WORDS = 30_522
VOCABULARY = DATA.parent.parent / "shared" / "data" / "vocab" / "bert-base-uncased-vocab.txt"
PICTURES, QUICK_PICTURES = 24, 6
FULL_SIZE_PICTURES = 2  # of the loop with full-size models: some 90 s a picture on two cores
MORE_BOXES = 24  # asked beside the first, to tell the decoder's time from the encoder's
PHRASES = ("red car", "car", "person in blue", "person", "owl", "teal boat")
TARGETS: dict[str, Bound] = {"speed_ratio": (">=", 3.0), "same_masks": (">=", 0.99)}
FULL_SIZE_TARGETS: dict[str, Bound] = {f"full_{name}": bound for name, bound in TARGETS.items()}


def run(seed: int, data: Path | None, quick: bool = False) -> Result:
    """Time both.

    Args:
        seed: Of weights and pictures.
        data: A folder with ``bert-base-uncased-vocab.txt``; by default the one beside the checkout, else made-up words.
        quick: Only the comparison, on few pictures.

    Raises:
        FileNotFoundError: ``data`` is given and holds no vocabulary.
    """
    rng = np.random.default_rng([seed, 8])
    pictures = [random_training_scene(rng, 480, 360).image for _ in range(QUICK_PICTURES if quick else PICTURES)]
    figures, setup = {}, machine("torch", "transformers")
    if not quick:
        vocabulary = VOCABULARY if data is None else data / VOCABULARY.name
        if data is not None and not vocabulary.exists():
            raise FileNotFoundError(f"no {vocabulary.name} in {data}: leave --data out for made-up words")
        with tempfile.TemporaryDirectory(prefix="nest-bench-") as scratch:
            settings = write_full_size(Path(scratch), vocabulary, seed)
            figures = time_full_size(settings, pictures[0])
            compared = compare_with_loop(settings, pictures[:FULL_SIZE_PICTURES])
            figures |= {f"full_{name}": value for name, value in compared.items()}
            figures |= share_of_peak(settings, pictures[:FULL_SIZE_PICTURES], compared["seconds_a_picture"])
        setup["vocabulary"] = vocabulary.name if vocabulary.exists() else f"{BERT_WORDS} made-up words"
    figures |= compare_with_loop(AnnotateSettings(mask_windows=()), pictures)
    loops = {name.replace("loop_", ""): figures.pop(name) for name in sorted(figures) if "loop_" in name}
    setup |= {
        "seed": seed,
        "threads": torch.get_num_threads(),
        "device": "cuda" if torch.cuda.is_available() else "cpu",
    }
    on = f"seed {seed}"
    pins = {"speed_ratio": Pin(on, margin=0.3, relative=True), "same_masks": Pin(on)}
    targets = TARGETS if quick else TARGETS | FULL_SIZE_TARGETS
    return Result("annotate-quick" if quick else "annotate", figures, targets, {"loop": loops}, setup, pins)


def write_detector(folder: Path, vocabulary: Path) -> None:
    """Write a full-size detector with random weights, its tokenizer and its image processor."""
    config = GroundingDinoConfig(text_config=BertConfig(), disable_custom_kernels=True)  # Swin-T is the default
    GroundingDinoForObjectDetection(config).save_pretrained(folder)
    words = (
        vocabulary.read_text(encoding="utf-8").splitlines()
        if vocabulary.exists()
        else _made_up_words()
    )  # fmt: skip
    BertTokenizer(vocab={word: index for index, word in enumerate(words)}, do_lower_case=True).save_pretrained(folder)
    GroundingDinoImageProcessorPil(size={"shortest_edge": 800, "longest_edge": 1333}).save_pretrained(folder)


def write_mask_model(folder: Path) -> None:
    """Write SAM ViT-B with random weights; its configuration is the library's default.

    But for the deviation of the random weights: the default 1e-10 gives denormal numbers, which a CPU computes ten times
    more slowly than any trained model's.
    """
    model: Any = SamModel(SamConfig(vision_config=SamVisionConfig(initializer_range=0.02), initializer_range=0.02))
    model.save_pretrained(folder)
    SamImageProcessorPil().save_pretrained(folder)


def write_full_size(folder: Path, vocabulary: Path, seed: int) -> AnnotateSettings:
    """Write both full-size models and return the settings that name them."""
    torch.manual_seed(seed)
    write_detector(folder / "detector", vocabulary)
    write_mask_model(folder / "masks")
    return AnnotateSettings(
        detector_model=str(folder / "detector"),
        mask_model=str(folder / "masks"),
        mask_windows=(),
        batch_size=FULL_SIZE_PICTURES,
    )


def time_full_size(settings: AnnotateSettings, picture: Image.Image) -> dict[str, float]:
    """Load and run both full-size models; seconds for one picture after one for warming up."""
    detector, segmenter = GroundingDino(settings), Segmenter(settings)
    one, many = np.array([[60.0, 60, 240, 300]]), np.tile(np.array([[60.0, 60, 240, 300]]), (1 + MORE_BOXES, 1))
    segmenter.segment([picture], [one])
    detector.detect([picture], [PHRASES])
    single = _seconds(lambda: segmenter.segment([picture], [one]))
    decoder = max(0.0, (_seconds(lambda: segmenter.segment([picture], [many])) - single) / MORE_BOXES)
    return {
        "full_detector_seconds": _seconds(lambda: detector.detect([picture], [PHRASES])),
        "full_encoder_seconds": round(single - decoder, 3),
        "full_decoder_seconds_a_box": round(decoder, 3),
    }


def share_of_peak(settings: AnnotateSettings, pictures: Sequence[Image.Image], seconds: float) -> dict[str, float]:
    """Return pictures a second, and which part of the device's speed that is: its speed in a large product of matrices.

    Args:
        settings: Name the models.
        pictures: What is annotated once more, to count operations.
        seconds: What a picture took.
    """
    detector, segmenter = GroundingDino(settings), Segmenter(settings)
    with FlopCounterMode(display=False) as counter:
        found = detector.detect(pictures, [PHRASES] * len(pictures))
        segmenter.segment(pictures, [_best_boxes(one.boxes, one.scores) for one in found])
    needed = counter.get_total_flops() / len(pictures)
    device, side = ("cuda", 8192) if torch.cuda.is_available() else ("cpu", 2048)
    matrix = torch.rand(side, side, device=device)

    def multiply() -> None:
        (matrix @ matrix).sum().item()  # the sum waits for the device

    multiply()
    peak = 2 * side**3 / min(_seconds(multiply, 6) for _ in range(5))
    return {
        "full_images_per_second": round(1 / seconds, 3),
        "full_gflop_a_picture": round(needed / 1e9, 1),
        "full_share_of_peak": round(needed / seconds / peak, 3),
    }


def compare_with_loop(settings: AnnotateSettings, pictures: Sequence[Image.Image]) -> dict[str, float]:
    """Annotate with batches and with one call a picture and phrase, and hold the masks of both against each other."""
    detector, segmenter = GroundingDino(settings), Segmenter(settings)
    detector.detect(pictures[:1], [PHRASES])
    segmenter.segment(pictures[:1], [np.array([[0.0, 0, 50, 50]])])
    started = time.perf_counter()
    found = detector.detect(pictures, [PHRASES] * len(pictures))
    boxes = [_best_boxes(one.boxes, one.scores) for one in found]
    together = segmenter.segment(pictures, boxes)
    batched = time.perf_counter() - started
    started = time.perf_counter()
    single = []
    for picture, asked in zip(pictures, boxes, strict=True):
        masks = []
        for column in range(len(PHRASES)):
            detector.detect([picture], [[PHRASES[column]]])
            masks.append(segmenter.segment([picture], [asked[[column]]])[0][0].mask)
        single.append(masks)
    loop = time.perf_counter() - started
    same = [
        mask_iou(outline.mask, mask)
        for outlines, masks in zip(together, single, strict=True)
        for outline, mask in zip(outlines, masks, strict=True)
    ]
    return {
        "seconds_a_picture": round(batched / len(pictures), 4),
        "loop_seconds_a_picture": round(loop / len(pictures), 4),
        "speed_ratio": round(loop / batched, 2),
        "same_masks": round(float(np.mean(same)), 4),
    }


def _best_boxes(boxes: Boxes, scores: NDArray[np.float64]) -> Boxes:
    """Return the best box of each phrase, so that both ways outline the same; where nothing is found, the middle."""
    if not len(boxes):
        return np.tile(np.array([[100.0, 100, 300, 300]]), (len(PHRASES), 1))
    best: Boxes = boxes[scores.argmax(0)]
    return best


def _made_up_words() -> list[str]:
    special = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]", 1012: ".", 1029: "?"}
    asked = dict(enumerate(sorted({word for phrase in PHRASES for word in phrase.split()}), 2000))
    return [special.get(index, asked.get(index, f"word{index}")) for index in range(BERT_WORDS)]


def _seconds(work: Callable[[], object], digits: int = 3) -> float:
    started = time.perf_counter()
    work()
    return round(time.perf_counter() - started, digits)
