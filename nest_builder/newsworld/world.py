"""A world: everything that one seed decides, ready to be served and to be scored against."""

from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from nest_builder.newsworld.canon import CLOSED_OUTLET, Canon, build_canon
from nest_builder.newsworld.faults import Faults, plan_faults
from nest_builder.newsworld.model import Article, Entity, Photo
from nest_builder.newsworld.newsroom import Newsroom
from nest_builder.newsworld.pictures import Pictures
from nest_builder.newsworld.scenes import Instance, Mask
from nest_builder.newsworld.timeline import Timeline, build_timeline


class World:
    """The simulated web's content. Two worlds of the same seed are equal to the byte.

    Args:
        seed: Decides everything after the cutoff; the canon before it is always the same.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.canon: Canon = build_canon()
        self.timeline: Timeline = build_timeline(self.canon, seed)
        room = Newsroom(self.canon, self.timeline, seed)
        room.run()
        self.articles: dict[str, Article] = room.articles
        self.photos: dict[str, Photo] = room.darkroom.photos
        self.faults: Faults = plan_faults(seed, self.articles, self.photos, self.closed)
        self.pictures = Pictures(self.photos)

    @property
    def entities(self) -> dict[str, Entity]:
        """Every entity with a look, by its key."""
        return self.timeline.entities

    @cached_property
    def article_urls_of(self) -> dict[str, list[str]]:
        """The articles that show a photograph, by its address."""
        shown: dict[str, list[str]] = {url: [] for url in self.photos}
        for article in self.articles.values():
            for figure in article.figures:
                shown[figure.url].append(article.url)
        return shown

    def closed(self, url: str) -> bool:
        """Whether the address lies on the outlet whose robots.txt closes it to every crawler."""
        return (urlsplit(url).hostname or "").startswith(f"{CLOSED_OUTLET}.")

    def instances(self, url: str) -> tuple[Instance, ...]:
        """What a photograph shows, in the frame of the picture as served; renders it.

        Raises:
            KeyError: There is no such photograph.
        """
        return self.pictures.scene(url)[1]

    def masks(self, url: str) -> dict[str, Mask]:
        """The visible pixels of every entity with a name in a photograph: key -> (H, W) bool.

        Raises:
            KeyError: There is no such photograph.
        """
        return {instance.key: instance.mask for instance in self.instances(url) if instance.key}

    def truth(self, *, boxes: bool = False) -> dict[str, Any]:
        """Everything that a score needs, as JSON types; see `truth.describe`."""
        from nest_builder.newsworld.truth import describe

        return describe(self, boxes=boxes)
