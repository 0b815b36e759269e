"""What a question has to pass: answered by the article, giving nothing away, and meaning one thing only."""

import re
from collections.abc import Iterable, Mapping

from nest_builder.entities.hypernyms import Lexicon
from nest_builder.entities.names import fold, short_forms
from nest_builder.questions.phrasing import Question, Subject
from nest_builder.reasons import Reason


def mentions(text: str, names: Iterable[str]) -> bool:
    """Return whether ``text`` has one of the names, as whole words; case and punctuation do not matter."""
    folded = f" {_words(text)} "
    return any(f" {_words(name)} " in folded for name in names if _words(name))


def _words(text: str) -> str:
    """Fold a text word by word, so that "K-3," and "K3" are the same and "K3's" still has it."""
    return " ".join(filter(None, (fold(re.sub(r"['’]s$", "", word.strip(".,;:!?()“”\"'’"))) for word in text.split())))


def giveaways(subject: Subject, label: str, lexicon: Lexicon) -> list[str]:
    """Return the names that would give the subject away, without plain words such as "tower".

    Args:
        subject: The target.
        label: Its entity label, which decides on its short forms.
        lexicon: Words that tell no more than what it is.
    """
    names = [subject.name, *subject.aliases, *short_forms(subject.name, label)]
    if subject.person:
        names += subject.name.split()
    return [name for name in names if lexicon.hypernym(name) is None and len(fold(name)) > 1]


def fault(
    question: Question,
    subject: Subject,
    names: Iterable[str],
    support: str,
    holders: Mapping[tuple[str, ...], frozenset[str]],
) -> Reason | None:
    """Return why a question is no good; None where it is.

    Args:
        question: The question.
        subject: Its target.
        names: What would give the target away.
        support: The article's title, text and caption.
        holders: Signature -> keys of the entities that it fits.
    """
    if not mentions(support, [subject.name, *subject.aliases]):
        return Reason.ANSWER_NOT_IN_ARTICLE
    if not question.names_target and mentions(question.text, names):
        return Reason.NAMED_IN_QUESTION
    if holders.get(question.fits, frozenset()) - {subject.key}:
        return Reason.SEVERAL_TARGETS
    return None
