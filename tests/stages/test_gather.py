"""`gather` with a web of prepared answers: every kind of bad picture, copies, opt-outs, limits, and any split into batches."""

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from PIL import Image as Pictures
from sqlalchemy import select

from nest_builder.clock import fixed_clock
from nest_builder.config import ImageSettings, WebSettings
from nest_builder.reasons import Reason
from nest_builder.runner import Runner
from nest_builder.stage import Item
from nest_builder.stages.gather import Gather
from nest_builder.store.session import Store, open_store
from nest_builder.store.tables import Article, Depiction, Entity, Figure, Image, LedgerEntry, Mention, Page, Row
from nest_builder.web.exchange import (
    Consent,
    Exchange,
    FetchError,
    FetchFailed,
    FetchReason,
    FetchRejected,
    RobotsVerdict,
    Validators,
)
from nest_builder.web.settings import Expect
from tests.images.pictures import encoded, photograph, png_header

NOW = dt.datetime(2025, 10, 1, 6, tzinfo=dt.UTC)
Answer = bytes | FetchError | Exchange


def exchange(body: bytes, opt_out: str | None = None) -> Exchange:
    consent = Consent(RobotsVerdict.ALLOWED, opt_out is not None, opt_out, NOW)
    return Exchange("u", "u", 200, body, NOW, consent, Validators())


