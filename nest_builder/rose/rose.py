"""ROSE: WebSense -> IRAG -> TPE -> base segmenter -> VPE, around any segmenter, batched at every part, each part able to be off."""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from PIL import Image

from nest_builder.annotate.base import MODEL_ERRORS
from nest_builder.rose.base import PARTS, Candidate, Part, Passage, Query, Retrieval, Step
from nest_builder.rose.parts import (
    EXPECTED_ERRORS,
    Case,
    CorrectsMasks,
    DecidesOnSearch,
    EnhancesText,
    Remembered,
    Retrieves,
    call_part,
    failed,
)
from nest_builder.rose.text_prompt import search_prompt
from nest_builder.segmenters.base import ReferringSegmenter, Segmentation

log = logging.getLogger(__name__)

System = Literal["static", "search", "rose"]
SYSTEMS: tuple[System, ...] = ("static", "search", "rose")


@dataclass(frozen=True, slots=True)
class Answered:
    """What a system says to a query.

    Attributes:
        segmentation: Mask, words and score.
        answer: The text answer; None where nothing was retrieved.
        candidates: All candidate answers, the best first.
        references_count: Reference pictures of the answer.
        sources: Where the answer is from, the most telling first.
        prompt: What the segmenter was asked.
        steps: What each part did, in order; the reason of a fallback is among them.
    """

    segmentation: Segmentation
    answer: str | None
    candidates: tuple[Candidate, ...]
    references_count: int
    sources: tuple[Passage, ...]
    prompt: str
    steps: tuple[Step, ...]

    @property
    def seconds(self) -> float:
        """Return the query's share of the time of all parts."""
        return sum(step.seconds for step in self.steps)


@dataclass(slots=True)
class _Work:
    """A query on its way through the parts."""

    query: Query
    prompt: str
    retrieval: Retrieval | None
    steps: list[Step]
    segmentation: Segmentation | None = None
    only: str = ""  # as in `Case`

    @property
    def answer(self) -> Candidate | None:
        return self.retrieval.answer if self.retrieval else None

    def answered(self) -> Answered:
        assert self.segmentation is not None
        found, answer = self.retrieval, self.answer
        return Answered(
            segmentation=self.segmentation,
            answer=answer.text if answer else None,
            candidates=found.candidates if found else (),
            references_count=len(found.references) if found else 0,
            sources=answer.sources if answer else (),
            prompt=self.prompt,
            steps=tuple(self.steps),
        )


