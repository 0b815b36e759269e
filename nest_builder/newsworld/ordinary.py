"""Ordinary questions of the simulated web, for NEST+: the settings' ``export.ordinary`` names this function."""

from collections.abc import Iterator

from nest_builder.export.plus import Kind, Ordinary
from nest_builder.newsworld.questions import reasoning_questions, referring_questions

_SEED = 0  # of the questions: NEST+ of every edition draws from one list


def ordinary_questions(kind: Kind, count: int) -> Iterator[Ordinary]:
    """Yield so many questions that need no search, about fresh pictures of nameless things."""
    make = reasoning_questions if kind == "reasoning" else referring_questions
    for number, one in enumerate(make(count, _SEED)):
        yield Ordinary(f"newsworld {number}", one.image, one.text, one.mask)
