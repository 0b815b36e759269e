"""IRAG: from questions to answers with sources and reference pictures, a batch at a time."""

import dataclasses
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import zip_longest

import numpy as np

from nest_builder.annotate.base import MODEL_ERRORS
from nest_builder.clock import Clock, system_clock
from nest_builder.news.articles import TrafilaturaExtractor
from nest_builder.news.base import Extractor
from nest_builder.rose.answers import find_candidates
from nest_builder.rose.base import (
    Candidate,
    Features,
    LanguageModel,
    PageHit,
    Query,
    Reference,
    Retrieval,
    Step,
    TextEmbedder,
    VisualEntities,
    WebSearch,
)
from nest_builder.rose.cache import Cache
from nest_builder.rose.chunks import embed_passages, nearest, passages
from nest_builder.rose.describe import describe
from nest_builder.rose.fetching import Fetcher
from nest_builder.rose.mapreduce import ask_model
from nest_builder.rose.pages import Page, PageStore
from nest_builder.rose.reading import Reader, ReadPage
from nest_builder.rose.references import Fingerprint, Lead, Picture, accepted, find_leads, read_picture
from nest_builder.rose.rewrite import Need, read_need, rewrite, searches
from nest_builder.rose.scope import Scope
from nest_builder.rose.searching import Asked, Searches
from nest_builder.web import PoliteClient

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is looked at for one question.

    Attributes:
        hits: Of one search.
        pages: Fetched for the question.
        more_pages: Fetched for the description of the answer.
        passages: Kept of all pages.
        candidates: Compared with the picture, each with pictures of its own.
        references: Pictures of the answer.
    """

    hits: int = 20
    pages: int = 8
    more_pages: int = 4
    passages: int = 24
    candidates: int = 3
    references: int = 6


@dataclass(slots=True)
class _Work:
    """A question on its way."""

    query: Query
    need: Need
    searches: tuple[str, ...]
    scope: Scope
    pages: dict[str, Page] = field(default_factory=dict)
    read: dict[str, ReadPage] = field(default_factory=dict)
    candidates: list[Candidate] = field(default_factory=list)
    references: dict[str, tuple[Reference, ...]] = field(default_factory=dict)
    chosen: Candidate | None = None
    bytes: int = 0
    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


class IRAG:
    """Internet retrieval-augmented generation around any search service.

    Nothing that is newer than a question's `asked_at`, and nothing undated where it has one, is used; nor is what the question
    excludes, nor copies of it. No exception of a service or of a page leaves `retrieve`: the step says what went wrong.

    Args:
        search: The service.
        client: Fetches pages and pictures.
        reader: Reads pages for names and claims.
        embedder: Embeds passages and questions.
        language: Rewrites, maps and reduces; None: rules and extraction do.
        visual: Names what the picture shows among the candidates; None: the most confident one is chosen.
        cache: Keeps search answers, pages and pictures; by default in memory.
        extractor: Takes articles out of pages.
        stores: What holds pages and pictures already; the search service is one where it does.
        limits: How much is looked at.
        match_threshold: From which likeness on a candidate counts as shown.
        clock: The present time.
        monotonic: Seconds of a clock that never goes back.
    """

    def __init__(
        self,
        search: WebSearch,
        client: PoliteClient,
        reader: Reader,
        embedder: TextEmbedder,
        *,
        language: LanguageModel | None = None,
        visual: VisualEntities | None = None,
        cache: Cache | None = None,
        extractor: Extractor | None = None,
        stores: Sequence[PageStore] = (),
        limits: Limits | None = None,
        match_threshold: float = 0.5,
        clock: Clock = system_clock,
        monotonic: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._limits = limits or Limits()
        kept = Cache() if cache is None else cache
        if isinstance(search, PageStore):
            stores = (*stores, search)
        self._searches = Searches(search, kept, self._limits.hits, clock)
        self._fetcher = Fetcher(client, extractor or TrafilaturaExtractor(), kept, stores, clock=clock)
        self._reader, self._embedder = reader, embedder
        self._language, self._visual, self._threshold = language, visual, match_threshold
        self._monotonic = monotonic

    def retrieve(self, queries: Sequence[Query]) -> list[Retrieval]:
        """Answer n questions; searches, pages and pictures that several of them need are asked for once."""
        start = self._monotonic()
        works = [self._begin(query) for query in queries]
        self._gather(works, {id(work): work.searches for work in works}, self._limits.pages)
        self._answer(works)
        found = [work for work in works if work.candidates]
        considered = self._limits.candidates if self._visual else 1
        names = {id(work): tuple(item.text for item in work.candidates[:considered]) for work in found}
        self._gather(found, names, self._limits.more_pages)
        self._picture(found, names)
        for work in found:
            self._choose(work)
        share = (self._monotonic() - start) / max(1, len(works))
        return [_retrieval(work, share, self._limits.references) for work in works]

    def _begin(self, query: Query) -> _Work:
        need = read_need(query.text, self._reader.lexicon, query.asked_at)
        work = _Work(query, need, searches(need), Scope(query, self._fetcher.held))
        try:
            work.searches = rewrite(query.text, need, self._language)
        except OSError as error:
            work.notes.append(f"searched by rules, as the language model failed: {error}"[:200])
            work.lost.append(work.notes[-1])
        return work

    def _gather(self, works: Sequence[_Work], wanted: dict[int, tuple[str, ...]], limit: int) -> None:
        """Search, fetch and read the pages of all questions together."""
        asked: list[Asked] = [(text, work.query.asked_at) for work in works for text in wanted[id(work)]]
        answers = self._searches.pages(asked)
        paid: set[Asked] = set()
        hits: dict[int, list[PageHit]] = {}
        for work in works:
            lists = []
            for text in wanted[id(work)]:
                key = (text, work.query.asked_at)
                if key not in paid:
                    work.bytes += answers[key].fetched_bytes
                    paid.add(key)
                if answers[key].error:
                    work.errors.append(answers[key].error)
                    work.lost.append(f"no search: {answers[key].error}")
                work.scope.note(answers[key].hits)
                lists.append(answers[key].hits)
            # The first hits of every search before the second ones of any.
            mixed = [hit for row in zip_longest(*lists) for hit in row if hit is not None]
            unique: dict[str, PageHit] = {}
            for hit in mixed:
                unique.setdefault(hit.url, hit)
            hits[id(work)] = [hit for hit in unique.values() if work.scope.admits(hit)][:limit]
        fetched = self._fetcher.pages([hit.url for work in works for hit in hits[id(work)]])
        paid_pages: set[str] = set()
        for work in works:
            for hit in hits[id(work)]:
                result = fetched[hit.url]
                if hit.url not in paid_pages:
                    work.bytes += result.fetched_bytes
                    paid_pages.add(hit.url)
                page = work.scope.dated(result.page, hit.published_at) if result.page else None
                if page is not None:
                    work.pages[hit.url] = page
        needed = list({id(page): page for work in works for page in work.pages.values()}.values())
        read = {id(page): result for page, result in zip(needed, self._reader.read(needed), strict=True)}
        for work in works:
            work.read = {url: read[id(page)] for url, page in work.pages.items()}

    def _answer(self, works: Sequence[_Work]) -> None:
        """Chunk, embed, retrieve, map and reduce."""
        chunks = {page.url + page.text: passages(page) for work in works for page in work.pages.values()}
        flat = [passage for found in chunks.values() for passage in found]
        if not flat:
            return
        features = self._embedder.embed([work.need.text for work in works])
        placed = embed_passages(self._embedder, flat)
        spans: dict[str, tuple[int, int]] = {}
        at = 0
        for key, found in chunks.items():
            spans[key] = (at, at + len(found))
            at += len(found)
        for number, work in enumerate(works):
            rows = [spans[page.url + page.text] for page in work.pages.values()]
            if not rows:
                continue
            own: Features = np.concatenate([placed[start:end] for start, end in rows])
            # Dates and addresses are the question's own: two questions may know a page by different dates.
            texts = [
                dataclasses.replace(item, url=url, published_at=page.published_at)
                for (start, end), (url, page) in zip(rows, work.pages.items(), strict=True)
                for item in flat[start:end]
            ]
            ranked = nearest(features[number], texts, own, self._limits.passages)
            if self._language is not None:
                try:
                    work.candidates = ask_model(self._language, work.need, ranked, work.read)
                except OSError as error:
                    work.notes.append(f"by extraction, as the language model failed: {error}"[:200])
                    work.lost.append(work.notes[-1])
            if not work.candidates:
                book, known = self._reader.book, self._reader.known
                work.candidates = find_candidates(work.need, ranked, work.read, book, known)

    def _picture(self, works: Sequence[_Work], names: dict[int, tuple[str, ...]]) -> None:
        """Gather reference pictures of the candidates of all questions together."""
        if not self._limits.references:
            return
        answers = self._searches.pictures([(name, work.query.asked_at) for work in works for name in names[id(work)]])
        leads: dict[tuple[int, str], list[Lead]] = {}
        paid: set[Asked] = set()
        for work in works:
            for name in names[id(work)]:
                key = (name, work.query.asked_at)
                if key not in paid:
                    work.bytes += answers[key].fetched_bytes
                    paid.add(key)
                if answers[key].error:
                    work.notes.append(f"no picture search: {answers[key].error}"[:200])
                    work.lost.append(work.notes[-1])
                found = find_leads(name, answers[key].hits, work.pages.values(), work.scope.admits_picture)
                # Twice as many as are wanted: some are broken, some are copies.
                leads[id(work), name] = found[: 2 * self._limits.references]
        files = self._fetcher.pictures([lead.image_url for found in leads.values() for lead in found])

        @cache
        def read(url: str) -> Picture | None:
            """A picture that several questions look at is decoded once."""
            data = files[url].picture
            return None if data is None else read_picture(data)

        paid_files: set[str] = set()
        for work in works:
            own = Fingerprint(work.query.image)
            for name in names[id(work)]:
                urls = [lead.image_url for lead in leads[id(work), name]]
                work.bytes += sum(files[url].fetched_bytes for url in urls if url not in paid_files)
                paid_files.update(urls)
                shown = ((lead, read(lead.image_url)) for lead in leads[id(work), name])
                work.references[name] = tuple(accepted(shown, own, self._limits.references))

    def _choose(self, work: _Work) -> None:
        """Choose the candidate that the picture shows, else the most confident; and say how the sources describe it."""
        compared = [item for item in work.candidates if item.text in work.references]
        work.chosen = work.candidates[0]
        if self._visual is not None and len(compared) > 1:
            try:
                scores = self._visual.match(
                    work.query.image,
                    [item.text for item in compared],
                    [work.references[item.text] for item in compared],
                    work.need.hypernym,
                )
            except (OSError, *MODEL_ERRORS) as error:
                work.notes.append(f"not compared with the picture: {type(error).__name__}: {error}"[:200])
                if isinstance(error, OSError):  # a cloud service; a model that fails on a picture fails on it again
                    work.lost.append(work.notes[-1])
            else:
                best = int(np.argmax(scores))
                if scores[best] >= self._threshold:
                    work.chosen = compared[best]
                    work.notes.append(f"matched to the picture with {scores[best]:.2f}")
                else:
                    work.notes.append(f"no candidate matches the picture (best {scores[best]:.2f}): the most confident")
        place = work.candidates.index(work.chosen)
        described = dataclasses.replace(work.chosen, description=describe(work.chosen.text, work.read.values()))
        work.candidates[place] = work.chosen = described


def _retrieval(work: _Work, seconds: float, limit: int) -> Retrieval:
    notes, lost = ("; ".join(dict.fromkeys(texts)) for texts in (work.notes, work.lost))
    if work.chosen is None:
        decision = "failed" if work.errors and not work.pages else "no answer"
        why = work.errors[0] if decision == "failed" else f"{len(work.pages)} pages do not say"
        if decision == "no answer" and work.scope.dropped:
            why += f" ({work.scope.summary()})"
        reason = "; ".join(part for part in (why, notes) if part)
        step = Step("irag", decision, reason[:500], seconds, work.bytes, lost[:500])
        return Retrieval((), None, (), step, work.searches, work.need.hypernym)
    references = work.references.get(work.chosen.text, ())[:limit]
    sites = len({source.url for source in work.chosen.sources})
    reason = (
        f"{work.chosen.text!r} ({work.chosen.confidence:.2f}) by {sites} of {len(work.pages)} pages, the best of"
        f" {len(work.candidates)}, with {len(references)} pictures"
    )
    reason = "; ".join(part for part in (reason, work.scope.summary(), notes) if part)
    step = Step("irag", "answered", reason[:500], seconds, work.bytes, lost[:500])
    return Retrieval(tuple(work.candidates), work.chosen, references, step, work.searches, work.need.hypernym)
