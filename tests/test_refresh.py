"""A night: what it fetches, publishes and tells, with the sources' state as it finds it."""

import datetime as dt
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from nest_builder.config import NotifySettings, ReviewSettings, Settings, SourceSettings
from nest_builder.notify import Message, NotifyError
from nest_builder.progress import Progress
from nest_builder.refresh import Night, UnknownStageError, chosen, nightly, run_night, silent_sources, told_of_failure
from nest_builder.review.pull import Pulled
from nest_builder.stage import Done, Item, Outcome, Stage
from nest_builder.store.session import Store, open_store
from nest_builder.store.tables import Edition, Entry, LedgerEntry, ReviewProject, Route, Row, StageRun
from nest_builder.workspace import open_workspace

AT = dt.datetime(2025, 8, 1, 6, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
FEED = "http://a.test/feed"


class Makes:
    """A stage that makes given rows, an item each, once."""

    batch_size = 10
    keeps_history = True

    def __init__(self, name: str, *rows: Row, error: Exception | None = None) -> None:
        self.name, self._rows, self._error = name, rows, error
        self.tables: tuple[type[Row], ...] = tuple({type(row) for row in rows})

    def identity(self) -> Any:
        return 1

    def items(self, session: Session) -> Sequence[Item]:
        return [Item(f"{self.name}{number}", "") for number in range(max(1, len(self._rows)))]

    def process(self, session: Session, batch: Sequence[Item]) -> list[Outcome]:
        if self._error:
            raise self._error
        rows = dict(zip((item.key for item in self.items(session)), self._rows, strict=False))
        return [Done(item.key, [rows[item.key]] if item.key in rows else []) for item in batch]


def settings_in(folder: Path, **values: Any) -> Settings:
    return Settings(workdir=folder, now=AT, **values)


def night_of(settings: Settings, *stages: Stage) -> tuple[Night, list[Message]]:
    told: list[Message] = []
    with open_workspace(nightly(settings)) as workspace, Progress(quiet=True) as progress:
        return run_night(workspace, stages, progress, told.append), told


def edition(name: str) -> Edition:
    return Edition(
        name=name, path=f"editions/{name}", manifest={"counts": {"samples": 1, "by_split": {}, "dropped": {}}}
    )


def route(sample: str) -> Route:
    return Route(
        sample_id=sample,
        p_correct=0.6,
        action="review",
        priority=1.0,
        audit=False,
        reviewers=1,
        evidence={},
        version="test",
    )


def test_what_came_out_and_what_waits_is_told(tmp_path: Path) -> None:
    night, told = night_of(
        settings_in(tmp_path), Makes("review", route("a"), route("b")), Makes("export", edition("2025.07"))
    )
    assert night.published == ["2025.07"]
    assert night.queue == (0, 2)
    (message,) = told
    assert message.subject == "NEST 2025-08-01: edition 2025.07 is published (and 1 more)"
    assert "2 samples wait for people, 2 more than before" in message.body
    assert night.as_dict()["stages"]["export"]["done"] == 1

    night, told = night_of(
        settings_in(tmp_path), Makes("review", route("a"), route("b")), Makes("export", edition("2025.07"))
    )
    assert (night.published, night.queue, told) == ([], (2, 2), [])


def test_a_night_publishes_what_is_due(tmp_path: Path) -> None:
    assert nightly(settings_in(tmp_path)).export.publish == "due"
    assert nightly(settings_in(tmp_path)).entities == settings_in(tmp_path).entities


def test_news_that_does_not_arrive_fails_no_night(tmp_path: Path) -> None:
    def deaf(message: Message) -> None:
        raise NotifyError("1 of 1 addresses")

    with open_workspace(settings_in(tmp_path)) as workspace, Progress(quiet=True) as progress:
        night = run_night(workspace, [Makes("export", edition("2025.07"))], progress, deaf)
    assert night.notes == {"notify": "1 of 1 addresses"}


def test_a_failed_night_is_told_and_fails(tmp_path: Path) -> None:
    told: list[Message] = []
    settings = settings_in(tmp_path)
    with (
        pytest.raises(OSError, match="no space"),
        told_of_failure(settings, told.append),
        open_workspace(settings) as workspace,
        Progress(quiet=True) as progress,
    ):
        run_night(workspace, [Makes("collect", error=OSError(28, "no space left"))], progress, told.append)
    assert [(message.level, "OSError" in message.body) for message in told] == [("failure", True)]
    with pytest.raises(KeyboardInterrupt), told_of_failure(settings, told.append):
        raise KeyboardInterrupt
    assert len(told) == 1


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ((), ["collect", "annotate", "export"]),
        (("export", "collect"), ["collect", "export"]),
        (("annotate", "validate"), ["annotate"]),  # the settings have no verdicts
        (("anotate",), UnknownStageError),
    ],
)
def test_a_part_of_the_stages(only: tuple[str, ...], expected: Any) -> None:
    stages = [Makes(name) for name in ("collect", "annotate", "export")]
    if isinstance(expected, list):
        assert [stage.name for stage in chosen(stages, only)] == expected
    else:
        with pytest.raises(expected, match="no stage anotate: choose of collect, extract"):
            chosen(stages, only)


