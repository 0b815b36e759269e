"""The client against servers that refuse, lie, ramble or are something else altogether."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from nest_builder.config import ReviewSettings
from nest_builder.review import wire
from nest_builder.review.client import Server, connect
from nest_builder.review.wire import ReviewError, read_time

Handler = Callable[[httpx.Request], httpx.Response]
MOMENT = "2026-03-01T10:00:00.5Z"


def server(handler: Handler) -> Server:
    return Server("http://label.test/", "t" * 40, transport=httpx.MockTransport(handler))


def line(number: int, **values: Any) -> dict[str, Any]:
    return {"id": number, "meta": {"nest": "k"}, "updated_at": MOMENT, "annotations": [], "overlap": 1, **values}


def always(**answer: Any) -> Handler:
    return lambda request: httpx.Response(**answer)


def test_pages_go_by_number_so_that_deletions_meanwhile_skip_nothing() -> None:
    asked: list[int] = []

    def handler(request: httpx.Request) -> httpx.Response:
        (after,) = [
            item["value"]
            for item in json.loads(request.url.params["query"])["filters"]["items"]
            if item["filter"].endswith(":id")
        ]
        asked.append(after)
        assert request.headers["authorization"] == f"Token {'t' * 40}"
        numbers = [number for number in (2, 3, 5, 9, 10) if number > after][:2]
        return httpx.Response(
            200, json={"tasks": [line(number, annotations=[{"id": 7, "updated_at": MOMENT}]) for number in numbers]}
        )

    lines = list(server(handler).lines(1, 2))
    assert [one.id for one in lines] == [2, 3, 5, 9, 10]
    assert asked == [0, 3, 9]
    assert lines[0].annotations == {7: read_time(MOMENT)}


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        (always(status_code=401, json={"detail": "Invalid token."}), "token is not accepted"),
        (always(status_code=403, json={"detail": "No."}), "status 403: No."),
        (always(status_code=302, headers={"location": "http://elsewhere.test/"}), "status 302"),
        (always(status_code=200, text="<html>a proxy's page</html>"), "not an answer of Label Studio"),
        (always(status_code=200, json=[]), "no list of tasks"),
        (always(status_code=200, json={"tasks": {}}), "no list of tasks"),
        (always(status_code=200, json={"tasks": ["a"]}), "not in the order"),
        (always(status_code=200, json={"tasks": [line(0)]}), "not in the order"),
        (always(status_code=200, json={"tasks": [line(4), line(4)]}), "not in the order"),
        (always(status_code=200, json={"tasks": [line(4, updated_at="now")]}), "task 4: ValueError"),
        (always(status_code=200, json={"tasks": [line(4, annotations=[5])]}), "task 4: TypeError"),
        (always(status_code=200, json={"tasks": [line(4, annotations=None)]}), "task 4: TypeError"),
    ],
)  # fmt: skip
def test_answers_that_are_none(handler: Handler, error: str) -> None:
    with pytest.raises(ReviewError, match=error):
        list(server(handler).lines(1, 2))


@pytest.mark.parametrize("meta", [None, [1], "nest", {}, {"nest": None}, {"nest": ["k"]}])
def test_tasks_of_others(meta: Any) -> None:
    (one,) = server(always(status_code=200, json={"tasks": [line(4, meta=meta)]})).lines(1, 2)
    assert one.key == ""


def test_the_same_page_again_and_again_ends() -> None:
    with pytest.raises(ReviewError, match="not in the order"):
        list(server(always(status_code=200, json={"tasks": [line(1), line(2)]})).lines(1, 2))


def test_an_answer_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_ANSWER_BYTES", 10_000)

    class Endless(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield b" " * 1000

    with pytest.raises(ReviewError, match="more than 10000 bytes"):
        list(server(always(status_code=200, stream=Endless())).lines(1, 2))


def test_a_server_that_is_not_there() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(ReviewError, match="does not answer: ConnectError"):
        server(handler).whoami()


def test_an_import_is_not_repeated_by_itself() -> None:
    asked = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(504, text="gateway timeout")

    with pytest.raises(ReviewError, match="making tasks: status 504"):
        server(handler).import_tasks(3, [{"data": {}}])
    assert asked == ["/api/projects/3/import"]


@pytest.mark.parametrize("numbers", [[], [1], [1, 2, 3]])
def test_an_import_that_made_another_number_of_tasks(numbers: list[int]) -> None:
    answer = {"task_ids": numbers, "task_count": len(numbers), "annotation_count": 0, "predictions_count": 0, "duration": 0.1,
              "file_upload_ids": [], "could_be_tasks_list": False, "found_formats": [], "data_columns": []}  # fmt: skip
    with pytest.raises(ReviewError, match="2 were sent"):
        server(always(status_code=201, json=answer)).import_tasks(3, [{"data": {}}, {"data": {}}])


def test_pictures_that_did_not_arrive() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(201, json={"file_upload_ids": [1]})
        return httpx.Response(200, json=[{"id": 1, "file": "upload/3/../../etc/passwd"}])

    with pytest.raises(ReviewError, match="1 of 1 did not arrive"):
        server(handler).upload(3, {f"{'a' * 64}.jpg": (b"x", "image/jpeg")})


@pytest.mark.parametrize("url", ["", "label.test", "ftp://label.test", "http://"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(ReviewError, match="no address"):
        Server(url, "t")


@pytest.mark.parametrize("environment", [{}, {"LABEL_STUDIO_API_KEY": "  "}, {"OTHER": "x"}])
def test_no_token(environment: dict[str, str]) -> None:
    with pytest.raises(ReviewError, match="no token in LABEL_STUDIO_API_KEY"):
        connect(ReviewSettings(), environment)


def test_the_same_server_has_the_same_key() -> None:
    first, second, other = (Server(url, "t").key for url in ("http://a.test", "http://a.test/", "http://b.test"))
    assert first == second != other


@pytest.mark.parametrize("text", [None, 5, "2026-03-01T10:00:00", "x" * 50, "2026-99-01T10:00:00Z"])
def test_times_that_are_none(text: Any) -> None:
    with pytest.raises(ValueError, match=r"time|zone|month|isoformat"):
        read_time(text)
