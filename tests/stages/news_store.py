"""A store with a few hand-written articles, for tests of the stages that read them."""

import datetime as dt
from pathlib import Path

from nest_builder.clock import fixed_clock
from nest_builder.config import EntitySettings
from nest_builder.runner import Runner
from nest_builder.stage import Report, Stage
from nest_builder.stages.assess import Assess
from nest_builder.stages.recognize import Recognize
from nest_builder.store.session import Store, open_store
from nest_builder.store.tables import Article, Figure
from tests.entities.marked import SNAPSHOT, MarkedRecognizer

SETTINGS = EntitySettings(snapshot="", spacy_model="unused")
NAMES = {
    "Ada Okoro": "PERSON", "Ben Tull": "PERSON", "Mira Senn": "PERSON", "Jon Brand": "PERSON", "Vantor K3": "PRODUCT",
    "Vantor": "ORG", "Harwick": "GPE", "Lumo Dart": "PRODUCT", "Zenlo Orb": "PRODUCT",
}  # fmt: skip
ARTICLES = {
    "http://one.test/mayor": (
        "2025-08-02", "Harwick has a new mayor",
        "Ada Okoro was sworn in as mayor of Harwick on Friday, succeeding Ben Tull.\n\nOkoro, in a green coat, waved.",
        "Ada Okoro in Harwick.",
    ),
    "http://two.test/k3": (
        "2025-08-14", "Vantor unveils Vantor K3",
        "Vantor unveiled the Vantor K3, a drone, on Tuesday. The drone is teal, with white stripes.\n\n"
        "“It is early,” said Jon Brand, an analyst.",
        "The Vantor K3 at the pier.",
    ),
    "http://two.test/rumour": (
        "2025-08-20", "Talk of the Zenlo Orb",
        "The Zenlo Orb, a camera, is said to be nearly ready. The Lumo Dart was on show.", "",
    ),
    "http://three.test/sport": ("2025-08-21", "Rain", "It rained all day and nobody came.", ""),
}  # fmt: skip


def news_store(folder: Path) -> Store:
    """Open a store that holds ``ARTICLES`` with one figure each."""
    store = open_store(f"sqlite:///{folder / 'nest.sqlite'}", str(folder / "blobs"))
    with store.sessions() as session:
        for url, (date, title, text, caption) in ARTICLES.items():
            published = dt.datetime.fromisoformat(date).replace(tzinfo=dt.UTC)
            article = Article(
                url=url, site="one.test", title=title, text=text, authors=[], published_at=published, language="en",
                text_hash=url, signature="",
            )  # fmt: skip
            figure = Figure(
                id=f"f{len(url)}",
                article_url=url,
                image_url=f"{url}.jpg",
                caption=caption,
                credit="",
                alt="",
                position=0,
            )
            for row in (article, figure):
                row.seal(url)
                session.add(row)
        session.commit()
    return store


def run(store: Store, stage: Stage) -> Report:
    """Run a stage to the end."""
    clock = fixed_clock(dt.datetime(2025, 10, 1, tzinfo=dt.UTC))
    return Runner(store.sessions, clock).run(stage, "test")


def recognize() -> Recognize:
    """Make the stage with names known by heart."""
    return Recognize(SETTINGS, MarkedRecognizer(NAMES), SNAPSHOT)  # type: ignore[arg-type]


def assess() -> Assess:
    """Make the stage without an encyclopedia."""
    return Assess(SETTINGS, knowledge=SNAPSHOT)