class PreparedWeb:
    """Answers each address with what was prepared for it, and remembers what was asked."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self.answers = dict(answers)
        self.asked: list[str] = []

    def fetch_many(
        self,
        urls: Sequence[str],
        expect: Expect = Expect.ANY,
        *,
        previous: Mapping[str, Validators] | None = None,
        max_bytes: int | None = None,
    ) -> list[Exchange | FetchError]:
        assert expect is Expect.IMAGE
        assert max_bytes == WebSettings().max_image_bytes
        self.asked += urls
        prepared = [self.answers[url] for url in urls]
        return [exchange(answer) if isinstance(answer, bytes) else answer for answer in prepared]


def add(store: Store, *rows: Row) -> None:
    with store.sessions() as session:
        for row in rows:
            row.seal("test")
        session.add_all(rows)
        session.commit()


def article(number: int) -> Article:
    return Article(
        url=f"http://a.test/{number}", site="a.test", title="A title", text="Text.", authors=[], language="en",
        published_at=NOW - dt.timedelta(days=30 - number), text_hash="0",
    )  # fmt: skip


def figure(number: int, article_number: int, url: str, caption: str = "", alt: str = "") -> Figure:
    return Figure(
        id=f"f{number:03d}", article_url=f"http://a.test/{article_number}", image_url=url, caption=caption, credit="C",
        alt=alt, position=number,
    )  # fmt: skip


def mention(number: int, article_number: int, key: str, field: str = "title", figure_id: str | None = None) -> Mention:
    return Mention(
        id=f"m{number}", article_url=f"http://a.test/{article_number}", figure_id=figure_id, field=field, start=0, end=1,
        surface=key, label="PRODUCT", entity_key=key, sentence="",
    )  # fmt: skip


def entity(key: str) -> Entity:
    return Entity(
        key=key, name=key.title(), aliases=[], type="PRODUCT", hypernym="car", colour="red", description="", category="novel",
        relation="launched", role="", first_seen=NOW, evidence=[], article_urls=[],
    )  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"sqlite:///{tmp_path}/nest.sqlite", str(tmp_path / "blobs"))


def gather(store: Store, web: PreparedWeb, batch: int = 32, **settings: int) -> Gather:
    stage = Gather(ImageSettings(**settings), WebSettings(), store.blobs, web)  # type: ignore[arg-type]
    stage.batch_size = batch
    return stage


def outcomes(store: Store) -> dict[str, str]:
    with store.sessions() as session:
        return {entry.item: entry.reason or entry.status for entry in session.scalars(select(LedgerEntry))}


PHOTO = photograph(1, 400, 300)
BAD: list[tuple[Answer, Reason]] = [
    (FetchRejected(FetchReason.NOT_FOUND, "404"), Reason.NOT_FOUND),
    (FetchRejected(FetchReason.CONTENT_TYPE, "text/html"), Reason.CONTENT_TYPE),
    (FetchRejected(FetchReason.PRIVATE_ADDRESS, "10.0.0.1"), Reason.PRIVATE_ADDRESS),
    (FetchRejected(FetchReason.ROBOTS, "robots"), Reason.ROBOTS),
    (FetchRejected(FetchReason.TOO_LARGE, "big"), Reason.TOO_LARGE),
    (FetchRejected(FetchReason.REDIRECT_LOOP, "loop"), Reason.REDIRECTS),
    (FetchRejected(FetchReason.FORBIDDEN, "403"), Reason.HTTP_STATUS),
    (FetchFailed(FetchReason.SERVER_ERROR, "503"), Reason.RETRIES_EXHAUSTED),
    (exchange(encoded(PHOTO), "x-robots-tag: noai"), Reason.OPT_OUT),
    (encoded(PHOTO)[:3000], Reason.BROKEN_IMAGE),
    (png_header(30_000, 30_000), Reason.BOMB),
    (encoded(Pictures.new("RGB", (1, 1)), "GIF"), Reason.TRACKING_PIXEL),
    (encoded(photograph(3, 80, 80)), Reason.TINY),
    (b"<!doctype html><p>gone", Reason.CONTENT_TYPE),
]


def test_every_bad_picture_has_its_reason_and_the_good_one_is_kept(store: Store) -> None:
    urls = [f"http://a.test/{number}.jpg" for number in range(len(BAD) + 1)]
    add(store, article(1), entity("zephyr"), mention(1, 1, "zephyr"))
    add(store, *(figure(number, 1, url) for number, url in enumerate(urls)))
    web = PreparedWeb(dict(zip(urls, [*(answer for answer, _ in BAD), encoded(PHOTO)], strict=True)))
    runner = Runner(store.sessions, fixed_clock(NOW))
    stage = gather(store, web)
    report = runner.run(stage, "test")
    expected = {f"f{number:03d}": reason.value for number, (_, reason) in enumerate(BAD)}
    assert outcomes(store) == expected | {f"f{len(BAD):03d}": "done"}
    assert (report.done, report.rejected) == (1, len(BAD))
    with store.sessions() as session:
        image = session.scalars(select(Image)).one()
        assert (image.width, image.height, image.format) == (400, 300, "JPEG")
        assert store.blobs.get(image.sha256) == encoded(PHOTO)
        assert image.consent == {"robots": "allowed", "opt_out": False, "reason": None, "checked_at": NOW.isoformat()}
        depiction = session.scalars(select(Depiction)).one()
        assert (depiction.image_id, depiction.entity_key, depiction.support) == (image.id, "zephyr", "article")
    assert runner.run(stage, "again").worked == 0


def test_only_articles_that_name_an_entity_are_looked_at(store: Store) -> None:
    add(store, article(1), article(2), article(3), entity("zephyr"), mention(1, 1, "zephyr"), mention(2, 2, "known"))
    add(store, *(figure(number, number, f"http://a.test/{number}.jpg") for number in (1, 2, 3)))
    with store.sessions() as session:
        assert [item.key for item in gather(store, PreparedWeb({})).items(session)] == ["f001"]


def copies(store: Store) -> PreparedWeb:
    """Seven figures of five articles: one photograph in five forms, and two others."""
    other, third = photograph(2, 400, 300), photograph(9, 300, 400)
    answers: dict[str, Answer] = {
        "http://a.test/first.jpg": encoded(PHOTO),
        "http://b.test/same-bytes.jpg": encoded(PHOTO),
        "http://a.test/smaller.jpg": encoded(PHOTO.resize((250, 188)), quality=50),
        "http://a.test/cropped.jpg": encoded(PHOTO.crop((40, 30, 370, 280))),
        "http://a.test/other.jpg": encoded(other),
        "http://a.test/third.png": encoded(third, "PNG"),
    }
    add(store, *(article(number) for number in range(1, 6)), entity("zephyr"), entity("rival"))
    add(store, *(mention(number, number, "zephyr") for number in range(1, 5)), mention(9, 5, "rival"))
    add(
        store,
        figure(1, 1, "http://a.test/first.jpg", "The Zephyr"),
        figure(2, 2, "http://b.test/same-bytes.jpg"),
        figure(3, 3, "http://a.test/smaller.jpg"),
        figure(4, 3, "http://a.test/other.jpg"),
        figure(5, 4, "http://a.test/cropped.jpg"),
        figure(6, 4, "http://a.test/third.png"),
        figure(7, 5, "http://a.test/first.jpg"),
    )
    return PreparedWeb(answers)


@pytest.mark.parametrize("batch", [1, 2, 3, 32])
def test_copies_are_found_however_the_work_is_split(store: Store, batch: int) -> None:
    web = copies(store)
    Runner(store.sessions, fixed_clock(NOW)).run(gather(store, web, batch), "test")
    assert outcomes(store) == {
        "f001": "done",
        "f002": Reason.DUPLICATE_IMAGE.value,
        "f003": Reason.NEAR_DUPLICATE_IMAGE.value,
        "f004": "done",
        "f005": Reason.NEAR_DUPLICATE_IMAGE.value,
        "f006": "done",
        "f007": "done",  # the same photograph, but this article says that it shows the rival
    }
    assert web.asked.count("http://a.test/first.jpg") == 1
    with store.sessions() as session:
        first = session.scalars(select(Image).where(Image.figure_id == "f001")).one()
        shown = session.scalars(select(Depiction).where(Depiction.image_id == first.id).order_by(Depiction.entity_key))
        assert [row.entity_key for row in shown] == ["rival", "zephyr"]
        assert session.scalars(select(LedgerEntry).where(LedgerEntry.item == "f007")).one().dropped == {
            Reason.DUPLICATE_IMAGE.value: 1
        }


def test_enough_pictures_of_an_entity_are_enough(store: Store) -> None:
    web = copies(store)
    Runner(store.sessions, fixed_clock(NOW)).run(gather(store, web, max_per_entity=1), "test")
    reasons = outcomes(store)
    assert reasons["f001"] == reasons["f007"] == "done"
    assert {reasons[f"f00{number}"] for number in range(2, 7)} == {Reason.ENOUGH_IMAGES.value}


def test_a_page_that_opts_out_takes_its_pictures_along(store: Store) -> None:
    consent = {"robots": "allowed", "opt_out": True, "reason": "meta robots: noimageai", "checked_at": NOW.isoformat()}
    page = Page(
        url="http://a.test/1", responded_url="http://a.test/1", source="s", content_type="text/html", body_sha256="0",
        etag=None, last_modified=None, fetched_at=NOW, consent=consent,
    )  # fmt: skip
    add(store, article(1), page, entity("zephyr"), mention(1, 1, "zephyr"), figure(1, 1, "http://a.test/1.jpg"))
    web = PreparedWeb({"http://a.test/1.jpg": encoded(PHOTO)})
    Runner(store.sessions, fixed_clock(NOW)).run(gather(store, web), "test")
    assert outcomes(store) == {"f001": Reason.OPT_OUT.value}
    assert web.asked == []


def test_a_new_mention_re_runs_a_figure_without_a_clash_of_keys(store: Store) -> None:
    web, runner = copies(store), Runner(store.sessions, fixed_clock(NOW))
    runner.run(gather(store, web), "test")
    add(
        store, mention(20, 1, "rival")
    )  # the first article's title now names the rival as well, whose depiction f007 owns
    report = runner.run(gather(store, web), "again")
    assert report.worked == 1
    with store.sessions() as session:
        assert len(session.scalars(select(Depiction)).all()) == len(session.scalars(select(Image)).all()) + 1


def test_one_outcome_an_item(store: Store) -> None:
    web = copies(store)
    stage = gather(store, web)
    with store.sessions() as session:
        items: Sequence[Item] = stage.items(session)
        assert [outcome.item for outcome in stage.process(session, items)] == [item.key for item in items]
