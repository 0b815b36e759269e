"""A real browser for the tests of the site: Chromium as the system has it, driven by Playwright."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REQUIREMENTS = Path(__file__).parent.parent / "review" / "browser.txt"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def add_driver() -> None:
    """Make ``playwright`` importable, installing it beside the caches where it is missing: it is no part of our environment."""
    version = next(
        line.split("==")[1].strip() for line in REQUIREMENTS.read_text().splitlines() if line.startswith("playwright")
    )
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "nest-builder" / f"playwright-{version}"
    if not (folder / "playwright").is_dir():
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--target", partial, "--requirement", REQUIREMENTS], check=True
        )  # fmt: skip
        partial.rename(folder)
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


@contextmanager
def open_browser() -> Iterator[Any]:
    """Give a running browser."""
    add_driver()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        try:
            yield browser
        finally:
            browser.close()
