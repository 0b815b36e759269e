"""How the web misbehaves: which address has which fault, planned from the seed.

What a fault takes away for good (a page that is gone, a picture that is broken) is spread so that every new entity
keeps enough usable photographs.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from nest_builder.newsworld.model import Article, Photo, chance

KEEP: Final = 3
FATAL_PAGES: Final = {
    "redirect_loop": 2, "not_found": 2, "gone": 2, "stall": 2, "robots": 3, "noai_meta": 3, "page_as_image": 2,
}  # fmt: skip
MILD_PAGES: Final = {
    "redirect_301": 3, "redirect_302": 3, "redirect_chain": 2, "too_many": 3, "unavailable": 2, "slow": 4, "gzip": 6,
    "malformed_html": 5, "second_address": 3,
}  # fmt: skip
FATAL_IMAGES: Final = {
    "truncated": 3, "corrupt": 3, "html_as_image": 2, "image_as_html": 2, "noai": 3, "noimageai": 2, "tdm": 3,
    "not_found": 2, "stall": 2, "robots": 3,
}  # fmt: skip
MILD_IMAGES: Final = {"too_many": 3, "unavailable": 2, "slow": 4, "redirect_302": 2}
UNUSABLE: Final = frozenset({"foreign", "short", "textless", "stale"})
BOMBS: Final = 2
OPTED_OUT: Final = frozenset({"noai", "noimageai", "tdm", "noai_meta"})


@dataclass(frozen=True, slots=True)
class Faults:
    """The plan. `of` gives an address its fault; `listed` the address under which feeds and home pages name a page.

    `second` gives pages further addresses with the same content; `bombs` maps an article to the decompression bomb
    that its page shows.
    """

    of: dict[str, str] = field(default_factory=dict)
    listed: dict[str, str] = field(default_factory=dict)
    second: dict[str, str] = field(default_factory=dict)
    bombs: dict[str, str] = field(default_factory=dict)

    def link(self, url: str) -> str:
        """The address under which a page is listed."""
        return self.listed.get(url, url)

    def page_lost(self, article: Article) -> bool:
        """Whether a crawler that keeps the rules cannot use the page."""
        return self.of.get(article.url) in FATAL_PAGES or bool(article.flags & UNUSABLE)


def plan_faults(
    seed: int, articles: dict[str, Article], photos: dict[str, Photo], closed: Callable[[str], bool]
) -> Faults:
    """Give out the faults.

    Args:
        seed: The world's seed.
        articles: Every article by its address.
        photos: Every photograph by its address.
        closed: Whether an address lies on the outlet that robots.txt closes.
    """
    rng = chance(seed, "faults")
    plan = Faults()
    pages = [a for a in articles.values() if not closed(a.url) and not a.flags and not a.duplicates_of]
    rng.shuffle(pages)
    usable = _usable(articles, photos, plan, closed)
    for kind, count in FATAL_PAGES.items():
        for _ in range(count):
            page = _spare(pages, usable, photos)
            plan.of[page.url] = kind
    for kind, count in MILD_PAGES.items():
        for _ in range(count):
            plan.of[pages.pop().url] = kind
    _add_addresses(rng, plan)
    pictures = [
        photo for article in pages for photo in (photos[figure.url] for figure in article.figures) if not photo.base
    ]
    repeated = {photo.base for photo in photos.values() if photo.base}
    pictures = [photo for photo in pictures if photo.url not in repeated]
    rng.shuffle(pictures)
    for kind, count in FATAL_IMAGES.items():
        for _ in range(count):
            at = next(n for n, p in enumerate(pictures) if usable[p.subject] > KEEP or p.subject is None)
            photo = pictures.pop(at)
            usable[photo.subject] -= 1
            plan.of[photo.url] = kind
    for kind, count in MILD_IMAGES.items():
        for _ in range(count):
            plan.of[pictures.pop().url] = kind
    for page in rng.sample(pages, BOMBS):
        url = page.figures[0].url.rsplit(".", 1)[0] + "-poster.png" if page.figures else f"{page.url}-poster.png"
        plan.bombs[page.url] = url
        plan.of[url] = "bomb"
    return plan


def _usable(
    articles: dict[str, Article], photos: dict[str, Photo], plan: Faults, closed: Callable[[str], bool]
) -> Counter[str | None]:
    """How many photographs of each subject a well-behaved crawler can get."""
    return Counter(
        photos[figure.url].subject
        for article in articles.values()
        if not closed(article.url) and not plan.page_lost(article)
        for figure in article.figures
        if not photos[figure.url].base
    )


def _spare(pages: list[Article], usable: Counter[str | None], photos: dict[str, Photo]) -> Article:
    """Take the first page without which every subject keeps enough photographs; `pages` and `usable` shrink."""
    for at, page in enumerate(pages):
        loss = Counter(photos[figure.url].subject for figure in page.figures)
        if all(key is None or usable[key] - count >= KEEP for key, count in loss.items()):
            usable.subtract(loss)
            return pages.pop(at)
    raise RuntimeError("no page can be spared: the newsroom wrote too little")


def _add_addresses(rng: random.Random, plan: Faults) -> None:
    """Redirects are listed under another address than the page's own; second addresses exist beside it."""
    for url, kind in list(plan.of.items()):
        number = rng.randrange(10_000, 99_999)
        root = "/".join(url.split("/")[:3])
        if kind.startswith("redirect"):
            plan.listed[url] = f"{root}/go/{number}"
        elif kind == "second_address":
            plan.second[f"{url}?ref=newsletter-{number}"] = url
            plan.listed[url] = url
