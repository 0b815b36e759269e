"""Webhooks: who knows the secret wakes a pull; nobody else does anything."""

import http.client
import threading

import pytest

from nest_builder.review.webhook import SECRET_HEADER, Listener


def post(port: int, headers: dict[str, str], body: bytes = b"{}") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", "/", body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("headers", "status", "woken"),
    [
        ({SECRET_HEADER: "right"}, 204, True),
        ({SECRET_HEADER: "wrong"}, 403, False),
        ({}, 403, False),
        ({SECRET_HEADER: "right", "Content-Length": "99999999"}, 413, False),
        ({SECRET_HEADER: "right", "Content-Length": "-1"}, 413, False),
        ({SECRET_HEADER: "right", "Content-Length": "many"}, 413, False),
    ],
)
def test_who_is_listened_to(headers: dict[str, str], status: int, woken: bool) -> None:
    with Listener("right") as listener:
        assert post(listener.port, headers) == status
        assert listener.woken.is_set() is woken


def test_a_webhook_is_followed_by_a_pull() -> None:
    pulls: list[float] = []
    with Listener("right") as listener:
        sender = threading.Timer(0.2, post, (listener.port, {SECRET_HEADER: "right"}))
        sender.start()
        listener.follow(lambda: pulls.append(1), every_seconds=60, rounds=2)
        sender.join()
    assert len(pulls) == 2


def test_without_webhooks_it_pulls_by_the_clock() -> None:
    pulls: list[float] = []
    with Listener("right") as listener:
        listener.follow(lambda: pulls.append(1), every_seconds=0.05, rounds=3)
    assert len(pulls) == 3
