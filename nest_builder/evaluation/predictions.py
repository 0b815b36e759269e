"""Reading predictions, which come from anyone: a file of JSON lines, or a folder of PNG masks.

JSON lines: ``{"id": SAMPLE, "mask": {"size": [HEIGHT, WIDTH], "counts": RUNS}, "answer": TEXT}``, one sample a line. RUNS are COCO's
run lengths, compressed (a text, as pycocotools' ``encode`` gives) or not (a list of numbers, column by column); ``"mask": null``
says that the picture does not show the target; ``answer`` may be left out.

PNG folder: ``SAMPLE.png`` in the picture's size, one channel, whatever is not zero is the target; no answers. A sample whose id has
slashes, as NEST+ has them, is a file in a folder: ``reasoning/ID.png``.

Whatever cannot be used is counted and named, and the sample counts as missing, which is an empty mask. Of two predictions
for one sample the first counts.
"""

import hashlib
import json
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from PIL import Image

from nest_builder.annotate.base import Mask
from nest_builder.annotate.masks import decode_mask
from nest_builder.evaluation.truth import Sample, Truth
from nest_builder.export.rle import mask_area
from nest_builder.segmenters.wire import unpack_mask

MAX_FILE: Final = 2 << 30  # bytes
MAX_LINE: Final = 8 << 20  # bytes; a mask's run lengths are short
MAX_LINES: Final = 2_000_000
MAX_FILES: Final = 2_000_000
MAX_PNG: Final = 64 << 20  # bytes
MAX_ANSWER: Final = 1_000  # characters
_SHOWN: Final = 20  # problems that are named; all are counted
_MODES: Final = ("1", "L", "P", "I", "I;16")  # of one channel

Problem = Literal["unknown", "duplicate", "wrong_size", "broken"]


@dataclass
class Predictions:
    """What was read.

    Attributes:
        masks: Sample -> the line or the file that has its mask; lines are kept as they are, which bounds memory.
        answers: Sample -> the text answer, where one was given.
        sha256: Of the file, or of the folder's names and files.
        problems: How many predictions could not be used, by kind.
        named: The first of them, a sentence each.
    """

    masks: dict[str, bytes | Path] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    sha256: str = ""
    problems: Counter[Problem] = field(default_factory=Counter)
    named: list[str] = field(default_factory=list)

    def mask_of(self, sample: Sample) -> Mask | None:
        """Return a sample's predicted mask (height, width); None where there is none that can be used."""
        found = self.masks.get(sample.id)
        if found is None:
            return None
        try:
            return _png(found, sample) if isinstance(found, Path) else _run_lengths(json.loads(found)["mask"], sample)
        except _WrongSizeError as error:
            self.note("wrong_size", f"{sample.id}: {error}")
        except (ValueError, OSError, SyntaxError, Image.DecompressionBombError) as error:
            self.note("broken", f"{sample.id}: {str(error)[:200]}")
        return None

    def note(self, problem: Problem, text: str) -> None:
        """Count a prediction that cannot be used."""
        self.problems[problem] += 1
        if len(self.named) < _SHOWN:
            self.named.append(f"{problem.replace('_', ' ')}: {text}")


def read_predictions(path: Path, truth: Truth) -> Predictions:
    """Read predictions for the samples of a truth.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: There is far more of it than predictions can be.
    """
    if not (path.is_file() or path.is_dir()):
        raise FileNotFoundError(f"no predictions {path}")
    wanted = {sample.id for sample in truth.samples}
    read = Predictions()
    if path.is_dir():
        _read_folder(path, wanted, read)
    else:
        _read_lines(path, wanted, read)
    return read


def _read_folder(folder: Path, wanted: set[str], read: Predictions) -> None:
    names = []
    for file in folder.rglob("*.png"):
        if file.is_file():
            names.append(file.relative_to(folder).as_posix())
        if len(names) > MAX_FILES:
            raise ValueError(f"{folder} holds more than {MAX_FILES} masks")
    whole = hashlib.sha256()
    for name in sorted(names):
        file = folder / name
        sample = name.removesuffix(".png")
        if sample not in wanted:
            read.note("unknown", f"{name[:80]!r} is no sample's")
            continue
        if file.stat().st_size > MAX_PNG:
            read.note("broken", f"{name} has more than {MAX_PNG} bytes")
            continue
        whole.update(f"{name}:{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
        read.masks[sample] = file
    read.sha256 = whole.hexdigest()


def _read_lines(file: Path, wanted: set[str], read: Predictions) -> None:
    whole = hashlib.sha256()
    for number, line in enumerate(_lines(file), 1):
        whole.update(line)
        if number > MAX_LINES:
            raise ValueError(f"{file} has more than {MAX_LINES} lines")
        if line.strip():
            _take(line, f"line {number}", wanted, read)
    read.sha256 = whole.hexdigest()


def _lines(file: Path) -> Iterator[bytes]:
    if file.stat().st_size > MAX_FILE:
        raise ValueError(f"{file} has more than {MAX_FILE} bytes")
    with file.open("rb") as stream:
        while line := stream.readline(MAX_LINE + 1):
            if len(line) > MAX_LINE:
                raise ValueError(f"{file} has a line of more than {MAX_LINE} bytes")
            yield line


def _take(line: bytes, where: str, wanted: set[str], read: Predictions) -> None:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError) as error:
        read.note("broken", f"{where}: no JSON: {str(error)[:100]}")
        return
    if not isinstance(said, dict) or not isinstance(said.get("id"), str) or "mask" not in said:
        read.note("broken", f'{where}: expected an object with "id" and "mask"')
        return
    name, mask, answer = said["id"], said["mask"], said.get("answer")
    if name not in wanted:
        read.note("unknown", f"{where}: {name[:80]!r} is no sample of this split")
    elif name in read.masks:
        read.note("duplicate", f"{where}: {name} was predicted before; the first counts")
    elif mask is not None and not isinstance(mask, dict):
        read.note("broken", f"{where}: a mask is run lengths or null")
    elif answer is not None and not (isinstance(answer, str) and len(answer) <= MAX_ANSWER):
        read.note("broken", f"{where}: an answer is a text of at most {MAX_ANSWER} characters")
    else:
        read.masks[name] = line
        if answer is not None:
            read.answers[name] = answer


class _WrongSizeError(ValueError):
    """A mask of another size than the picture."""


def _run_lengths(rle: Mapping[str, Any] | None, sample: Sample) -> Mask:
    if rle is None:
        return np.zeros((sample.height, sample.width), bool)
    size, counts = rle.get("size"), rle.get("counts")
    if size != [sample.height, sample.width]:
        raise _WrongSizeError(f"{str(size)[:60]}, not {[sample.height, sample.width]} (height, width)")
    if not isinstance(counts, str):
        return unpack_mask(dict(rle), sample.width, sample.height)
    mask_area(counts, sample.width * sample.height)  # pycocotools believes whatever a text says
    return decode_mask({"size": size, "counts": counts})


def _png(file: Path, sample: Sample) -> Mask:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(file, formats=["PNG"]) as opened:
            if opened.size != (sample.width, sample.height):
                raise _WrongSizeError(f"{opened.size}, not {(sample.width, sample.height)} (width, height)")
            if opened.mode not in _MODES:
                raise ValueError(f"a PNG of mode {opened.mode}; a mask has one channel")
            mask: Mask = np.asarray(opened) != 0
            return mask
