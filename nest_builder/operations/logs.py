"""Logs: for people or as JSON lines, each line with its run, stage, batch and item, none with a secret, none forged.

Titles, URLs and error texts come from outside. What could end a line, move a terminal's cursor or turn the reading direction is
escaped, so that one record is one line, whatever it says.
"""

import datetime as dt
import json
import logging
import sys
import traceback
from typing import Any, Final, Literal, TextIO

from nest_builder.operations.context import place
from nest_builder.operations.secrets import Redactor

Form = Literal["text", "json"]
_OURS: Final = "nest"  # our handler's name
_MAX_TEXT: Final = 8_000  # characters of a message or of a traceback
_HOSTILE: Final = (
    *range(0x20),  # newline, escape, bell ...
    *range(0x7F, 0xA0),  # delete, and the C1 controls: a terminal may take U+009B for an escape sequence
    *(0x61C, 0x200E, 0x200F, 0x2028, 0x2029, 0xFEFF),  # invisible marks, line and paragraph separators
    *range(0x202A, 0x202F),  # reading direction
    *range(0x2066, 0x206A),
)
_ESCAPES: Final = {code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in _HOSTILE} | {
    0x0A: "\\n",
    0x0D: "\\r",
    0x09: "\\t",
}


def escaped(text: str) -> str:
    """Return text as one line that no terminal acts upon, which any encoding of Unicode can write."""
    return text.translate(_ESCAPES).encode("utf-8", "backslashreplace").decode("utf-8")


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, the place, and where there is one the error with its traceback.

    Args:
        redact: Masks secrets.
    """

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _said(record, self._redact),
            **place().as_dict(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            kind, error = record.exc_info[0].__name__, record.exc_info[1]
            said, trace = _bounded(str(error), self._redact), _trace(record, self._redact)
            line["error"] = {"type": kind, "message": said, "trace": trace}
        # ASCII only: whatever could forge a line or steer a terminal arrives escaped.
        return json.dumps(self._redact.within(line))


class Lines(logging.Formatter):
    """Text for people: one line a record; a traceback's lines stand indented under it.

    Args:
        redact: Masks secrets.
        full: Time, level and logger stand in front; otherwise whoever prints the line adds what it likes.
    """

    def __init__(self, redact: Redactor, full: bool = True) -> None:
        super().__init__()
        self._redact, self._full = redact, full

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's text."""
        text = escaped(_said(record, self._redact))
        if self._full:
            time = dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")
            text = f"{time} {record.levelname} {record.name}: {text}"
        where = " ".join(f"{name}={escaped(self._redact(str(value)))}" for name, value in place().as_dict().items())
        if where:
            text = f"{text} [{where}]"
        if record.exc_info and record.exc_info[0] is not None:
            trace = _trace(record, self._redact).split("\n")
            text = "\n".join([text, *(f"    | {escaped(line)}" for line in trace)])
        return text


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to whatever standard error is at the time: a test, or a supervisor, may have put another in its place."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]  # an attribute of the base, asked anew each time here
        return sys.stderr


def start(level: int, form: Form = "text", handler: logging.Handler | None = None) -> None:
    """Log to standard error; a second call takes the first one's place, and handlers of others stay.

    Args:
        level: Of our own loggers; others' are heard from warnings on.
        form: Text for people, or JSON lines.
        handler: Where text goes instead, such as a handler of rich.
    """
    redact = Redactor()
    if form == "json" or handler is None:
        handler = _StandardError()
        handler.setFormatter(JsonLines(redact) if form == "json" else Lines(redact))
    else:
        handler.setFormatter(Lines(redact, full=False))
    handler.set_name(_OURS)
    root = logging.getLogger()
    for other in [one for one in root.handlers if one.get_name() == _OURS]:
        root.removeHandler(other)
        other.close()
    root.addHandler(handler)
    logging.getLogger("nest_builder").setLevel(level)


def started() -> bool:
    """Return whether ``start`` was called."""
    return any(one.get_name() == _OURS for one in logging.getLogger().handlers)


def level_of(name: str) -> int:
    """Return logging's number for a level of the settings."""
    return logging.getLevelNamesMapping()[name.upper()]


def _said(record: logging.LogRecord, redact: Redactor) -> str:
    """Return a record's message without secrets."""
    return _bounded(record.getMessage(), redact)


def _trace(record: logging.LogRecord, redact: Redactor) -> str:
    """Return an error's traceback without secrets; its end says more than its beginning."""
    assert record.exc_info
    return _bounded("".join(traceback.format_exception(*record.exc_info)).rstrip("\n"), redact, keep_end=True)


def _bounded(text: str, redact: Redactor, keep_end: bool = False) -> str:
    """Return text of bounded length without secrets. Those are masked first: half a secret would not be known for one."""
    reach = 4 * _MAX_TEXT
    text = redact(text[-reach:] if keep_end else text[:reach])
    if len(text) <= _MAX_TEXT:
        return text
    return f"... {text[-_MAX_TEXT:]}" if keep_end else f"{text[:_MAX_TEXT]} ..."