def test_reviews_that_cannot_be_had_are_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = "http://127.0.0.1:9"
    settings = settings_in(tmp_path, review=ReviewSettings(url=nowhere, timeout_seconds=2, token_variable="TOKEN"))
    night, _ = night_of(settings, Makes("export"))
    assert night.notes == {}  # nothing was ever sent to people
    with open_workspace(settings) as workspace, workspace.store.sessions() as session:
        session.add(
            ReviewProject(id="x:1", url=nowhere, name="2025.07", made_at=AT, pushed_at=AT, pulled_at=None, cursor=None)
        )
        session.commit()
    night, _ = night_of(settings, Makes("export"))
    assert night.notes == {"reviews": "not fetched: no token in TOKEN"}
    monkeypatch.setenv("TOKEN", "0" * 40)
    night, _ = night_of(settings, Makes("export"))
    assert night.notes["reviews"].startswith("not fetched: ")
    assert "no token" not in night.notes["reviews"]
    assert night.pulled == {}


def test_every_project_of_the_server_is_pulled_with_the_night_s_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, dt.datetime]] = []

    def pull(store: Any, server: Any, settings: Any, edition: str, clock: Any, model: Any) -> Pulled:
        asked.append((edition, clock()))
        return Pulled(1, tasks=3, new=2)

    monkeypatch.setattr("nest_builder.review.client.connect", lambda settings: nullcontext("server"))
    monkeypatch.setattr("nest_builder.review.pull.pull", pull)
    monkeypatch.setenv("TOKEN", "0" * 40)
    settings = settings_in(tmp_path, review=ReviewSettings(url="http://here.test/", token_variable="TOKEN"))
    with open_workspace(settings) as workspace, workspace.store.sessions() as session:
        for number, (url, name) in enumerate(
            (("http://here.test", "2025.07"), ("http://here.test", "2025.06"), ("http://there.test", "x"))
        ):
            session.add(
                ReviewProject(
                    id=f"x:{number}", url=url, name=name, made_at=AT, pushed_at=AT, pulled_at=None, cursor=None
                )
            )
        session.commit()
    night, _ = night_of(settings, Makes("export"))
    assert asked == [("2025.06", AT), ("2025.07", AT)]
    assert night.pulled["2025.07"]["new"] == 2
    asked.clear()
    night_of(settings, Makes("annotate"))  # a part of a night that makes nothing of what people decided
    assert asked == []


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"sqlite:///{tmp_path / 'nest.sqlite'}", str(tmp_path / "blobs"))


@pytest.mark.parametrize(
    ("status", "asked_at", "newest", "last", "expected"),
    [
        ("done", AT, AT - DAY, AT - DAY, None),
        ("done", AT, AT - 7 * DAY, AT - DAY, "nothing new since 2025-07-25"),
        ("done", AT, AT - 7.5 * DAY, AT - DAY, "nothing new since 2025-07-24"),
        ("done", AT, AT - 9 * DAY, AT - DAY, None),  # that was told two nights ago
        ("done", AT, AT - 9 * DAY, AT - 5 * DAY, "nothing new since 2025-07-23"),
        ("done", AT, AT - 9 * DAY, None, "nothing new since 2025-07-23"),
        ("done", AT, None, None, "it names no article"),
        ("rejected", AT, AT - DAY, AT - DAY, "status 404"),
        ("failed", AT, AT - DAY, AT - DAY, "status 404"),
        ("failed", AT - DAY, AT - DAY, AT - DAY, None),  # not asked tonight
    ],
)
def test_a_source_that_gave_nothing(
    store: Store,
    status: str,
    asked_at: dt.datetime,
    newest: dt.datetime | None,
    last: dt.datetime | None,
    expected: str | None,
) -> None:
    key = f"feed:{FEED}"
    with store.sessions() as session:
        session.add(
            LedgerEntry(
                stage="collect", item=key, fingerprint="0", status=status, reason=None, finished_at=asked_at,
                detail="" if status == "done" else "status 404",
            )
        )  # fmt: skip
        if newest is not None:
            entry = Entry(
                url="http://a.test/1", source=FEED, title="", summary="", published_at=newest, authors=[], media=[]
            )
            entry.seal(key)
            session.add(entry)
        session.commit()
        found = silent_sources(session, SourceSettings(feeds=(FEED, "http://b.test/never-asked")), AT, last, 7)
    assert found == ({FEED: expected} if expected else {})


def test_the_time_of_the_night_before_is_the_clock_s(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, notify=NotifySettings(silent_days=3), sources=SourceSettings(feeds=(FEED,)))
    with open_workspace(settings) as workspace, workspace.store.sessions() as session:
        session.add(StageRun(run="refresh-1", stage="collect", started_at=AT + DAY, seconds=1.0, counts={}))
        session.commit()
    night, told = night_of(settings, Makes("collect"))
    assert (night.silent, told) == ({}, [])
