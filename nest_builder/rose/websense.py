"""WebSense: whether a question needs the web at all. Rules first; a language model or a small classifier for what they leave open."""

import datetime as dt
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from PIL import Image

from nest_builder.entities.base import KnowledgeBase, Recognizer
from nest_builder.entities.dates import DATE
from nest_builder.entities.hypernyms import Lexicon, lexicon
from nest_builder.entities.names import fold
from nest_builder.entities.roles import RoleBook, role_key
from nest_builder.rose.base import LanguageModel, Query, Step
from nest_builder.rose.rewrite import Need, read_need
from nest_builder.rose.websense_model import OpenQuestions
from nest_builder.segmenters.base import ReferringSegmenter

Outcome = Literal["retrieve", "skip", "open"]
_TIME: Final = re.compile(
    r"\b(?:currently|current|latest|newest|most recent(?:ly)?|recent(?:ly)?|nowadays|these days|at the moment|incumbent|reigning"
    r"|upcoming|up-to-date|yesterday|today|tonight|(?:this|last|next) (?:year|month|week|season|summer|winter|spring|autumn|fall)"
    r"|brand[- ]new|just (?:been )?(?:launched|released|announced|elected|won|signed|unveiled))\b",
    re.I,
)
# Words of events, of fame and of offices: without a name they may speak of the news, or of what is plainly to be seen.
_CUE: Final = re.compile(
    r"\b(?:who is|who was|whose|named|called|known as|famous|celebrit\w+|news|headlines?|viral|trending|announc\w+|launch\w*"
    r"|releas\w+|unveil\w*|introduc\w+|elect\w*|appoint\w*|resign\w*|arrest\w*|sign(?:s|ed)|scor(?:es?|ed|ing)|hit|won|wins|win"
    r"|winn(?:er|ing)|beat|lost|los(?:es|er)|defeat\w*|award\w*|champion\w*|record\w*|medal\w*|title|trophy|prize|president"
    r"|minister|mayor|governor|ceo|chief|captain|coach|director|leader|king|queen|senator|brand|maker|manufacturer|company"
    r"|model|version|edition|movie|film|show|series|tournament|final|league|match|race|debut\w*|became|becomes|made by"
    r"|designed by|new|now|born|died|invented|founded|worth|price|sold|recall\w*)\b",
    re.I,
)  # fmt: skip
_ASK: Final = (
    "A question about a picture is given. Does answering it need a look-up in today's news or on the web, because it names something"
    " that may be new to you, or asks for a fact that may have changed? Reply with one word: SEARCH, or KNOWN where what is to be"
    " seen and common knowledge suffice."
)


@dataclass(frozen=True, slots=True)
class WebSenseCounts:
    """What became of the questions so far.

    Attributes:
        asked: All questions.
        skipped: Those for which no retrieval was made.
        by_rules: Decided by rules.
        by_glance: Decided by a look at the picture.
        by_level2: Decided by the language model or the classifier.
    """

    asked: int = 0
    skipped: int = 0
    by_rules: int = 0
    by_glance: int = 0
    by_level2: int = 0

    @property
    def saved(self) -> float:
        """Return the share of retrievals saved."""
        return self.skipped / self.asked if self.asked else 0.0

    @property
    def level2_share(self) -> float:
        """Return the share of decisions that the second level made."""
        return self.by_level2 / self.asked if self.asked else 0.0


class Glance(Protocol):
    """Looks whether the base finds by itself what there is."""

    def settled(
        self, images: Sequence[Image.Image], questions: Sequence[str], nouns: Sequence[str], base: ReferringSegmenter
    ) -> list[bool]:
        """Return for each of n questions whether its picture shows one thing of the noun only, and the base finds that."""


