"""What a run shows in Prefect's UI, and that nothing from outside becomes more than text in it."""

import base64
import datetime as dt
import io
import re
from pathlib import Path

import pytest
from PIL import Image as Pictures
from sqlalchemy import select

from flows.artifacts import editions, funnel, gallery
from nest_builder.store.session import Store
from nest_builder.store.tables import Edition, Image, Sample
from tests.builders import NOW, fill_store, new_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = new_store(tmp_path)
    fill_store(made, 6)
    return made


def test_the_funnel_counts_what_was_turned_away(store: Store) -> None:
    lines = funnel(store).splitlines()
    assert lines[0] == "| stage | done | rejected | reasons |"
    assert next(line for line in lines if line.startswith("| collect")).endswith("| robots disallow: 4, not found: 2 |")


def test_the_gallery_shows_what_is_new_with_its_mask(store: Store) -> None:
    assert gallery(store, NOW + dt.timedelta(seconds=1)) == "Nothing new."
    lines = gallery(store, NOW, limit=5).splitlines()
    assert len(lines) == 7
    found = re.match(r"\| !\[\]\(data:image/webp;base64,([^)]+)\) \| (?:Which|Who) ", lines[2])
    assert found is not None
    with Pictures.open(io.BytesIO(base64.b64decode(found[1]))) as picture:
        assert picture.size == (160, 120)
    assert len(gallery(store, NOW)) < 200_000


def test_nothing_from_outside_is_markup(store: Store) -> None:
    with store.sessions() as session:
        for sample in session.scalars(select(Sample)):
            sample.question = "Who? | <script>alert(1)</script> ![x](http://evil.test/pixel.png)"
        for image in session.scalars(select(Image)):
            image.article_url = "http://a.test/>) <img src=x> |"
        session.commit()
    shown = re.sub(r"data:image/webp;base64,[^)]+", "", gallery(store, NOW))
    assert "<script" not in shown
    assert "<img" not in shown
    assert "![x]" not in shown
    assert all(line.count("|") == 5 for line in shown.splitlines())


def test_editions_come_newest_first(store: Store) -> None:
    with store.sessions() as session:
        for name, samples in (("2025.07", 4), ("2025.07.10", 2), ("2025.07.9", 3), ("2025.08", 6)):
            counts = {"samples": samples, "by_split": {"train": samples - 1, "test": 1}}
            row = Edition(name=name, path=f"editions/{name}", manifest={"counts": counts})
            row.seal(name)
            session.add(row)
        session.commit()
    assert editions(store) == [
        {"edition": "2025.08", "samples": 6, "train": 5, "test": 1},
        {"edition": "2025.07.10", "samples": 2, "train": 1, "test": 1},
        {"edition": "2025.07.9", "samples": 3, "train": 2, "test": 1},
        {"edition": "2025.07", "samples": 4, "train": 3, "test": 1},
    ]
