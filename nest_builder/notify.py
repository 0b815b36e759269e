"""Telling people what happened in a night, through Apprise: chat, mail, pagers. One message a night, and none about nothing."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from nest_builder.config import NotifySettings

log = logging.getLogger(__name__)

Kind = Literal["published", "failed", "source", "queue"]
_ORDER: tuple[Kind, ...] = ("failed", "published", "source", "queue")  # what comes first in a message
_MAX_LINES = 40
_MAX_LINE = 300


@dataclass(frozen=True, slots=True)
class News:
    """One thing that somebody may want to know.

    Attributes:
        kind: Of what sort; settings choose by it.
        text: The same in words.
    """

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent. ``level`` is one of Apprise's: success, warning, failure."""

    subject: str
    body: str
    level: Literal["success", "warning", "failure"]


class NotifyError(Exception):
    """A message did not get through; the text holds no address, since addresses hold secrets."""


def compose(news: Sequence[News], settings: NotifySettings, day: str) -> Message | None:
    """Make one message of a night's news; None where nothing of it is wanted.

    Args:
        news: What happened.
        settings: Which of it is wanted.
        day: Of the night, for the subject.
    """
    wanted = sorted((one for one in news if one.kind in settings.events), key=lambda one: _ORDER.index(one.kind))
    if not wanted:
        return None
    kinds = {one.kind for one in wanted}
    more = f" (and {len(wanted) - 1} more)" if len(wanted) > 1 else ""
    lines = [f"- {_bounded(one.text)}" for one in wanted[:_MAX_LINES]]
    if len(wanted) > _MAX_LINES:
        lines.append(f"- and {len(wanted) - _MAX_LINES} more")
    level: Literal["success", "warning", "failure"] = "warning"
    if "failed" in kinds:
        level = "failure"
    elif "published" in kinds:
        level = "success"
    return Message(f"NEST {day}: {_bounded(wanted[0].text, 80)}{more}", "\n".join(lines), level)


def send(message: Message, settings: NotifySettings, environment: Mapping[str, str] | None = None) -> int:
    """Send a message to every address of the environment and return how many there are.

    Args:
        message: The message.
        settings: Names the variable.
        environment: By default the process's.

    Raises:
        NotifyError: An address is none, or did not take the message. The others have got it.
    """
    addresses = (os.environ if environment is None else environment).get(settings.variable, "").split()
    if not addresses:
        return 0
    from apprise import Apprise, NotifyType  # a second of imports, for those who have an address

    failed = 0
    for address in addresses:  # one by one: one that fails must not silence the rest
        service = Apprise()
        taken = service.add(address) and service.notify(
            body=message.body, title=message.subject, notify_type=NotifyType(message.level)
        )
        failed += not taken
    if failed:
        raise NotifyError(f"{failed} of {len(addresses)} addresses in {settings.variable} did not take the message")
    return len(addresses)


def _bounded(text: str, limit: int = _MAX_LINE) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
