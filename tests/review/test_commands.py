"""``nest review`` on the command line, with a Label Studio in memory."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from nest_builder.cli import app
from nest_builder.review.local import Login
from tests.builders import fill_store, new_store
from tests.review.fakes import FakeServer
from tests.review.label_studio import choice


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    made = FakeServer()
    monkeypatch.setattr("nest_builder.review.client.connect", lambda settings: made)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "t")
    return made


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    store = new_store(tmp_path)
    fill_store(store, 7)
    store.close()
    return tmp_path


def review(workdir: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["review", *arguments, "--workdir", str(workdir)])


def test_push_pull_and_status(workdir: Path, server: FakeServer) -> None:
    pushed = json.loads(review(workdir, "push", "--below", "1.01", "--limit", "5", "--json").stdout)
    assert (pushed["asked"], pushed["made"], pushed["left_out"]) == (5, 5, {})
    assert list(server.projects) == ["NEST 2025.10", "NEST pictures"]  # the edition of the embedded profile's clock
    server.say(1, choice("is_target", "no"), was_cancelled=True)
    server.say(2, choice("is_target", "no"))
    pulled = json.loads(review(workdir, "pull", "--json").stdout)
    assert (pulled["new"], pulled["unusable"]) == (1, {"skipped by the reviewer": 1})
    (edition,) = json.loads(review(workdir, "status", "--json").stdout)["editions"]
    assert (edition["decisions"], edition["tasks"], edition["open"]) == ({"reject": 1}, 5, 3)
    assert edition["pulled_at"]


def test_start_says_the_whole_token_however_narrow_the_terminal(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = "t" * 300

    class Local:
        def __init__(self, command: Path, folder: Path, port: int) -> None:
            self.stopped = False

        def start(self) -> Login:
            return Login("http://127.0.0.1:8080", "reviewer@nest.local", "secret", token)

        def wait(self) -> None:
            raise KeyboardInterrupt

        def stop(self) -> None:
            self.stopped = True

    monkeypatch.setattr("nest_builder.review.local.install", lambda folder: Path("label-studio"))
    monkeypatch.setattr("nest_builder.review.local.LocalServer", Local)
    monkeypatch.setattr("signal.signal", lambda *_: None)  # of the tests' own process
    said = review(workdir, "start").stdout.splitlines()
    assert f"export LABEL_STUDIO_API_KEY={token}" in said
    assert "export NEST_REVIEW__URL=http://127.0.0.1:8080" in said


def test_in_words(workdir: Path, server: FakeServer) -> None:
    assert "nothing pushed yet" in review(workdir, "status").stdout
    assert "7 samples: 7 tasks made, 0 were there" in review(workdir, "push", "--below", "1.01").stdout
    server.say(1, choice("is_target", "no"), was_cancelled=True)
    said = review(workdir, "pull").stdout
    assert "0 new decisions" in said
    assert "no decision, skipped by the reviewer: 1" in said
    assert "2025.10" in review(workdir, "status").stdout


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["push"], "the routing sends no sample to people"),
        (["push", "--below", "0.01"], "no sample is under 0.01"),
        (["pull"], "`nest review push` makes it"),
        (["pull", "--edition", "other"], "`nest review push` makes it"),
        (["listen"], "`nest review push` first"),
    ],
)
def test_what_cannot_be_done(workdir: Path, server: FakeServer, arguments: list[str], error: str) -> None:
    done = review(workdir, *arguments)
    assert done.exit_code == 1
    assert error in " ".join(done.output.split())


def test_without_a_token_or_a_store(workdir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABEL_STUDIO_API_KEY", raising=False)
    done = review(workdir, "push", "--below", "1.01")
    assert done.exit_code == 1
    assert "no token in LABEL_STUDIO_API_KEY" in " ".join(done.output.split())
    assert "run `nest build` first" in " ".join(review(tmp_path / "empty", "status").output.split())
