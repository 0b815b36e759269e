"""Logs: one record is one line, which says where the work was, and no secret."""

import gc
import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from nest_builder.cli import app
from nest_builder.commands.common import complain
from nest_builder.operations import logs
from nest_builder.operations.context import Place, at, followed, place
from nest_builder.stage import Item

log = logging.getLogger("nest_builder.tests.operations")
HOSTILE = "title\n2026-01-01 ERROR root: forged\r\x1b[2J\x9b1mred\u202egnp.exe\u2028x\x00\x85\ud800"


class Written:
    """What stands on standard error so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys, self._text = capsys, ""

    def getvalue(self) -> str:
        self._text += self._capsys.readouterr().err
        return self._text


def _nothing(_record: logging.LogRecord) -> bool:
    return False


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Iterator[Written]:
    """Return what is written on standard error; our handler goes with the test."""
    root = logging.getLogger()
    pytests = list(root.handlers)
    for (
        handler
    ) in pytests:  # what pytest captures goes into its report, which pytest-xdist sends as UTF-8: not a lone surrogate
        handler.addFilter(_nothing)
    yield Written(capsys)
    for handler in pytests:
        handler.removeFilter(_nothing)
    for handler in [one for one in root.handlers if one.get_name() == "nest"]:
        root.removeHandler(handler)
    logging.getLogger("nest_builder").setLevel(logging.NOTSET)


def objects(written: Written) -> list[dict[str, object]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_json_lines_carry_run_stage_batch_and_item(written: Written) -> None:
    logs.start(logging.INFO, "json")
    with at(run="build-1", stage="gather", batch=3):
        for item in followed((Item("a", ""), Item("b", ""))):
            log.info("looking at %s", item.key)
        log.warning("after the items")
    log.info("outside")
    lines = objects(written)
    where = {"run": "build-1", "stage": "gather", "batch": 3}
    assert [{k: v for k, v in line.items() if k not in ("time", "logger")} for line in lines] == [
        {"level": "info", "message": "looking at a", **where, "item": "a"},
        {"level": "info", "message": "looking at b", **where, "item": "b"},
        {"level": "warning", "message": "after the items", **where},
        {"level": "info", "message": "outside"},
    ]
    assert str(lines[0]["time"]).endswith("+00:00")
    assert lines[0]["logger"] == log.name


@pytest.mark.parametrize("form", ["json", "text"])
def test_hostile_text_forges_no_line_and_steers_no_terminal(written: Written, form: logs.Form) -> None:
    logs.start(logging.INFO, form)
    with at(item=HOSTILE):
        log.warning("%s", HOSTILE)
    (line,) = written.getvalue().splitlines()
    assert not any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in line)
    assert not set("\u202e\u2028\ud800") & set(line)
    line.encode("utf-8")
    if form == "json":
        assert json.loads(line)["message"] == HOSTILE


@pytest.mark.parametrize("form", ["json", "text"])
def test_an_errors_text_cannot_pass_for_a_line(written: Written, form: logs.Form) -> None:
    logs.start(logging.INFO, form)
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        log.exception("it failed")
    first, *rest = written.getvalue().splitlines()
    if form == "json":
        assert rest == []
        error = json.loads(first)["error"]
        assert (error["type"], error["message"]) == ("ValueError", HOSTILE)
        assert "test_logs.py" in error["trace"]
    else:
        assert rest
        assert all(line.startswith("    | ") for line in rest)
        assert not any("\x1b" in line for line in rest)


@pytest.mark.parametrize("form", ["json", "text"])
def test_secrets_do_not_appear(written: Written, form: logs.Form, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAVE_API_KEY", "a-quite-plain-key")
    logs.start(logging.INFO, form)
    with at(item="https://me:hunter22@a.example/x"):
        log.info("asked %s with %s", "postgresql://nest:hunter22@db/nest", {"token": "hunter22"})
        log.info("key a-quite-plain-key")
        try:
            raise OSError("https://tok:hunter22@b.example refused")
        except OSError:
            log.exception("no answer")
    assert "hunter22" not in written.getvalue()
    assert "a-quite-plain-key" not in written.getvalue()
    assert "a.example" in written.getvalue()


def test_a_message_without_end_is_cut(written: Written) -> None:
    logs.start(logging.INFO, "json")
    log.info("%s", "x" * 10_000_000)
    assert len(written.getvalue()) < 10_000


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_half_of_a_secret_is_left_where_a_message_is_cut(
    written: Written, form: logs.Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAVE_API_KEY", "0123456789abcdefghij")
    logs.start(logging.INFO, form)
    log.info("%s", "x" * 7990 + "0123456789abcdefghij" + "y" * 100)
    assert "01234" not in written.getvalue().partition("x" * 100)[2]


def test_a_second_start_takes_the_firsts_place_and_leaves_others_alone(written: Written) -> None:
    others = [one for one in logging.getLogger().handlers if one.get_name() != "nest"]
    logs.start(logging.INFO, "json")
    logs.start(logging.WARNING, "text")
    log.info("too low")
    log.warning("once")
    assert written.getvalue().count("once") == 1
    assert "too low" not in written.getvalue()
    assert [one for one in logging.getLogger().handlers if one.get_name() != "nest"] == others


def test_the_place_is_that_of_the_loop_even_when_it_is_left_early() -> None:
    items = followed((Item("a", ""), Item("b", "")))
    with at(stage="s"):
        for _ in items:
            assert place() == Place(stage="s", item="a")
            break
        assert place() == Place(stage="s")
        with pytest.raises(ZeroDivisionError):
            [1 // (len(item.key) - 1) for item in items]
        assert place() == Place(stage="s")
        assert [item.key for item in list(items)] == ["a", "b"]
    assert place() == Place()
    assert (len(items), items[1].key, list(items)) == (2, "b", [Item("a", ""), Item("b", "")])


def test_an_error_in_the_loop_leaves_no_place_behind() -> None:
    def work() -> None:
        items = iter(followed([Item("a", "")]))  # a comprehension holds it like this
        for item in items:
            raise ValueError(item.key)

    caught = []
    with at(run="r"):
        try:
            work()
        except ValueError as error:
            caught.append(error)  # and with it, in its traceback, the loop
    assert place() == Place()
    caught.clear()
    gc.collect()
    assert place() == Place()


def test_a_thread_that_is_handed_the_context_knows_the_place() -> None:
    with at(run="r"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(copy_context().run, place).result() == Place(run="r")


@pytest.mark.parametrize(
    ("options", "settings", "form"),
    [
        ([], "", "text"),
        (["--log-format", "json"], "", "json"),
        ([], '[log]\nformat = "json"', "json"),
        (["--log-format", "text"], '[log]\nformat = "json"', "text"),
    ],
)
def test_the_format_is_chosen_by_the_command_line_or_by_settings(
    tmp_path: Path, written: Written, monkeypatch: pytest.MonkeyPatch, options: list[str], settings: str, form: str
) -> None:
    monkeypatch.setattr(logging, "captureWarnings", lambda on: None)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    file = tmp_path / "nest.toml"
    file.write_text(settings)
    CliRunner().invoke(app, [*options, "status", "--workdir", str(tmp_path), "--config", str(file)])
    (handler,) = [one for one in logging.getLogger().handlers if one.get_name() == "nest"]
    assert isinstance(handler.formatter, logs.JsonLines if form == "json" else logs.Lines)


def test_an_unexpected_error_is_a_line_like_any_other(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(f"no {HOSTILE} at https://me:hunter22@a.example")

    monkeypatch.setattr(typer.Typer, "__call__", fail)
    with pytest.raises(RuntimeError):
        app()  # before logging has begun, Python says it
    logs.start(logging.WARNING, "json")
    with pytest.raises(SystemExit) as ended:
        app()
    (line,) = objects(written)
    assert (ended.value.code, line["level"]) == (1, "critical")
    assert "hunter22" not in str(line)
    assert line["error"]["type"] == "RuntimeError"  # type: ignore[index]


def test_complaints_steer_no_terminal_and_hold_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    complain("first: \x1b[2J https://me:hunter22@a.example\nsecond")
    said = capsys.readouterr().err
    assert "\\x1b[2J" in said
    assert "hunter22" not in said
    assert said.splitlines()[-1] == "second"
