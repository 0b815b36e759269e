"""TPE, the textual prompt enhancer: the question, its answer, and what is known of the answer, as one prompt.

What comes from pages is data. It reaches the prompt only as plain declarative sentences about the answer, few and short; what
speaks to a reader or to a model, or is not plain text, does not.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from nest_builder.entities.base import KnowledgeBase
from nest_builder.entities.dates import DATE
from nest_builder.entities.hypernyms import Lexicon, lexicon
from nest_builder.entities.looks import COLOUR
from nest_builder.questions.checks import mentions
from nest_builder.rose.base import Candidate, Passage
from nest_builder.sections import Section

MAX_NAME: Final = 80  # characters of an answer
_WORDS: Final = (4, 40)  # of a sentence that is worth anything and is one
_SENTENCE: Final = re.compile(r"(?<=[.!?])[”\"’)]*\s+(?=[“\"‘(]?[A-ZÀ-Þ0-9])|\n+")
# Letters, figures and the punctuation of prose; no brackets, markup, addresses, or invisible characters.
_PLAIN: Final = re.compile(r"[\w\s.,;:'’‘“”\"()€$£%&/–—+-]+")
_NOT_PROSE: Final = re.compile(r"https?|www\.|\w@\w|//|__|\.\w+\(|\b(?:seg|img|inst|sys)\b_?", re.IGNORECASE)
# Speech to the reader or to a model, and orders; a news sentence about a thing needs none of these words.
_ADDRESS: Final = re.compile(
    r"\b(?:you|your|yours|yourself|please|ignore|disregard|forget|obey|instead of (?:the|this)|instructions?|prompts?"
    r"|(?:ai|language|large|chat) (?:model|assistant)s?|assistant|system message|as an ai|segment(?:ed|ing)?|masks?|answer(?:s|ed)?"
    r"|respond|reply|output|user|click|subscribe|cookies?|sign up|log in|must now|from now on)\b",
    re.IGNORECASE,
)
_ORDER: Final = re.compile(
    r"^(?:do|don['’]t|never|always|say|write|print|return|choose|select|pick|use|note|remember|let)\b", re.I
)
_ROLE: Final = re.compile(
    r"\b(?:mayor|minister|president|chair\w*|head|chief|captain|coach|champion|winner|director|holder|leader|editor|maker|owner"
    r"|mascot|spokes\w+|elected|appointed|sworn in|took over|won|is made|made by|designed by|launched|unveiled|opened)\b",
    re.IGNORECASE,
)


class TextPromptSettings(Section):
    """How much background a prompt carries: more of it than a segmenter was trained with only distracts it."""

    max_characters: int = 260
    max_sentences: int = 2


@dataclass(frozen=True, slots=True)
class _Told:
    """A sentence, where it was said, and how much it tells."""

    text: str
    order: int
    score: int


def search_prompt(answer: str) -> str:
    """Return the prompt of the paper's search-only baselines: the answer alone."""
    return f"Please segment {clean_name(answer)}."


def enhanced_prompt(question: str, answer: str, background: str) -> str:
    """Return the question with its answer and background; without the latter where there is none."""
    asked = " ".join(question.split())
    told = f" Background: {background}" if background else ""
    return f"{asked} Answer: {clean_name(answer)}.{told}"


def clean_name(text: str) -> str:
    """Return a name as plain words: no brackets, tokens of a model, or line breaks, and no more than a name's length."""
    kept = re.sub(r"<[^>]*>|\[[^\]]*\]|\{[^}]*\}", " ", text)
    kept = re.sub(r"[^\w\s.,'’&/+–-]", " ", kept)
    return " ".join(kept.split())[:MAX_NAME].strip(" .,-–/")


def plain_sentences(text: str) -> list[str]:
    """Split a page's text and keep what is a plain declarative sentence that speaks to nobody."""
    found = (" ".join(part.split()) for part in _SENTENCE.split(text))
    return [sentence for sentence in found if is_plain(sentence)]


def is_plain(sentence: str) -> bool:
    """Tell whether a text is one declarative sentence of prose: no markup, no question, no order, no speech to a reader."""
    low, high = _WORDS
    return (
        low <= len(sentence.split()) <= high
        and sentence[:1].isupper()
        and sentence.endswith((".", ".”", '."'))
        and _PLAIN.fullmatch(sentence) is not None
        and not any(pattern.search(sentence) for pattern in (_NOT_PROSE, _ADDRESS, _ORDER))
    )


def background(
    answer: str, passages: Iterable[Passage], description: str = "", limits: TextPromptSettings | None = None
) -> str:
    """Describe an answer: its kind and look first, then the sentences that tell most of it.

    A sentence counts if it names the answer, and more for its look, its kind, its role and a date, in this order; equals count
    in the order of the passages, the most telling of which come first.

    Args:
        answer: The name.
        passages: What was retrieved with the name as the search term.
        description: Kind and look where they are known, such as "a phone, teal with white stripes".
        limits: How long it may get.

    Returns:
        Plain sentences, at most `limits.max_characters` long; "" where nothing fits.
    """
    limits, name = limits or TextPromptSettings(), clean_name(answer)
    kept: list[str] = []
    if description and is_plain(first := f"{name[:1].upper()}{name[1:]} is {description.strip().rstrip('.')}."):
        kept.append(first)
    told = sorted(_telling(name, passages), key=lambda one: (-one.score, one.order))
    for one in told[: 4 * limits.max_sentences]:
        if sum(map(len, kept)) + len(kept) + len(one.text) <= limits.max_characters and one.text not in kept:
            kept.append(one.text)
        if len(kept) >= limits.max_sentences:
            break
    return " ".join(kept)[: limits.max_characters]


def _telling(name: str, passages: Iterable[Passage]) -> list[_Told]:
    names = _names(name)
    texts = dict.fromkeys(sentence for passage in passages for sentence in plain_sentences(passage.text))
    return [_Told(text, order, _score(text)) for order, text in enumerate(texts) if mentions(text, names)]


def _names(name: str) -> list[str]:
    """The full name, and the last word by which a second mention goes, unless it is a plain word for a kind."""
    last = name.split()[-1] if name else ""
    return [name, last] if len(last) > 2 and _lexicon().hypernym(last) is None else [name]


def _score(sentence: str) -> int:
    signs = (
        (8, COLOUR.search(sentence)),
        (4, _lexicon().pattern.search(sentence)),
        (2, _ROLE.search(sentence)),
        (1, DATE.search(sentence)),
    )
    return sum(weight for weight, sign in signs if sign)


@cache
def _lexicon() -> Lexicon:
    return lexicon()


class TextPrompt:
    """Makes prompts of questions and their answers.

    Args:
        settings: How much background a prompt carries.
        known: What the segmenter knows: of such an answer its name says all, and more words only distract a small model (LISA-tiny on
            the emerging questions of three worlds: 0.6 to 0.9 points less with them). None: every answer is described.
    """

    def __init__(self, settings: TextPromptSettings | None = None, known: KnowledgeBase | None = None) -> None:
        self._settings, self._known = settings or TextPromptSettings(), known

    def enhance(self, question: str, answer: Candidate) -> str:
        """Return the prompt for the segmenter: question, answer, and what the answer's sources say of it where it is not known."""
        if self._known is not None and self._known.find(answer.text) is not None:
            return search_prompt(answer.text)
        sources: Sequence[Passage] = answer.sources
        return enhanced_prompt(
            question, answer.text, background(answer.text, sources, answer.description, self._settings)
        )
