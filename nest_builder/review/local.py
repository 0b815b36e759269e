"""A Label Studio on this machine, in an environment of its own, for one person or for a test."""

import hashlib
import json
import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from nest_builder.config import DATA, ReviewSettings
from nest_builder.review.wire import ReviewError

log = logging.getLogger(__name__)

VERSION = "1.23.2"
CONSTRAINTS = DATA / "label_studio" / "constraints.txt"
FIRST_START_SECONDS = 600.0  # the migrations take 50 s on an idle machine
_STOP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Login:
    """How to come in.

    Attributes:
        url: The server's address.
        email: Of the one user.
        password: Of that user, for the page.
        token: A personal access token, for push and pull.
    """

    url: str
    email: str
    password: str
    token: str


def environment_folder(settings: ReviewSettings) -> Path:
    """Return where Label Studio's environment is or will be."""
    if settings.environment is not None:
        return Path(settings.environment)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "nest-builder" / f"label-studio-{VERSION}"


def install(folder: Path) -> Path:
    """Install Label Studio in an environment of its own, unless it is there, and return its command.

    A marker is written last, with the constraints' hash, so that an installation that was cut short is made again.

    Raises:
        ReviewError: The environment cannot be made.
    """
    command = folder / "bin" / "label-studio"
    marker, wanted = folder / ".ready", hashlib.sha256(CONSTRAINTS.read_bytes()).hexdigest()
    if command.exists() and marker.exists() and marker.read_text(encoding="ascii") == wanted:
        return command
    log.info("installing Label Studio %s in %s (a few minutes, 1 GB)", VERSION, folder)
    shutil.rmtree(folder, ignore_errors=True)
    python = folder / "bin" / "python"
    _run([sys.executable, "-m", "venv", str(folder)])
    _run([str(python), "-m", "pip", "install", "--quiet", "--upgrade", "pip"])
    pinned = ["--constraint", str(CONSTRAINTS), f"label-studio=={VERSION}"]
    _run([str(python), "-m", "pip", "install", "--quiet", *pinned])
    marker.write_text(wanted, encoding="ascii")
    return command


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = " / ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
        raise ReviewError(f"{' '.join(command[:4])} ... failed: {tail[:500]}")


class LocalServer:
    """A Label Studio of this machine on loopback. To be used as a context manager: it ends with the block.

    Args:
        command: Label Studio's command; see `install`.
        folder: Where its database, its pictures and the login are kept.
        port: Of the address; 0 takes a free one.
        waiting: Told the seconds waited so far, while the server starts.
    """

    def __init__(
        self, command: Path, folder: Path, port: int = 8080, waiting: Callable[[float], None] = lambda seconds: None
    ) -> None:
        self._command, self._folder, self._waiting = command, folder, waiting
        self.port = port or _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Login:
        """Start the server, wait until it answers, and return how to come in. The first start makes the user.

        Raises:
            ReviewError: The port is taken, or the server does not come up.
        """
        if _answers(self.port):
            raise ReviewError(f"port {self.port} is taken: is Label Studio running already? Choose another with --port")
        self._folder.mkdir(parents=True, exist_ok=True)
        secret = self._secret()
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("LABEL_STUDIO_", "DJANGO_"))},
            "LABEL_STUDIO_USERNAME": secret["email"],
            "LABEL_STUDIO_PASSWORD": secret[
                "password"
            ],  # not on the command line, which every user of the machine sees
            "LABEL_STUDIO_USER_TOKEN": secret["first_token"],
            "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",  # to get a personal access token with, see _token
            "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
            # Its one user owns the machine and may as well reach its ports: else webhooks to loopback are refused.
            "SSRF_PROTECTION_ENABLED": "false",
            "COLLECT_ANALYTICS": "false",
            "LATEST_VERSION_CHECK": "false",
            "SENTRY_DSN": "",
            "FRONTEND_SENTRY_DSN": "",
        }
        arguments = ["start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(self.port)]
        with (self._folder / "server.log").open("ab") as output:
            self._process = subprocess.Popen(
                [str(self._command), *arguments, "--data-dir", str(self._folder / "data"), "--log-level", "WARNING"],
                env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        try:
            self._wait()
            return Login(self.url, secret["email"], secret["password"], self._token(secret))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server, gently and then firmly."""
        if self._process is None:
            return
        for how in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is None:
                os.killpg(self._process.pid, how)
                try:
                    self._process.wait(_STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    log.warning("Label Studio does not end")
        self._process = None

    def wait(self) -> int:
        """Wait until the server ends by itself, and return its exit status."""
        assert self._process is not None
        return self._process.wait()

    def _wait(self) -> None:
        assert self._process is not None
        began = time.monotonic()
        while not _answers(self.port) or not self._healthy():
            waited = time.monotonic() - began
            if (status := self._process.poll()) is not None:
                raise ReviewError(f"Label Studio ended with status {status}: see {self._folder / 'server.log'}")
            if waited > FIRST_START_SECONDS:
                raise ReviewError(f"no answer after {waited:.0f} s: see {self._folder / 'server.log'}")
            self._waiting(waited)
            time.sleep(0.5)

    def _healthy(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=10).is_success
        except httpx.HTTPError:
            return False

    def _secret(self) -> dict[str, str]:
        """Return the login, made up at the first start and kept where only this user reads it."""
        file = self._folder / "login.json"
        if not file.exists():
            made = {
                "email": "reviewer@nest.local",
                "password": secrets.token_urlsafe(12),
                "first_token": secrets.token_hex(20),
                "token": "",
            }
            _write_private(file, made)
        kept: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
        return kept

    def _token(self, secret: dict[str, str]) -> str:
        """Return a personal access token, asked for once with the legacy token that the first start was given."""
        if not secret["token"]:
            headers = {"Authorization": f"Token {secret['first_token']}"}
            try:
                answer = httpx.post(f"{self.url}/api/token/", headers=headers, timeout=60).raise_for_status()
                secret["token"] = str(answer.json()["token"])
            except (httpx.HTTPError, KeyError, ValueError) as error:
                raise ReviewError(f"no personal access token: {type(error).__name__}: {error}") from error
            _write_private(self._folder / "login.json", secret)
        return secret["token"]


def _write_private(file: Path, content: dict[str, str]) -> None:
    partial = file.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        json.dump(content, out)
    partial.replace(file)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
