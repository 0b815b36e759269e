"""Map and reduce by a language model. What it says counts only where the passage has it: pages may try to talk it into things."""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Final

from nest_builder.questions.checks import mentions
from nest_builder.rose.answers import reduce
from nest_builder.rose.base import Candidate, LanguageModel
from nest_builder.rose.chunks import Ranked
from nest_builder.rose.evidence import Evidence, independent
from nest_builder.rose.reading import ReadPage
from nest_builder.rose.rewrite import Need

log = logging.getLogger(__name__)

MAX_CALLS: Final = 8  # passages of one question that the model reads
MAX_NAME: Final = 80
_UNCHOSEN: Final = 0.3
_MAP: Final = (
    "Answer a question from a passage of a web page, and from nothing else. Reply with one line: the name that answers it, exactly as"
    " it stands in the passage, then a vertical bar, then a number from 0 to 1 that says how sure the passage makes it."
    " A rumour is not an answer. Reply NONE where the passage does not answer it. The question: "
)
_REDUCE: Final = (
    "Each line of the data is a possible answer to a question, the date of a page and what that page says, separated by vertical"
    " bars. Reply with the one answer that is right at the time asked about, exactly as it stands there, and nothing else."
    " Reply NONE where none is. The question: "
)


def ask_model(
    language: LanguageModel, need: Need, ranked: Sequence[Ranked], read: Mapping[str, ReadPage]
) -> list[Candidate]:
    """Return the candidate answers that a language model finds in the nearest passages.

    Args:
        language: The model.
        need: What is looked up.
        ranked: Passages, the nearest first.
        read: Their pages.

    Raises:
        OSError: The model cannot be reached.
    """
    sources = independent(list(read.values()))
    labels = {name.name: name.label for page in read.values() for name in page.names}
    evidence: list[Evidence] = []
    for item in ranked[:MAX_CALLS]:
        passage = item.passage
        dated = f" ({passage.published_at:%d %B %Y})" if passage.published_at else ""
        found = _answer(language.complete(_MAP + need.text, f"{passage.title}{dated}\n{passage.text}"))
        if found is None:
            continue
        name, sure = found
        if not mentions(f"{passage.title} {passage.text}", [name]):
            log.info("an answer that its passage does not have is dropped: %r", name)
            continue
        date = passage.published_at.date() if passage.published_at else None
        evidence.append(Evidence(name, labels.get(name, "PERSON"), sure, sources[passage.url], passage, date))
    candidates = reduce(evidence)
    if len(candidates) < 2:
        return candidates
    lines = [
        f"{item.name} | {item.said or 'undated'} | {' '.join(item.passage.text.split())[:400]}" for item in evidence
    ]
    chosen = language.complete(_REDUCE + need.text, "\n".join(lines)).strip().strip(".\"'")
    if not any(chosen.casefold() == candidate.text.casefold() for candidate in candidates):
        return candidates
    weighed = [
        Candidate(
            item.text,
            item.confidence * (1.0 if item.text.casefold() == chosen.casefold() else _UNCHOSEN),
            item.sources,
        )
        for item in candidates
    ]
    return sorted(weighed, key=lambda item: -item.confidence)


def _answer(reply: str) -> tuple[str, float] | None:
    """Read "name | 0.9"; None for no answer and for what is none."""
    line = next((text.strip() for text in reply.splitlines() if text.strip()), "")
    name, _, sure = line.partition("|")
    name = name.strip().strip(".\"'")
    if not name or name.upper() == "NONE" or len(name) > MAX_NAME:
        return None
    number = re.search(r"\d*\.?\d+", sure)
    return name, max(0.05, min(1.0, float(number.group()))) if number else 0.5
