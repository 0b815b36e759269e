"""A local Label Studio: its installation and its process, with a stand-in for the program itself."""

import json
import stat
import sys
from pathlib import Path

import pytest

from nest_builder.config import ReviewSettings
from nest_builder.review import local
from nest_builder.review.wire import ReviewError

# Answers as Label Studio does at its start, and notes what it was given.
PROGRAM = f"""#!{sys.executable}
import http.server, json, os, pathlib, sys
arguments = sys.argv[1:]
folder = pathlib.Path(arguments[arguments.index("--data-dir") + 1])
folder.mkdir(exist_ok=True)
(folder / "seen.json").write_text(json.dumps([arguments, dict(os.environ)]))
if os.environ["LABEL_STUDIO_USERNAME"] == "broken":
    sys.exit(3)
class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, text):
        self.send_response(200); self.end_headers(); self.wfile.write(text.encode())
    def do_GET(self):
        self.answer("ok")
    def do_POST(self):
        right = self.headers["Authorization"] == "Token " + os.environ["LABEL_STUDIO_USER_TOKEN"]
        self.answer(json.dumps({{"token": "personal"}} if right else {{}}))
    def log_message(self, *parts):
        pass
http.server.HTTPServer(("127.0.0.1", int(arguments[arguments.index("--port") + 1])), Handler).serve_forever()
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    file = tmp_path / "label-studio"
    file.write_text(PROGRAM)
    file.chmod(0o755)
    return file


def test_start_and_stop(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "of another server")
    folder = tmp_path / "data"
    server = local.LocalServer(program, folder, 0)
    login = server.start()
    assert (login.url, login.token) == (f"http://127.0.0.1:{server.port}", "personal")
    with pytest.raises(ReviewError, match="is taken"):
        local.LocalServer(program, tmp_path / "other", server.port).start()
    server.stop()
    with server:  # again: the same login
        kept = json.loads((folder / "login.json").read_text())
        assert (kept["email"], kept["password"], kept["token"]) == (login.email, login.password, login.token)
    assert stat.S_IMODE((folder / "login.json").stat().st_mode) == 0o600
    arguments, environment = json.loads((folder / "data" / "seen.json").read_text())
    assert login.password not in " ".join(arguments)
    assert environment["LABEL_STUDIO_PASSWORD"] == login.password
    assert "LABEL_STUDIO_API_KEY" not in environment
    assert environment["COLLECT_ANALYTICS"] == "false"
    assert arguments[arguments.index("--internal-host") + 1] == "127.0.0.1"


def test_a_server_that_does_not_come_up(program: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "login.json").write_text(
        json.dumps({"email": "broken", "password": "p", "first_token": "f", "token": ""})
    )
    with pytest.raises(ReviewError, match="ended with status 3"):
        local.LocalServer(program, folder, 0).start()


def test_install_once_and_again_after_a_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, ran = tmp_path / "environment", []

    def run(command: list[str]) -> None:
        ran.append(command)
        (folder / "bin").mkdir(parents=True, exist_ok=True)
        if command[-1].startswith("label-studio=="):
            (folder / "bin" / "label-studio").touch()

    monkeypatch.setattr(local, "_run", run)
    assert local.install(folder) == folder / "bin" / "label-studio"
    assert len(ran) == 3
    assert str(local.CONSTRAINTS) in ran[-1]
    local.install(folder)
    assert len(ran) == 3
    (folder / ".ready").unlink()  # as a kill in the middle leaves it
    local.install(folder)
    assert len(ran) == 6


def test_an_installation_that_fails_says_why() -> None:
    with pytest.raises(ReviewError, match="no such option"):
        local._run([sys.executable, "-m", "pip", "install", "--no-such-option"])


def test_where_the_environment_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert local.environment_folder(ReviewSettings()) == Path(f"/caches/nest-builder/label-studio-{local.VERSION}")
    assert local.environment_folder(ReviewSettings(environment="/mine")) == Path("/mine")


def test_the_constraints_pin_this_version() -> None:
    assert f"label-studio=={local.VERSION}\n" in local.CONSTRAINTS.read_text(encoding="utf-8")
