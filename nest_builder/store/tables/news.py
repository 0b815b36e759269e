"""What the news says: sources, pages, articles, and the entities they speak of (``collect`` to ``assess``)."""

import datetime as dt
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from nest_builder.store.tables.base import Row


class Entry(Row):
    """An article's address with what its feed or site said of it (``collect``, from a source)."""

    __tablename__ = "entry"

    url: Mapped[str] = mapped_column(String(512), primary_key=True)
    source: Mapped[str] = mapped_column(String(512))  # the feed's or site's URL that named it first
    title: Mapped[str] = mapped_column(default="")
    summary: Mapped[str] = mapped_column(default="")
    published_at: Mapped[dt.datetime | None]
    authors: Mapped[list[str]]
    media: Mapped[list[dict[str, Any]]]  # image_url, caption, credit


class SourceState(Row):
    """Validators of a feed or site page for the next conditional GET (``collect``)."""

    __tablename__ = "source_state"

    url: Mapped[str] = mapped_column(String(512), primary_key=True)
    etag: Mapped[str | None]
    last_modified: Mapped[str | None]
    body_sha256: Mapped[str] = mapped_column(String(64))
    fetched_at: Mapped[dt.datetime]


class Page(Row):
    """A fetched article page with the exchange's record (``collect``, from an entry). The body is a blob."""

    __tablename__ = "page"

    url: Mapped[str] = mapped_column(String(512), primary_key=True)
    responded_url: Mapped[str] = mapped_column(String(2048))
    source: Mapped[str] = mapped_column(String(512))
    content_type: Mapped[str]
    body_sha256: Mapped[str] = mapped_column(String(64))
    etag: Mapped[str | None]
    last_modified: Mapped[str | None]
    fetched_at: Mapped[dt.datetime]
    consent: Mapped[dict[str, Any]]  # robots, opt_out, reason, checked_at


class Article(Row):
    """The text and the facts about it (``extract``, from a page)."""

    __tablename__ = "article"

    url: Mapped[str] = mapped_column(String(512), primary_key=True)
    site: Mapped[str]
    title: Mapped[str]
    text: Mapped[str]  # paragraphs separated by a blank line
    authors: Mapped[list[str]]
    published_at: Mapped[dt.datetime | None]
    language: Mapped[str] = mapped_column(String(8))
    text_hash: Mapped[str] = mapped_column(String(64), index=True)
    signature: Mapped[str] = mapped_column(default="")  # near-duplicate signature, see news/duplicates.py


class Figure(Row):
    """A picture of an article with what the article says of it (``extract``, from a page)."""

    __tablename__ = "figure"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    article_url: Mapped[str] = mapped_column(String(512), index=True)
    image_url: Mapped[str] = mapped_column(String(2048), index=True)
    caption: Mapped[str]
    credit: Mapped[str]
    alt: Mapped[str]
    position: Mapped[int]


class Mention(Row):
    """A name in an article's title, text or caption, linked to an entity key (``recognize``, from an article)."""

    __tablename__ = "mention"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    article_url: Mapped[str] = mapped_column(String(512), index=True)
    figure_id: Mapped[str | None] = mapped_column(String(16))  # set where the mention stands in a caption
    field: Mapped[str] = mapped_column(String(16))  # title | text | caption
    start: Mapped[int]  # character offsets in that field
    end: Mapped[int]
    surface: Mapped[str]
    label: Mapped[str] = mapped_column(String(16))  # spaCy's entity label
    entity_key: Mapped[str] = mapped_column(String(128), index=True)
    sentence: Mapped[str]


class Claim(Row):
    """A dated statement about an entity found in an article (``recognize``): what it is, how it looks, which office it took ..."""

    __tablename__ = "claim"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    article_url: Mapped[str] = mapped_column(String(512), index=True)
    entity_key: Mapped[str] = mapped_column(String(128), index=True)
    relation: Mapped[str] = mapped_column(
        String(32)
    )  # is_a | looks | launched | holds_office | holds_title | made_by | ...
    value: Mapped[str]
    polarity: Mapped[str] = mapped_column(String(16))  # stated | rumoured | denied
    date: Mapped[dt.datetime | None]  # when the article said it
    sentence: Mapped[str]


class Entity(Row):
    """An entity with its status relative to the knowledge cutoff, and the evidence (``assess``, from its mentions and claims)."""

    __tablename__ = "entity"

    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    name: Mapped[str]
    aliases: Mapped[list[str]]
    type: Mapped[str] = mapped_column(String(16))  # PERSON | PRODUCT | FAC | ...
    hypernym: Mapped[str]  # a word that the detector can be asked for: "car", "person"
    colour: Mapped[str]  # of the look as described; "" where articles do not say
    description: Mapped[str]  # the look in the articles' words; "" where they do not say
    category: Mapped[str] = mapped_column(String(16), index=True)  # novel | emerging
    relation: Mapped[str]  # emerging: the changed relation ("holds_office"); novel: "launched" or ""
    role: Mapped[str]  # emerging: the role ("mayor of Harwick")
    first_seen: Mapped[dt.datetime]  # novel: first sighting; emerging: first statement of the change
    evidence: Mapped[list[dict[str, Any]]]  # {kind, source, url, date, text, verdict}
    article_urls: Mapped[list[str]]
