"""A run's surroundings, opened and closed in one place: store, clock, the web and, where settings ask for it, the simulated one."""

import datetime as dt
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from nest_builder.clock import Clock, fixed_clock, system_clock
from nest_builder.config import NewsworldSettings, Settings
from nest_builder.operations.metrics import RunMetrics
from nest_builder.store.session import Store, open_store

log = logging.getLogger(__name__)


class LazyNewsworld(Mapping[str, str]):
    """Host pattern -> origin of the simulated web, whose process starts when the first address is asked for.

    A run with nothing to fetch therefore pays nothing for it. The server reads its standard input and ends when that closes, so that
    even a killed run leaves no orphan. A run with a clock of its own sees the web as of that clock: whoever asks for the origin
    first at another time tells the server, over the same input, so that no request is answered from the wrong day.

    Args:
        settings: Its seed and its latency.
        stack: Closes the process at the end of the run.
        clock: Of the run; None, or the system's, for the whole of the web's time.
    """

    PATTERN = "*.newsworld.test"

    def __init__(self, settings: NewsworldSettings, stack: ExitStack, clock: Clock | None = None) -> None:
        self._settings, self._stack, self._origin = settings, stack, ""
        self._clock = None if clock is system_clock else clock
        self._process: subprocess.Popen[str] | None = None
        self._shown: dt.datetime | None = None
        self._lock = threading.Lock()  # fetches come from many threads

    def __getitem__(self, key: str) -> str:
        if key != self.PATTERN:
            raise KeyError(key)
        with self._lock:
            now = self._clock() if self._clock is not None else None
            if not self._origin:
                self._origin = self._start(now)
            elif now is not None and now != self._shown:
                self._say(now)
            self._shown = now
        return self._origin

    def __iter__(self) -> Iterator[str]:
        yield self.PATTERN

    def __len__(self) -> int:
        return 1

    def _start(self, now: dt.datetime | None) -> str:
        seed, latency = str(self._settings.seed), str(self._settings.latency_s)
        command = [sys.executable, "-m", "nest_builder.newsworld.server", "--seed", seed, "--latency", latency]
        as_of = ["--now", now.isoformat()] if now is not None else []
        process = self._process = subprocess.Popen(
            [*command, *as_of, "--announce", "--with-parent"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        self._stack.callback(_stop, process)
        origin = f"http://127.0.0.1:{self._answer()['port']}"
        log.info("newsworld %d answers at %s", self._settings.seed, origin)
        return origin

    def _say(self, now: dt.datetime) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{now.isoformat()}\n")
        self._process.stdin.flush()
        self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(
                f"Newsworld ended (exit status {self._process.wait()}): run `nest newsworld serve` to see why"
            )
        answer: dict[str, Any] = json.loads(line)
        return answer


def _stop(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    process.communicate()


@dataclass(frozen=True, slots=True)
class Workspace:
    """What a run works with.

    Attributes:
        settings: The settings.
        store: The open store.
        clock: The run's clock.
        client: The one polite HTTP client.
        resolve: Host pattern -> origin that answers for it, as the client uses it.
        metrics: Counts what the run does; None where nobody counts.
    """

    settings: Settings
    store: Store
    clock: Clock
    client: Any
    resolve: Mapping[str, str] = field(default_factory=dict)
    metrics: RunMetrics | None = None


def clock_of(settings: Settings) -> Clock:
    """Return the clock of the settings: a fixed one, or the system's."""
    return fixed_clock(settings.now) if settings.now is not None else system_clock


@contextmanager
def open_web(
    settings: Settings, clock: Clock, watch: Callable[[str, str], None] = lambda host, outcome: None
) -> Iterator[tuple[Any, Mapping[str, str]]]:
    """Open the polite client, with the simulated web where the settings ask for it; also yield what answers for which host.

    Args:
        settings: The settings.
        clock: The client's, and the simulated web's.
        watch: See `PoliteClient`.
    """
    from nest_builder.web.client import PoliteClient

    with ExitStack() as stack:
        resolve: Mapping[str, str] = settings.web.resolve
        if settings.newsworld.enabled:
            resolve = LazyNewsworld(settings.newsworld, stack, clock)
        yield stack.enter_context(PoliteClient(settings.web, clock=clock, resolve=resolve, watch=watch)), resolve


@contextmanager
def open_workspace(settings: Settings, clock: Clock | None = None) -> Iterator[Workspace]:
    """Open everything that a run needs, and close it whatever happens.

    Args:
        settings: The settings.
        clock: Instead of theirs: one that moves, for many nights in one process.
    """
    clock = clock or clock_of(settings)
    settings.workdir.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        store = open_store(settings.database_url, settings.blobs_url)
        stack.callback(store.close)
        metrics = RunMetrics(settings)
        client, resolve = stack.enter_context(open_web(settings, clock, metrics.request))
        yield Workspace(settings, store, clock, client, resolve, metrics)
