"""The site in a real browser, from the disk, at two widths: what a person sees, does with keys and fingers, and waits for."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pycocotools import mask as coco
from sqlalchemy import select

from nest_builder.report import write_report
from nest_builder.report.edition import read_rows
from nest_builder.store.tables import Route, Sample
from tests.builders import fill_store, new_store
from tests.report.big import LABELS, NAME, write_big
from tests.report.chromium import (
    CHROMIUM,
    FILTER,
    NARROWEST,
    PHONE,
    READY,
    TABLET,
    TOO_FAINT,
    WIDE,
    area,
    open_browser,
    settle,
    visit,
    wait_until,
)
from tests.report.conftest import HOSTILE, Work, export

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")]

SAMPLES = 10_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("big")
    store = new_store(folder)
    write_big(store, folder, SAMPLES, 1000)
    started = time.perf_counter()
    page = write_report(store, folder)
    seconds = time.perf_counter() - started
    again = time.perf_counter()
    write_report(store, folder)
    again = time.perf_counter() - again
    store.close()
    sys.stdout.write(f"\n{SAMPLES} samples, 1,000 pictures: written in {seconds:.1f} s, again {again:.1f} s\n")
    assert seconds < 60
    assert again < seconds / 2
    return page


@pytest.fixture(scope="module")
def routed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of an edition whose samples were routed, so that it has a section on the review."""
    folder = tmp_path_factory.mktemp("routed")
    store = new_store(folder)
    fill_store(store, 30)
    with store.sessions() as session:
        for sample in session.scalars(select(Sample)):
            route = Route(
                sample_id=sample.id, p_correct=0.9, action="accept", priority=0.1, audit=False, reviewers=1,
                evidence={"prior": 0.9, "settled_by": None}, version="prior@1",
            )  # fmt: skip
            route.seal("samples")
            session.add(route)
        session.commit()
    export(store, folder)
    page = write_report(store, folder)
    store.close()
    return page


@pytest.mark.parametrize("size", [WIDE, TABLET, PHONE, NARROWEST])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_overflows_and_nothing_complains(browser: Any, work: Work, size: tuple[int, int], scheme: str) -> None:
    opened = visit(browser, work.page, size, color_scheme=scheme)
    page = opened.page
    for name in ("gallery", "cases", "timeline", "funnel", "sources"):
        page.evaluate("name => document.getElementById(name)?.scrollIntoView({behavior: 'instant'})", name)
        page.wait_for_timeout(50)
    wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1]
    page.locator(".card").first.click()
    page.locator("#detail .panel").first.wait_for()
    assert page.evaluate("(d => d.scrollWidth <= d.clientWidth)(document.getElementById('detail'))")
    small = page.evaluate(
        """[...document.querySelectorAll("button, select, input:not([type=checkbox]), .page-nav a, summary")]
           .filter((one) => one.offsetParent && one.getBoundingClientRect().height < 44).map((one) => one.outerHTML.slice(0, 80))"""
    )
    assert small == [], "what is touched is 44 pixels high at least"
    assert page.evaluate("[...document.images].every((image) => image.hasAttribute('alt') && image.alt)")
    assert opened.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(browser: Any, big: Path, scheme: str) -> None:
    page = visit(browser, big, color_scheme=scheme).page
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.evaluate(TOO_FAINT) == []
    page.locator(".card").first.click()
    page.locator("#detail .panel").first.wait_for()
    assert page.evaluate(TOO_FAINT) == []


def test_the_list_of_editions(browser: Any, work: Work) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.goto((work.page.parent.parent / "index.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("link", name=work.page.parent.name).click()
    page.wait_for_url(work.page.as_uri())
    wait_until(page, READY)
    assert page.locator("h1").inner_text() == f"NEST {work.page.parent.name}"


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ("", 30),
        ("#category=novel", 21),
        ("#category=emerging&target=negative", 1),
        ("#target=negative", 5),
        ("#from=0.9", 6),
        ("#q=ZEPHYR+harbour", 6),
        ("#q=nothing-like-it", 0),
        ("#split=test&category=novel&order=unsure", 6),
        ("#verdict=*", 30),
        ("#verdict=unsolved", 0),
        ("#review=unreviewed&hypernym=person", 12),
        ("#from=nonsense&to=7&order=__proto__&page=-3", 30),
    ],
)
def test_addresses_keep_filters(browser: Any, work: Work, state: str, shown: int) -> None:
    opened = visit(browser, work.page, state=state)
    assert opened.shown() == shown == opened.page.locator(".card").count()
    assert opened.page.locator("#nothing").is_visible() == (shown == 0)
    if "order=unsure" in state:
        sure = [float(text.split()[0]) for text in opened.page.locator(".confidence").all_inner_texts()]
        assert sure == sorted(sure)
    assert opened.complaints == []


