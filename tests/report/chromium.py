"""A real browser for the tests of the site: Chromium as the system has it, driven by Playwright."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REQUIREMENTS = Path(__file__).parent.parent / "review" / "browser.txt"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

WIDE, TABLET, PHONE, NARROWEST = (1280, 900), (768, 1024), (390, 844), (360, 740)
READY = "performance.getEntriesByName('nest-ready').length > 0"
# Sets a field, as a person would, and returns the milliseconds until the cards have been laid out; then takes it back.
FILTER = """([name, value]) => {
  const form = document.getElementById("filters"), field = form.elements[name], before = field.value;
  const set = (to) => { field.value = to; field.dispatchEvent(new Event("input", { bubbles: true })); document.body.offsetHeight; };
  const started = performance.now();
  set(value);
  const took = performance.now() - started;
  set(before);
  return took;
}"""

# Texts whose contrast with what they stand on is under WCAG 2.2's AA (1.4.3): 4.5, or 3 where they are large.
TOO_FAINT = """() => {
  const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const over = (colour, under) => {
    for (const style of [`rgb(${under.join()})`, colour]) { paint.fillStyle = style; paint.fillRect(0, 0, 1, 1); }
    return [...paint.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (colour) => {
    const [r, g, b] = colour.map((part) => (part / 255 <= 0.04045 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    const chain = [];
    for (let each = node; each; each = each.parentElement) chain.unshift(getComputedStyle(each).backgroundColor);
    return chain.reduce((under, colour) => over(colour, under), [255, 255, 255]);
  };
  const faint = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode, node = text.parentElement;
    if (!text.data.trim() || !node.getClientRects().length || node.closest("script, noscript, option, title, .hidden, .skip, :disabled")) continue;
    const style = getComputedStyle(node), under = ground(node);
    const [low, high] = [luminance(under), luminance(over(node.closest("svg") ? style.fill : style.color, under))].sort((a, b) => a - b);
    const size = parseFloat(style.fontSize), least = size >= 24 || (size >= 18.66 && style.fontWeight >= 600) ? 3 : 4.5;
    if ((high + 0.05) / (low + 0.05) < least) faint.push([text.data.trim().slice(0, 40), node.className, (high + 0.05) / (low + 0.05)]);
  }
  return faint;
}"""


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


@dataclass(frozen=True, slots=True)
class Opened:
    """A page and what the browser complained of."""

    page: Any
    complaints: list[str]

    def shown(self) -> int:
        return int(self.page.locator("#shown").inner_text().replace(",", ""))


def visit(browser: Any, file: Path, size: tuple[int, int] = WIDE, state: str = "", **options: Any) -> Opened:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
    page = context.new_page()
    complaints: list[str] = []
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(f"{request.url} failed"))
    page.goto(file.as_uri() + state)
    wait_until(page, READY)
    return Opened(page, complaints)


def wait_until(page: Any, expression: str, arg: object = None, seconds: float = 30) -> None:
    """Wait until a JavaScript expression is true.

    Playwright's own `wait_for_function` asks again by `eval` inside the page, which the site's content security policy
    forbids: it works only where the first answer is true.
    """
    until = time.monotonic() + seconds
    while not page.evaluate(expression, arg):
        assert time.monotonic() < until, f"not true after {seconds} s: {expression}"
        page.wait_for_timeout(10)


def settle(page: Any) -> None:
    """Wait until the page has been drawn twice: by then it has done what a link asks of scrolling and of the focus."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def area(path: str) -> int:
    """Return the area of a path of M, H, V and Z by the shoelace formula; holes turn the other way."""
    twice = 0
    for part in path.split("Z"):
        points: list[tuple[int, int]] = []
        for command, numbers in re.findall(r"([MHV])([\d ]+)", part):
            values = [int(number) for number in numbers.split()]
            match command:
                case "M":
                    points.append((values[0], values[1]))
                case "H":
                    points.append((values[0], points[-1][1]))
                case "V":
                    points.append((points[-1][0], values[0]))
        twice += sum(
            x * other_y - other_x * y
            for (x, y), (other_x, other_y) in zip(points, points[1:] + points[:1], strict=True)
        )
    return twice // 2
