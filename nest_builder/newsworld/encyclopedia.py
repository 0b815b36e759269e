"""The encyclopedia of the simulated web: the part of MediaWiki's action API that tells when a page began.

It holds the canon, each page begun before the cutoff. Of what came later, a third gets a page, weeks late.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from nest_builder.newsworld.canon import snapshot
from nest_builder.newsworld.model import CUTOFF, NOW, chance
from nest_builder.newsworld.world import World

LATE_SHARE: Final = 0.34
LIMIT: Final = 50


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its number, title, first revision and last revision; `target` where it is a redirect."""

    number: int
    title: str
    first: datetime
    last: datetime
    target: str | None = None


class Encyclopedia:
    """Pages by title.

    Args:
        world: Its canon is described, and some of what is new.
        now: Pages that were begun later are not there yet.
    """

    def __init__(self, world: World, now: datetime = NOW) -> None:
        self._now = now
        self._pages: dict[str, Page] = {}
        for record in snapshot(world.canon):
            self._add(str(record["name"]), str(record["since"]), CUTOFF - timedelta(days=30), "canon")
            for alias in record["aliases"]:
                if alias not in self._pages:
                    self._add(alias, str(record["since"]), CUTOFF - timedelta(days=20), "canon", str(record["name"]))
        late = [e for e in world.timeline.having("novel") if chance(world.seed, "page", e.key).random() < LATE_SHARE]
        for entity in late:
            self._add(entity.name, entity.since.isoformat(), NOW - timedelta(hours=2), world.seed)

    def _add(self, title: str, since: str, latest: datetime, salt: object, target: str | None = None) -> None:
        rng = chance("revision", salt, title)
        moment = datetime.combine(datetime.fromisoformat(since).date(), time(tzinfo=UTC))
        first = min(moment + timedelta(days=rng.randrange(6, 40), seconds=rng.randrange(86400)), latest)
        last = first + (latest - first) * rng.random()
        self._pages[title] = Page(len(self._pages) + 101, title, first, last, target)

    def has(self, title: str) -> bool:
        """Whether there is a page of that exact title."""
        return self._find(title) is not None

    def _find(self, title: str) -> Page | None:
        page = self._pages.get(title)
        return page if page is not None and page.first <= self._now else None

    def query(self, parameters: dict[str, str]) -> dict[str, Any]:
        """Answer action=query&prop=revisions, formatversion=2, as MediaWiki does.

        Args:
            parameters: The request's parameters; `titles` (up to 50, split at "|"), `rvdir`, `rvlimit`, `redirects`.

        Returns:
            The answer, or MediaWiki's error object for what it refuses.
        """
        if parameters.get("action") != "query":
            return _error("badvalue", 'Unrecognized value for parameter "action".')
        titles = [title for title in parameters.get("titles", "").split("|") if title.strip()]
        if len(titles) > LIMIT:
            return _error("toomanyvalues", f'Too many values supplied for parameter "titles". The limit is {LIMIT}.')
        ranged = "rvlimit" in parameters or "rvdir" in parameters
        if ranged and len(titles) > 1:
            return _error("rvmultpages", '"rvlimit" and "rvdir=newer" may only be used on a single page.')
        normalized, redirects, pages = [], [], {}
        for title in titles:
            clean = " ".join(title.replace("_", " ").split())
            clean = clean[:1].upper() + clean[1:]
            if clean != title:
                normalized.append({"fromencoded": False, "from": title, "to": clean})
            page = self._find(clean)
            if page and page.target and "redirects" in parameters:
                redirects.append({"from": clean, "to": page.target})
                clean = page.target
                page = self._find(clean)
            pages[clean] = self._describe(page, clean, parameters)
        answer: dict[str, Any] = {"batchcomplete": True, "query": {}}
        if normalized:
            answer["query"]["normalized"] = normalized
        if redirects:
            answer["query"]["redirects"] = redirects
        answer["query"]["pages"] = list(pages.values())
        return answer

    def _describe(self, page: Page | None, title: str, parameters: dict[str, str]) -> dict[str, Any]:
        if page is None:
            return {"ns": 0, "title": title, "missing": True}
        described: dict[str, Any] = {"pageid": page.number, "ns": 0, "title": page.title}
        if parameters.get("prop") == "revisions":
            newer = parameters.get("rvdir") == "newer" or page.last > self._now
            moment = page.first if newer else page.last
            revision = {
                "revid": page.number * 100 + (0 if newer else 7),
                "parentid": 0 if newer else page.number * 100 + 6,
                "user": "Editor" if newer else "Curator",
                "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "comment": "",
            }
            described["revisions"] = [revision]
        return described


def _error(code: str, info: str) -> dict[str, Any]:
    return {"error": {"code": code, "info": info}}