def test_filters_by_hand(browser: Any, work: Work) -> None:
    opened = visit(browser, work.page, PHONE)
    page = opened.page
    page.locator("#filters-toggle").click()
    page.get_by_role("combobox", name="Category").select_option("novel")
    assert opened.shown() == 21
    page.get_by_role("searchbox").fill("zephyr")
    assert 0 < opened.shown() < 21
    assert "category=novel" in page.evaluate("location.hash")
    page.get_by_role("button", name="Reset").click()
    wait_until(page, "document.getElementById('shown').textContent === '30'")
    assert page.evaluate("location.hash") == ""
    page.locator("#gallery .mask").first.wait_for()
    page.get_by_role("checkbox", name="Masks").uncheck()
    assert not page.locator("#gallery .mask").first.is_visible()


def test_keys_alone(browser: Any, work: Work) -> None:
    opened = visit(browser, work.page)
    page = opened.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    wait_until(page, "location.hash === '#gallery'")
    settle(page)  # a link takes the focus from where it was, when the page is next drawn
    page.locator(".card").first.focus()
    assert page.evaluate("document.querySelectorAll('.card[tabindex=\"0\"]').length") == 1
    at = "[...document.querySelectorAll('.card')].indexOf(document.activeElement)"
    columns = page.evaluate("getComputedStyle(document.getElementById('cards')).gridTemplateColumns.split(' ').length")
    for key, place in (
        ("ArrowRight", 1),
        ("ArrowDown", 1 + columns),
        ("ArrowLeft", columns),
        ("ArrowUp", 0),
        ("End", 29),
        ("Home", 0),
    ):
        page.keyboard.press(key)
        assert page.evaluate(at) == place, key
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", "the focus is seen"
    page.keyboard.press("Enter")
    page.locator("#detail .panel").first.wait_for()
    first = page.locator("#detail-body").get_attribute("data-sample")
    page.keyboard.press("ArrowRight")
    wait_until(page, "document.getElementById('detail-place').textContent.startsWith('2 of')")
    wait_until(page, "first => document.getElementById('detail-body').dataset.sample !== first", arg=first)
    for view in ("cut-out", "off", "outline"):
        page.keyboard.press("m")
        assert page.locator("#detail").get_attribute("data-view") == view
    page.keyboard.press("Escape")
    page.locator("#detail").wait_for(state="hidden")
    # The focus is where one has come to; the browser tells of the closing a little later.
    wait_until(page, f"{at} === 1")
    assert opened.complaints == []


def test_back_closes_a_sample(browser: Any, work: Work) -> None:
    opened = visit(browser, work.page, PHONE, "#category=novel")
    opened.page.locator(".card").nth(1).click()
    opened.page.locator("#detail[open]").wait_for()
    address = opened.page.evaluate("location.hash")
    assert "sample=" in address
    assert "category=novel" in address
    opened.page.go_back()
    wait_until(opened.page, "!document.getElementById('detail').open")
    opened.page.locator(".card").nth(1).click()
    opened.page.locator("#detail .panel").first.wait_for()
    opened.page.evaluate("(one => { one.scrollTop = one.scrollHeight; })(document.getElementById('detail'))")
    assert opened.page.evaluate(
        "(one => one.top >= 0 && one.bottom <= innerHeight)(document.getElementById('detail-close').getBoundingClientRect())"
    ), "it can be closed wherever one has read to"
    opened.page.get_by_role("button", name="Close").click()
    opened.page.locator("#detail").wait_for(state="hidden")
    again = visit(browser, work.page, PHONE, address)
    again.page.locator("#detail[open]").wait_for()
    assert again.shown() == 21


@pytest.mark.parametrize("size", [WIDE, PHONE])
@pytest.mark.parametrize("link", ["#cases .all >> nth=0", "#benchmark .legend.counts a >> nth=2"])
def test_what_a_link_shows_comes_into_view(browser: Any, big: Path, size: tuple[int, int], link: str) -> None:
    opened = visit(browser, big, size, reduced_motion="reduce")
    page = opened.page
    page.locator(link).click()
    assert 0 < opened.shown() < SAMPLES
    top = "document.getElementById('gallery').getBoundingClientRect().top"
    wait_until(page, f"{top} >= 0 && {top} < 100")
    assert page.evaluate("document.activeElement === document.querySelector('.card')")
    page.go_back()
    wait_until(page, f"document.getElementById('shown').textContent === '{SAMPLES:,}'")
    assert opened.complaints == []


