"""Sources, encyclopedia and clocks, on servers that answer, that do not, and that are wrong about the time."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from nest_builder.clock import fixed_clock
from nest_builder.config import load_settings
from nest_builder.doctor import Patient, network
from tests.doctor.test_doctor import of
from tests.doctor.web import NOW, Route, feed, serving

GOOD = feed("2025-09-30T08:00:00+00:00", "2025-09-29T08:00:00+00:00")


def patient(folder: Path, origin: str, *, clock: dt.datetime = NOW, ask: bool = True, **sources: Any) -> Patient:
    settings = load_settings(
        workdir=folder,
        now=NOW,
        newsworld={"enabled": False},
        sources={"feeds": [], "sites": [], "window_days": 14, **sources},
        web={"allow_hosts": ["127.0.0.1"], "retries": 0, "timeout_seconds": 20.0, "requests_per_second": 100.0},
        entities={"encyclopedia": f"{origin}/w/api.php"},
    )
    return Patient(settings, fixed_clock(clock), network=ask)


ROUTES: dict[str, Route] = {
    "/w/api.php": (200, "application/json", "{}"),
    "/feed": GOOD,
    "/": (200, "text/html", "<p>x"),
}


def test_all_is_well(tmp_path: Path) -> None:
    with serving(ROUTES) as (origin, _):
        found = list(network.check_network(patient(tmp_path, origin, feeds=[f"{origin}/feed"], sites=[f"{origin}/"])))
    assert [state for state, _, _ in found] == ["ok"] * 4
    assert found[0][1] == f"{origin}/feed: 2 entries, newest of 2025-09-30"


@pytest.mark.parametrize(
    ("route", "said"),
    [
        ((503, "text/plain", ""), "503"),
        ((404, "text/plain", ""), "404"),
        ((200, "image/png", "x"), "content_type"),
        ((200, "application/rss+xml", "<html><p>no feed"), "no feed"),
        (feed(), "empty feed"),
        (feed("2025-08-01T00:00:00+00:00"), "newest of 2025-08-01, older than sources.window_days"),
    ],
)
def test_a_feed_that_gives_nothing_is_told_apart(tmp_path: Path, route: Route, said: str) -> None:
    with serving({**ROUTES, "/bad": route}) as (origin, _):
        found = of(network.check_network(patient(tmp_path, origin, feeds=[f"{origin}/feed", f"{origin}/bad"])))
    ((state, text),) = found
    assert state == "warning"
    assert f"{origin}/bad" in text
    assert said in text


def test_robots_are_asked(tmp_path: Path) -> None:
    robots = (200, "text/plain", "User-agent: *\nDisallow: /feed\n")
    with serving({**ROUTES, "/robots.txt": robots}) as (origin, asked):
        found = of(network.check_network(patient(tmp_path, origin, feeds=[f"{origin}/feed"])))
    assert "robots" in found[0][1]
    assert "/feed" not in [request["path"] for request in asked]


def test_nothing_answers(tmp_path: Path) -> None:
    origin = "http://127.0.0.1:1"
    found = of(network.check_network(patient(tmp_path, origin, feeds=[f"{origin}/feed"], sites=[f"{origin}/"])))
    assert [state for state, _ in found] == ["warning", "warning", "warning", "problem"]


@pytest.mark.parametrize(
    ("seconds", "state", "said"),
    [
        (10, None, ""),
        (-10, None, ""),
        (120, "warning", "120 s ahead"),
        (-120, "warning", "120 s behind"),
        (7200, "problem", "7200 s ahead"),
    ],
)
def test_the_clock_is_held_against_the_servers(tmp_path: Path, seconds: int, state: str | None, said: str) -> None:
    with serving(ROUTES) as (origin, _):
        clock = NOW + dt.timedelta(seconds=seconds)
        found = of(network.check_network(patient(tmp_path, origin, clock=clock, feeds=[f"{origin}/feed"])))
    assert [got for got, _ in found] == ([] if state is None else [state])
    assert all(said in text and "set the clock" in text for _, text in found)


def test_an_old_answer_of_a_cache_is_no_wrong_clock(tmp_path: Path) -> None:
    with serving(ROUTES, NOW - dt.timedelta(hours=5)) as (cache, _), serving(ROUTES) as (origin, _):
        assert of(network.check_network(patient(tmp_path, origin, feeds=[f"{cache}/feed", f"{origin}/feed"]))) == []


def test_nobody_is_asked_unless_told_to(tmp_path: Path) -> None:
    with serving(ROUTES) as (origin, asked):
        assert list(network.check_network(patient(tmp_path, origin, ask=False, feeds=[f"{origin}/feed"]))) == []
    assert asked == []
