import datetime as dt

import pytest

from nest_builder.export.naming import (
    base_of,
    check_name,
    due,
    is_month,
    month_name,
    newest,
    next_revision,
    order,
    split_name,
    window_of,
)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("name", "base", "number", "month"),
    [
        ("2025.10", "2025.10", 0, True),
        ("2025.10.1", "2025.10", 1, True),
        ("2025.10.12", "2025.10", 12, True),
        ("2025.13", "2025", 13, False),  # there is no 13th month: so it is a person's "2025", revised
        ("2025.1", "2025", 1, False),
        ("trial", "trial", 0, False),
        ("trial.2", "trial", 2, False),
        ("v1.2.3", "v1.2", 3, False),
        ("trial.02", "trial.02", 0, False),
        ("0000.10", "0000", 10, False),
        ("2025.1٣", "2025.1٣", 0, False),
    ],
)
def test_parts_of_a_name(name: str, base: str, number: int, month: bool) -> None:
    assert split_name(name) == (base, number)
    assert base_of(name) == base
    assert is_month(name) is month


@pytest.mark.parametrize("name", ["2025.10", "trial", "nest-2_b", "a.b"])
def test_names_that_people_may_give(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "letters"), ("../escape", "letters"), ("a/b", "letters"), (".hidden", "letters"), ("x" * 65, "letters"),
        ("2025.10.1", "revisions"), ("trial.1", "revisions"), ("latest", "newest"),
    ],
)  # fmt: skip
def test_names_that_they_may_not(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_name(name)


@pytest.mark.parametrize(
    ("name", "since", "until"),
    [
        ("2025.10", "2025-10-01", "2025-11-01"),
        ("2025.12.3", "2025-12-01", "2026-01-01"),
        ("2024.02", "2024-02-01", "2024-03-01"),
    ],
)
def test_windows(name: str, since: str, until: str) -> None:
    assert window_of(name) == (at(since), at(until))
    assert month_name(at(since)) == month_name(at(until) - dt.timedelta(microseconds=1)) == base_of(name)


def test_what_has_no_window() -> None:
    with pytest.raises(ValueError, match="no window"):
        window_of("trial")


@pytest.mark.parametrize(
    ("published", "now", "first", "expected"),
    [
        ([], "2025-10-31T23:59:59", "2025-10-02", []),
        ([], "2025-11-01", "2025-10-02", ["2025.10"]),
        ([], "2025-11-01", None, []),
        ([], "2025-11-20", "2025-08-31T23:00", ["2025.08", "2025.09", "2025.10"]),
        (["2025.10"], "2025-11-30", "2025-08-01", []),
        (["2025.10"], "2025-12-01", "2025-08-01", ["2025.11"]),
        (["2025.10"], "2026-02-01", "2025-08-01", ["2025.11", "2025.12", "2026.01"]),
        (["2025.09", "2025.10.2"], "2025-12-01", "2025-08-01", ["2025.11"]),  # what came before is not made up for
        (["2025.11"], "2025-11-15", "2025-08-01", []),  # published before it ended, by `nest build`
        (["trial"], "2025-12-01", "2025-11-01", ["2025.11"]),
        (["2025.11"], "2025-10-01", "2025-08-01", []),  # a clock that was put back
    ],
)
def test_due(published: list[str], now: str, first: str | None, expected: list[str]) -> None:
    assert due(published, at(now), at(first) if first else None) == expected


def test_a_month_ends_in_utc() -> None:
    evening_in_new_york = dt.datetime(2025, 10, 31, 21, tzinfo=dt.timezone(dt.timedelta(hours=-4)))
    assert due(["2025.09"], evening_in_new_york, None) == ["2025.10"]
    with pytest.raises(ValueError, match="naive"):
        due(["2025.09"], dt.datetime(2025, 11, 1), None)


@pytest.mark.parametrize(
    ("name", "published", "expected"),
    [
        ("2025.10", [], "2025.10"),
        ("2025.10", ["2025.09", "2025.11.4"], "2025.10"),
        ("2025.10", ["2025.10"], "2025.10.1"),
        ("2025.10.1", ["2025.10", "2025.10.1"], "2025.10.2"),
        ("2025.10", ["2025.10", "2025.10.9", "2025.10.10"], "2025.10.11"),
        ("trial", ["trial"], "trial.1"),
    ],
)
def test_next_revision(name: str, published: list[str], expected: str) -> None:
    assert next_revision(name, published) == expected


def test_order() -> None:
    names = ["trial", "trial.1", "2025.09", "2025.09.2", "2025.09.10", "2025.10", "2026.01"]
    shuffled = ["2025.10", "trial.1", "2025.09.10", "trial", "2026.01", "2025.09", "2025.09.2"]
    assert sorted(shuffled, key=order) == names
    assert newest(names) == "2026.01"
    assert newest([]) is None
