"""A real Label Studio for the tests, and what a person does there, through its own API and page."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from label_studio_sdk.converter.brush import mask2rle

from nest_builder.review.local import Login

HERE = Path(__file__).parent


def region(kind: str, name: str, **value: Any) -> dict[str, Any]:
    return {"id": f"{name}-1", "type": kind, "from_name": name, "to_name": "image", "value": value}


def choice(name: str, value: str) -> dict[str, Any]:
    return region("choices", name, choices=[value])


def painted(mask: np.ndarray) -> dict[str, Any]:
    """Return a mask as a region, coded by the SDK, not by us."""
    height, width = mask.shape
    code = mask2rle((mask * 255).astype(np.uint8))
    return region("brushlabels", "mask", format="rle", rle=code, brushlabels=["target"]) | {
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
    }


def boxed(box: Sequence[float], width: int, height: int) -> dict[str, Any]:
    x0, y0, x1, y1 = box
    return region(
        "rectanglelabels", "box",
        x=100 * x0 / width, y=100 * y0 / height, width=100 * (x1 - x0) / width, height=100 * (y1 - y0) / height,
        rotation=0, rectanglelabels=["box only"],
    ) | {"original_width": width, "original_height": height, "image_rotation": 0}  # fmt: skip


YES = (choice("is_target", "yes"), choice("category", "novel"), choice("question_good", "yes"))


def browser() -> str | None:
    """Return the path of a Chromium."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def label_in_browser(environment: Path, login: Login, project: int, task: int, picture: Path) -> dict[str, Any]:
    """Review a task on the page: look at it, paint a stroke, answer by keyboard, submit. See `page.py` for what comes back."""
    python = environment / "bin" / "python"
    if subprocess.run([python, "-c", "import playwright"], check=False, capture_output=True).returncode:
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", HERE / "browser.txt"], check=True)
    asked = {
        "browser": browser(), "url": login.url, "email": login.email, "password": login.password,
        "project": project, "task": task, "picture": str(picture),
    }  # fmt: skip
    done = subprocess.run(
        [python, HERE / "page.py"], input=json.dumps(asked), capture_output=True, text=True, timeout=400,
        env={**os.environ, "PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD": "1"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
