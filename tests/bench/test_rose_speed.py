"""What the benchmark of ROSE's speed counts, with parts that take as long as a test says."""

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from nest_builder.bench import rose_speed
from nest_builder.config import load_settings
from nest_builder.newsworld.questions import Asked
from nest_builder.rose.base import Query, Retrieval
from nest_builder.rose.rose import Rose
from tests.rose.fakes import FakeIrag, FakeSegmenter, FakeTextPrompt, FakeVisualPrompt, mask, picture

NOW = dt.datetime(2025, 10, 1, tzinfo=dt.UTC)


class Clock:
    """Moves when something is done."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class SlowIrag(FakeIrag):
    """Takes a second for each call and a tenth for each question."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def retrieve(self, queries: Sequence[Query]) -> list[Retrieval]:
        self.clock.now += 1 + 0.1 * len(queries)
        return super().retrieve(queries)


def test_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()

    @contextmanager
    def workspace(_: Any) -> Iterator[Any]:
        yield SimpleNamespace(client=None, clock=lambda: NOW)

    def assemble(*_: Any) -> Rose:
        return Rose(FakeSegmenter(), None, SlowIrag(clock), FakeTextPrompt(), FakeVisualPrompt(), clock=clock)

    monkeypatch.setattr(rose_speed, "open_workspace", workspace)
    monkeypatch.setattr(rose_speed, "load_models", lambda _: None)
    monkeypatch.setattr(rose_speed, "assemble", assemble)
    monkeypatch.setattr(rose_speed.time, "perf_counter", clock)
    monkeypatch.setattr(rose_speed.time, "process_time", clock)
    asked = [
        Asked(picture(), f"Who is mayor of town {at}?", mask(3).mask, "Zephyr 9", (), "nest", "novel", NOW)
        for at in range(10)
    ]
    figures, said = rose_speed.measure(load_settings(), asked)
    assert len(said) == 10
    assert figures["samples"] == 10
    assert figures["same_answers"] == 1.0
    assert figures["batch_ms"] == pytest.approx(200)  # (1 + 10 * 0.1) / 10 s
    assert figures["alone_ms"] == figures["in_turn_ms"] == pytest.approx(1100)
    assert figures["speedup_processor"] == figures["speedup"] == pytest.approx(5.5)
    assert figures["irag_alone_ms"] == pytest.approx(500)  # the step's own time, as the part gives it
    assert figures["websense_batch_ms"] == 0.0
