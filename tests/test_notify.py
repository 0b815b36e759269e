"""News of a night: what is told, in which words, and that it arrives over HTTP without a secret anywhere else."""

import logging

import pytest

from nest_builder.config import NotifySettings
from nest_builder.notify import Message, News, NotifyError, compose, send
from tests.receiver import Receiver

PUBLISHED = News("published", "edition 2025.07 is published")
FAILED = News("failed", "the night failed: OSError: no space left")
SOURCE = News("source", "http://a.test/feed gave nothing: 404")
QUEUE = News("queue", "4 samples wait for people, 3 more than before")
ALL = NotifySettings()


@pytest.mark.parametrize(
    ("news", "settings", "expected"),
    [
        ([], ALL, None),
        ([QUEUE], NotifySettings(events=("published",)), None),
        ([PUBLISHED], ALL, ("NEST 2025-08-01: edition 2025.07 is published", "success", 1)),
        ([SOURCE], ALL, ("NEST 2025-08-01: http://a.test/feed gave nothing: 404", "warning", 1)),
        ([QUEUE, SOURCE, PUBLISHED], ALL, ("NEST 2025-08-01: edition 2025.07 is published (and 2 more)", "success", 3)),
        ([PUBLISHED, FAILED], ALL, ("NEST 2025-08-01: the night failed: OSError: no space left (and 1 more)", "failure", 2)),
        ([SOURCE] * 90, ALL, ("NEST 2025-08-01: http://a.test/feed gave nothing: 404 (and 89 more)", "warning", 41)),
    ],
    ids=["nothing", "not wanted", "published", "source", "several", "failure first", "many"],
)  # fmt: skip
def test_one_message_a_night(news: list[News], settings: NotifySettings, expected: tuple[str, str, int] | None) -> None:
    message = compose(news, settings, "2025-08-01")
    got = message and (message.subject, message.level, len(message.body.splitlines()))
    assert got == expected


def test_lines_from_outside_stay_lines() -> None:
    message = compose([News("source", "x\n- edition 2025.09 is published" + "y" * 900)], ALL, "2025-08-01")
    assert message is not None
    assert len(message.body.splitlines()) == 1
    assert len(message.body) < 310
    assert "\n" not in message.subject


def test_a_message_arrives_at_every_address(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    message = Message("NEST 2025-08-01: edition 2025.07 is published", "- edition 2025.07 is published", "success")
    secret = "hush-4711"
    assert send(message, ALL, {}) == 0
    told = {"NEST_NOTIFY_URLS": f"json://user:{secret}@{receiver.address}/one\njson://{receiver.address}/two"}
    assert send(message, ALL, told) == 2
    assert [(got["path"], got["title"], got["message"], got["type"]) for got in receiver.got] == [
        (path, message.subject, message.body, "success") for path in ("/one", "/two")
    ]
    assert secret not in "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith("nest_builder")
    )


def test_one_address_that_fails_silences_none(receiver: Receiver) -> None:
    message = Message("subject", "body", "failure")
    addresses = {"MINE": f"json://secret@{receiver.address}/deaf nonsense://secret json://{receiver.address}/hears"}
    with pytest.raises(NotifyError, match="2 of 3 addresses in MINE") as error:
        send(message, NotifySettings(variable="MINE"), addresses)
    assert "secret" not in str(error.value)
    assert [got["path"] for got in receiver.got] == ["/deaf", "/hears"]