class WebSense:
    """Decides whether to retrieve.

    Args:
        knowledge: What the base model may be taken to know; one that knows nothing leaves names to the second level.
        cutoff: The model's knowledge cutoff.
        recognizer: Finds names beside those with capitals; None: capitals alone.
        language: The second level.
        classifier: The second level where no language model is configured; None: what is open is retrieved.
        glance: Where given, a question for a kind of thing of which the picture shows one only, and which the base finds, needs no
            name to be answered.
        words: Words for kinds of things.
        monotonic: Seconds of a clock that never goes back.
    """

    def __init__(
        self,
        knowledge: KnowledgeBase,
        cutoff: dt.datetime,
        *,
        recognizer: Recognizer | None = None,
        language: LanguageModel | None = None,
        classifier: OpenQuestions | None = None,
        glance: Glance | None = None,
        words: Lexicon | None = None,
        monotonic: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._knowledge, self._cutoff = knowledge, cutoff.astimezone(dt.UTC).date()
        self._recognizer, self._language, self._classifier, self._glance = recognizer, language, classifier, glance
        self._lexicon = words or lexicon()
        self._monotonic = monotonic
        entities = list(knowledge.entities())
        self._knows_names = bool(entities)
        roles = (fact.value for entity in entities for fact in entity.facts if fact.relation.startswith("holds_"))
        self._roles = {role_key(role) for role in roles}
        self._book = RoleBook(knowledge)
        self.counts = WebSenseCounts()

    def decide(self, queries: Sequence[Query], base: ReferringSegmenter | None = None) -> list[Step]:
        """Return for each of n queries a step with the decision "retrieve" or "skip" and the reason; no glance without a base."""
        start = self._monotonic()
        needs = [read_need(query.text, self._lexicon, query.asked_at) for query in queries]
        found = self._recognized([need.text for need in needs])
        kinds = [need.hypernym or _kind_of(names) for need, names in zip(needs, found, strict=True)]
        ruled = [
            self.rule(query.text, need, list(names)) for query, need, names in zip(queries, needs, found, strict=True)
        ]
        settled, level2, lost = self._open_ones([query.text for query in queries], ruled)
        glanced = self._look(queries, kinds, settled, base) if base else {}
        settled = [glanced.get(at, item) for at, item in enumerate(settled)]
        skipped = sum(outcome == "skip" for outcome, _ in settled)
        old = self.counts
        self.counts = WebSenseCounts(
            asked=old.asked + len(queries),
            skipped=old.skipped + skipped,
            by_rules=old.by_rules + len(queries) - len(level2 | set(glanced)),
            by_glance=old.by_glance + len(glanced),
            by_level2=old.by_level2 + len(level2 - set(glanced)),
        )
        share = (self._monotonic() - start) / max(1, len(queries))
        return [
            Step("websense", outcome, reason, share, lost=lost.get(at, ""), hypernym=kinds[at] if at in glanced else "")
            for at, (outcome, reason) in enumerate(settled)
        ]

    def rule(self, question: str, need: Need, recognized: Sequence[str] = ()) -> tuple[Outcome, str]:
        """Decide by rules alone.

        Args:
            question: As asked.
            need: What was read from it.
            recognized: Names that a recogniser found in it.

        Returns:
            Outcome and reason; "open" where the rules do not tell.
        """
        past = need.until is not None and need.until <= self._cutoff and not need.current
        if need.kind == "role":
            if past and need.since is not None and role_key(self._book.role(need.role, "").text) in self._roles:
                return "skip", f"{need.role!r} before the knowledge cutoff is known"
            return "retrieve", f"who or what is {need.role!r} may have changed since the knowledge cutoff"
        last = need.until or need.since
        if last is not None and last > self._cutoff:
            return "retrieve", f"it speaks of {last:%B %Y}, after the knowledge cutoff"
        if (word := _TIME.search(question)) is not None:
            return "retrieve", f"it speaks of the present: {word.group()!r}"
        strange = [name for name in dict.fromkeys((*need.names, *recognized)) if not self._is_known(name)]
        if strange and not self._knows_names:
            return "open", f"it names {strange[0]!r}, and no snapshot says what is known"
        if strange:
            return "retrieve", f"{strange[0]!r} is not known"
        if need.kind == "made" and not past:
            return "retrieve", f"what {need.maker!r} makes may be new"
        if need.names:
            return "skip", f"all that it names is known: {', '.join(need.names)}"
        if past:
            return "open", "it speaks of a time before the knowledge cutoff"
        if DATE.search(question) is not None:
            return "retrieve", "it speaks of a day"
        if (cue := _CUE.search(need.text)) is not None:
            return "open", f"nothing is named, but {cue.group()!r} may hint at the news"
        return "skip", "nothing in it can be looked up"

    def _is_known(self, name: str) -> bool:
        """Tell whether a name is known, or made of known names and plain words: "Harwick" in "Harwick Old Town"."""
        if self._knowledge.find(name) is not None:
            return True
        # A plain noun that happens to bear a capital is no name.
        return self._lexicon.hypernym(name) is not None or len(fold(name)) < 2

    def _recognized(self, texts: Sequence[str]) -> list[dict[str, str]]:
        """Return the names in each text with their labels."""
        if self._recognizer is None:
            return [{} for _ in texts]
        return [
            {
                reading.text[span.start : span.end]: span.label
                for span in reading.spans
                if reading.text[span.start].isupper()
            }
            for reading in self._recognizer.read(texts)
        ]

    def _open_ones(
        self, texts: Sequence[str], ruled: Sequence[tuple[Outcome, str]]
    ) -> tuple[list[tuple[Outcome, str]], set[int], dict[int, str]]:
        """Let the second level settle what is open.

        Returns:
            All decisions; which ones it made; and, by number, why the language model did not make one that was its own.
        """
        level2 = {at for at, (outcome, _) in enumerate(ruled) if outcome == "open"}
        settled, lost = list(ruled), {}
        for at in level2:
            try:
                settled[at] = self._second(texts[at], ruled[at][1])
            except OSError as error:
                lost[at] = f"no decision by the language model: {error}"[:300]
                settled[at] = self._classify(texts[at], ruled[at][1])
        return settled, level2, lost

    def _second(self, text: str, why: str) -> tuple[Outcome, str]:
        if self._language is None:
            return self._classify(text, why)
        reply = self._language.complete(_ASK, text).strip().upper()
        # Only a plain KNOWN saves the call: in doubt it is made.
        known = reply.startswith("KNOWN")
        return ("skip" if known else "retrieve"), f"{why}; the language model says {reply[:20]!r}"

    def _classify(self, text: str, why: str) -> tuple[Outcome, str]:
        if self._classifier is not None:
            belief = self._classifier.belief(text)
            outcome: Outcome = "retrieve" if belief >= self._classifier.threshold else "skip"
            return outcome, f"{why}; the classifier gives {belief:.2f} to a need"
        return "retrieve", f"{why}; in doubt it is looked up"

    def _look(
        self,
        queries: Sequence[Query],
        kinds: Sequence[str],
        settled: Sequence[tuple[Outcome, str]],
        base: ReferringSegmenter,
    ) -> dict[int, tuple[Outcome, str]]:
        """Return the decisions that a look at the picture overturns, by number."""
        asked = [at for at, (outcome, _) in enumerate(settled) if outcome == "retrieve" and kinds[at]]
        if self._glance is None or not asked:
            return {}
        images, texts = [queries[at].image for at in asked], [queries[at].text for at in asked]
        found = self._glance.settled(images, texts, [kinds[at] for at in asked], base)
        return {
            at: ("skip", f"the picture shows one {kinds[at]} only, and the model finds it")
            for at, enough in zip(asked, found, strict=True)
            if enough
        }


def _kind_of(names: Mapping[str, str]) -> str:
    """Return the kind of thing that names tell by themselves: a person's does, a product's may be of anything."""
    return "person" if names and set(names.values()) == {"PERSON"} else ""