def test_links_to_sections_keep_the_filters(browser: Any, routed: Path) -> None:
    opened = visit(browser, routed, state="#category=novel", reduced_motion="reduce")
    page, shown = opened.page, opened.shown()
    sections = [link.get_attribute("href") for link in page.locator(".page-nav a").all()]
    assert "#review" in sections, "which is a filter's name too"
    for section in sections:
        page.locator(f".page-nav a[href='{section}']").click()
        wait_until(page, f"location.hash === '{section}'")
        settle(page)
        assert page.locator(section).evaluate("(one) => one.getBoundingClientRect().top < innerHeight")
        assert opened.shown() == shown
    page = visit(browser, routed, state="#review").page
    settle(page)
    assert page.locator("#review").evaluate("(one) => one.getBoundingClientRect().top < innerHeight")
    assert opened.complaints == []


def test_captions_are_harmless(browser: Any, hostile: Work) -> None:
    opened = visit(browser, hostile.page, state="#q=onerror")
    page = opened.page
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    assert opened.shown() == 6
    page.locator(".card").first.click()
    page.locator("#detail .panel").first.wait_for()
    assert HOSTILE in page.locator("#detail .caption").inner_text()
    assert HOSTILE in page.locator("#detail-title").inner_text()
    assert page.locator(".card .question").first.inner_text() == HOSTILE
    assert page.evaluate(
        "[...document.querySelectorAll('*')].every((one) => one.getAttributeNames().every((name) => !name.startsWith('on')))"
    )
    assert page.evaluate("[...document.links].every((one) => ['file:', 'http:', 'https:'].includes(one.protocol))")
    assert page.locator("img[src='x']").count() == 0
    assert dialogs == []
    assert opened.complaints == []


def test_masks_side_by_side(browser: Any, big: Path) -> None:
    rows = read_rows(big.parent.parent.parent / "editions" / NAME)
    row = next(
        row
        for row in rows
        if row["verdict"]["label"] == "solved_by_rose"
        and not row["negative"]
        and row["review"]["status"] != "corrected"
    )
    opened = visit(browser, big, state=f"#sample={row['id']}")
    panels = opened.page.locator("#detail .panel")
    panels.nth(3).wait_for()
    assert opened.page.locator("#detail figcaption b").all_inner_texts() == [
        "Annotation",
        "Static model",
        "Search only",
        "ROSE",
    ]
    assert "IoU 0.90" in panels.nth(3).inner_text()
    assert [panels.nth(at).locator(".mask-other").count() for at in range(4)] == [0, 1, 1, 1]
    drawn = panels.first.locator(".mask-line").get_attribute("d")
    assert area(drawn) == int(coco.area(row["mask"])), "the outline holds every pixel of the mask and no other"
    assert panels.nth(3).locator(".mask-line").get_attribute("d") == drawn
    assert panels.nth(1).locator(".mask-line").get_attribute("d") != drawn
    assert opened.complaints == []


@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_ten_thousand_samples_are_no_burden(browser: Any, big: Path, size: tuple[int, int]) -> None:
    opened = visit(browser, big, size)
    page = opened.page
    again = visit(browser, big, size).page  # the machine may have been busy with something else
    first = min(each.evaluate("performance.getEntriesByName('nest-ready')[0].startTime") for each in (page, again))
    assert opened.shown() == SAMPLES
    assert page.locator(".card").count() == 48
    if size == PHONE:
        page.locator("#filters-toggle").click()
    times = {
        name: min(page.evaluate(FILTER, [name, value]) for _ in range(5))
        for name, value in (
            ("category", "novel"),
            ("q", "harbour teal"),
            ("verdict", LABELS[2]),
            ("order", "unsure"),
            ("from", "0.5"),
        )
    }
    page.get_by_role("button", name="Reset").click()
    wait_until(page, f"document.getElementById('shown').textContent === '{SAMPLES:,}'")
    figures = ", ".join(f"{name} {one:.0f}" for name, one in times.items())
    sys.stdout.write(f"\n{size[0]} px: first view {first:.0f} ms; filters, best of five, until drawn: {figures} ms\n")
    assert first < 2000
    assert max(times.values()) < 100
    page.locator("#next").click()
    assert page.locator("#page").inner_text() == "2 / 209"
    assert page.evaluate("document.activeElement.classList.contains('card')")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert opened.complaints == []
