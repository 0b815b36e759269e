"""One content, one digest; another content, another."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from nest_builder.digest import canonical, digest, short_id
from nest_builder.reasons import Reason


@dataclass(frozen=True)
class Point:
    x: int
    tags: tuple[str, ...] = ()


class Model(BaseModel):
    path: Path
    size: int = 1


NOON = dt.datetime(2025, 10, 1, 12, tzinfo=dt.UTC)
NOON_IN_ROME = dt.datetime(2025, 10, 1, 14, tzinfo=dt.timezone(dt.timedelta(hours=2)))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (0.5, 0.5),
        ("é", "é"),
        (Reason.TINY, "tiny image"),
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (NOON, "2025-10-01T12:00:00+00:00"),
        (NOON_IN_ROME, "2025-10-01T12:00:00+00:00"),
        (dt.date(2025, 10, 1), "2025-10-01"),
        (Path("a") / "b", "a/b"),
        ({"b": 1, "a": (2,)}, {"a": [2], "b": 1}),
        ({"z", "y"}, ["y", "z"]),
        (Point(1, ("t",)), {"x": 1, "tags": ["t"]}),
        (Model(path=Path("p")), {"path": "p", "size": 1}),
    ],
)
def test_canonical(value: Any, expected: Any) -> None:
    assert canonical(value) == expected


@pytest.mark.parametrize("make", [lambda: dt.datetime(2025, 1, 1), object, lambda: Point, lambda: len])
def test_what_has_no_canonical_form_is_refused(make: Callable[[], Any]) -> None:
    with pytest.raises(TypeError):
        canonical([make()])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (({"a": 1, "b": 2},), ({"b": 2, "a": 1},), True),
        (([1, 2],), ((1, 2),), True),
        (({1, 2},), ({2, 1},), True),
        ((NOON,), (NOON_IN_ROME,), True),
        (([1, 2],), ([2, 1],), False),
        (("ab", "c"), ("a", "bc"), False),
        ((1,), ("1",), False),
        ((True,), (1,), False),
        ((None,), ("",), False),
        ((None,), (), False),
    ],
)
def test_digest_tells_contents_apart(one: tuple[Any, ...], other: tuple[Any, ...], same: bool) -> None:
    assert (digest(*one) == digest(*other)) is same
    assert (short_id(*one) == short_id(*other)) is same


def test_digests_stay_the_same_from_release_to_release() -> None:
    """Ids of published samples are made with it: a change here orphans every review and takedown."""
    assert digest("entity", {"name": "Ärmel"}, NOON) == PINNED
    assert short_id("entity", {"name": "Ärmel"}, NOON) == PINNED[:16]


PINNED = "50adff9fa2994fb5b901cdec7c246ccb56f7756191c0b32610ca94c34ed13a60"