class Rose:
    """Retrieval around a segmenter whose weights do not change (arXiv 2604.14147).

    Args:
        segmenter: The base.
        websense: Decides whether to retrieve; None: always.
        irag: Finds answers and reference pictures; None: nothing is retrieved.
        text_prompt: Puts answer and background into the prompt; None: `search_prompt`.
        visual_prompt: Verifies and corrects masks by reference pictures; None: masks stay as they are.
        clock: Seconds of a clock that never goes back, for the parts' times.
    """

    def __init__(
        self,
        segmenter: ReferringSegmenter,
        websense: DecidesOnSearch | None = None,
        irag: Retrieves | None = None,
        text_prompt: EnhancesText | None = None,
        visual_prompt: CorrectsMasks | None = None,
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.segmenter = segmenter
        self.websense, self.irag = websense, irag
        self.text_prompt, self.visual_prompt = text_prompt, visual_prompt
        self._clock = clock

    def segment(
        self,
        queries: Sequence[Query],
        system: System = "rose",
        parts: Collection[Part] = PARTS,
    ) -> list[Answered]:
        """Answer questions about pictures.

        Whatever goes wrong on the way (a service down, a picture that a model cannot digest) the query goes on without that
        part, at worst as the static model alone; the steps say why.

        Args:
            queries: n pictures with questions.
            system: "static", the segmenter alone; "search", its prompt made of a searched answer, as in the paper's
                search-only baselines; "rose".
            parts: Those of ROSE that are on.

        Raises:
            ValueError: No such system or part.
            RuntimeError: The segmenter itself fails on a bare question (or another of `MODEL_ERRORS`).
        """
        if system not in SYSTEMS or not set(parts) <= set(PARTS):
            raise ValueError(f"no system {system!r} with parts {sorted(parts)}: {SYSTEMS}, {PARTS}")
        fixed: dict[System, tuple[Part, ...]] = {"static": (), "search": ("irag",)}
        on = fixed.get(system, parts)
        works = [_Work(query, query.text, None, []) for query in queries]
        wanted = self._sense(works, outlined="vpe" in on) if "websense" in on and "irag" in on else works
        if "irag" in on:
            self._retrieve(wanted)
        self._prompt(works, enhance="tpe" in on)
        self._base(works)
        if "vpe" in on:
            self._correct([work for work in works if work.answer or work.only])
        return [work.answered() for work in works]

    def compare(
        self, queries: Sequence[Query], systems: Sequence[System] = SYSTEMS, parts: Collection[Part] = PARTS
    ) -> dict[System, list[Answered]]:
        """Answer questions as each of several systems; all of them rest on the same retrieval, which is made once.

        Args and errors as for `segment`.
        """
        irag = None if self.irag is None else Remembered(self.irag)
        parts_of = self.websense, irag, self.text_prompt, self.visual_prompt
        around = Rose(self.segmenter, *parts_of, clock=self._clock)
        return {system: around.segment(queries, system, parts) for system in systems}

    def _sense(self, works: list[_Work], outlined: bool) -> list[_Work]:
        """Return the queries for which WebSense wants a search.

        It looks at the pictures only where VPE will outline what it sees there: the base's own mask may be a rough one.
        """
        websense = self.websense
        if websense is None:
            return works
        base = self.segmenter if outlined and self.visual_prompt is not None else None
        wanted = []
        queries = [work.query for work in works]
        outcomes = call_part(
            "websense", lambda some: websense.decide(some, base), queries, lambda step: step, self._clock
        )
        for work, (_, step) in zip(works, outcomes, strict=True):
            work.steps.append(step)
            work.only = step.hypernym
            if step.decision == "retrieve":
                wanted.append(work)
        return wanted

    def _retrieve(self, works: Sequence[_Work]) -> None:
        """Find answers; a query without one stays as it is."""
        irag = self.irag
        if irag is None:
            return
        queries = [work.query for work in works]
        outcomes = call_part("irag", irag.retrieve, queries, lambda found: found.step, self._clock)
        for work, (found, step) in zip(works, outcomes, strict=True):
            work.steps.append(step)
            work.retrieval = found

    def _prompt(self, works: Sequence[_Work], enhance: bool) -> None:
        """Put the answer into the prompt, with its background where TPE is on."""
        for work in works:
            answer = work.answer
            if answer is None:
                continue
            if not enhance or self.text_prompt is None:
                work.prompt = search_prompt(answer.text)
                continue
            start = self._clock()
            try:
                work.prompt = self.text_prompt.enhance(work.query.text, answer)
                step = Step("tpe", "enhanced", f"added: {work.prompt.removeprefix(work.query.text).strip()}")
            except EXPECTED_ERRORS as error:
                step = failed("tpe", error)
            work.steps.append(replace(step, seconds=self._clock() - start))

    def _base(self, works: Sequence[_Work]) -> None:
        """Ask the segmenter everything in one call, the same question about the same picture only once."""
        start = self._clock()
        asked = {(id(work.query.image), work.prompt): work.query.image for work in works}
        said = self._ask([(image, text) for (_, text), image in asked.items()])
        heard = dict(zip(asked, said, strict=True))
        for work in works:
            outcome = heard[id(work.query.image), work.prompt]
            step = Step("base", "segmented", "")
            if isinstance(outcome, Exception):  # a long prompt may be too much where the bare question is not
                step = failed("base", outcome)
                work.retrieval, work.prompt = None, work.query.text
                outcome = self._ask([(work.query.image, work.query.text)])[0]
            if isinstance(outcome, Exception):
                raise outcome
            work.segmentation = outcome
            belief = f"score {outcome.score:.2f}" + (f", says {outcome.text!r}" if outcome.text else "")
            work.steps.append(replace(step, reason="; ".join(part for part in (step.reason, belief) if part)))
        share = (self._clock() - start) / max(1, len(works))
        for work in works:
            work.steps[-1] = replace(work.steps[-1], seconds=share)

    def _ask(self, asked: Sequence[tuple[Image.Image, str]]) -> list[Segmentation | Exception]:
        """Segment a batch; where it fails, each alone, so that one picture does not spoil the others' answers."""
        if not asked:
            return []
        try:
            said = self.segmenter.segment([image for image, _ in asked], [text for _, text in asked])
        except MODEL_ERRORS as error:
            if len(asked) == 1:
                return [error]
            log.warning("the segmenter failed on a batch of %d, asked one by one: %s", len(asked), error)
            return [outcome for one in asked for outcome in self._ask([one])]
        if [one.mask.shape for one in said] != [image.size[::-1] for image, _ in asked]:
            raise TypeError(
                f"{self.segmenter.identity()} owes one mask of the picture's size for each of {len(asked)} pictures"
            )
        return list(said)

    def _correct(self, works: Sequence[_Work]) -> None:
        """Hold the masks against the reference pictures."""
        visual = self.visual_prompt
        if visual is None:
            return
        cases = [
            Case(work.query.image, work.segmentation, work.retrieval, work.only)
            for work in works
            if work.segmentation is not None
        ]
        outcomes = call_part("vpe", visual.correct, cases, lambda pair: pair[1], self._clock)
        for work, (mended, step) in zip(works, outcomes, strict=True):
            work.steps.append(step)
            if mended is not None:
                work.segmentation = mended[0]
