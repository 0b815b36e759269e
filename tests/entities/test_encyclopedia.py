import datetime as dt
from typing import Any

import pytest

from nest_builder.entities.encyclopedia import MediaWiki, parse
from nest_builder.web import FetchFailed, FetchReason

URL = "http://encyclopedia.test/w/api.php"


def answer(**page: Any) -> dict[str, Any]:
    return {"query": {"pages": [{"title": "Vantor K3", **page}]}}


@pytest.mark.parametrize(
    ("page", "created"),
    [
        ({"revisions": [{"timestamp": "2025-08-01T10:00:00Z"}]}, dt.datetime(2025, 8, 1, 10, tzinfo=dt.UTC)),
        ({"missing": True}, None),
        ({"invalid": True, "invalidreason": "bad characters"}, None),
    ],
)
def test_first_revisions_are_read(page: dict[str, Any], created: dt.datetime | None) -> None:
    assert parse(answer(**page), URL).created == created


@pytest.mark.parametrize(
    "broken",
    [[], {}, {"query": {"pages": []}}, {"query": {"pages": {"1": {}}}}, answer(),
    answer(revisions=[{"timestamp": "yesterday"}]),
     answer(revisions=[{"timestamp": "2025-08-01T10:00:00"}])],
)  # fmt: skip
def test_other_answers_are_refused(broken: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(broken, URL)


class Client:
    def __init__(self, body: bytes | None) -> None:
        self.body, self.asked = body, ""

    def fetch(self, url: str, *_: Any, **__: Any) -> Any:
        self.asked = url
        if self.body is None:
            raise FetchFailed(FetchReason.SERVER_ERROR, "down")
        return type("Exchange", (), {"body": self.body})()


@pytest.mark.parametrize("body", [None, b"<html>", b"[]", b"\xff"])
def test_no_usable_answer_is_no_evidence(body: bytes | None) -> None:
    assert MediaWiki(Client(body), URL)("Vantor K3") is None  # type: ignore[arg-type]


def test_the_query_is_mediawikis() -> None:
    client = Client(b'{"query": {"pages": [{"title": "A & B", "missing": true}]}}')
    found = MediaWiki(client, URL)("A & B")  # type: ignore[arg-type]
    assert found is not None
    assert found.created is None
    assert "titles=A+%26+B" in client.asked
    assert "rvdir=newer" in client.asked
