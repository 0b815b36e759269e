"""The page in a real browser, without a driver: Chromium prints the document after its script has run."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from lxml import html

from tests.report.conftest import Work

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


def rendered(page: Path, state: str, profile: Path) -> html.HtmlElement:
    """Return the document of a page that was opened with a state in its address."""
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-sync",
        f"--user-data-dir={profile}",
        "--dump-dom",
        f"{page.as_uri()}{state}",
    ]
    answer = subprocess.run(
        command, capture_output=True, timeout=60, check=True, env={**os.environ, "HOME": str(profile)}
    )
    return html.fromstring(answer.stdout.decode())


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ("", 30),
        ("#category=novel", 21),
        ("#category=emerging&target=negative", 1),
        ("#target=negative", 5),
        ("#p=0.9", 6),
        ("#q=ZEPHYR+harbour", 6),
        ("#q=nothing-like-it", 0),
        ("#split=test&category=novel&order=unsure", 6),
    ],
)
def test_filters(work: Work, tmp_path: Path, state: str, shown: int) -> None:
    tree = rendered(work.page, state, tmp_path)
    cards = tree.xpath("//article[not(@hidden)]")
    assert len(cards) == shown
    assert tree.xpath("string(//*[@id='shown'])") == str(shown)
    assert bool(tree.xpath("//*[@id='nothing'][not(@hidden)]")) == (shown == 0)
    if "order=unsure" in state:
        confidences = [float(card.get("data-p")) for card in cards]
        assert confidences == sorted(confidences)


def test_masks_can_be_turned_off(work: Work, tmp_path: Path) -> None:
    assert "bare" in rendered(work.page, "#mask=0", tmp_path).xpath("string(//*[@id='cards']/@class)")
