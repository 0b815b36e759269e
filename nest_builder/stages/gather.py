"""``gather``: fetches the pictures of articles that name a novel or emerging entity, and keeps the usable ones."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.config import ImageSettings, WebSettings
from nest_builder.digest import digest, short_id
from nest_builder.images.base import PictureClient
from nest_builder.images.decode import BadImageError, read_picture
from nest_builder.images.depictions import NamedEntity, Shown, by_article, shown_entities
from nest_builder.images.near_duplicates import Frame
from nest_builder.images.registry import FrameCache, Kept, Registry
from nest_builder.reasons import Reason
from nest_builder.stage import Done, Failed, Item, Outcome, Rejected
from nest_builder.store.blobs import Blobs
from nest_builder.store.tables import Article, Depiction, Entity, Figure, Image, Mention, Page, Row
from nest_builder.web.exchange import Consent, Exchange, FetchError, FetchFailed, FetchReason
from nest_builder.web.settings import Expect

_REASONS = {
    FetchReason.BAD_URL: Reason.BAD_URL,
    FetchReason.PRIVATE_ADDRESS: Reason.PRIVATE_ADDRESS,
    FetchReason.ROBOTS: Reason.ROBOTS,
    FetchReason.REDIRECT_LOOP: Reason.REDIRECTS,
    FetchReason.TOO_MANY_REDIRECTS: Reason.REDIRECTS,
    FetchReason.NOT_FOUND: Reason.NOT_FOUND,
    FetchReason.CONTENT_TYPE: Reason.CONTENT_TYPE,
    FetchReason.BAD_ENCODING: Reason.BAD_ENCODING,
    FetchReason.TOO_LARGE: Reason.TOO_LARGE,
    FetchReason.TOO_SLOW: Reason.TOO_SLOW,
}  # others that are for good: Reason.HTTP_STATUS


class Gather:
    """Pictures, hashed, filtered and without copies, with the entities that they may show.

    A server that calls something else than a picture is believed: a wrong content type is refused before the body is
    read. Octet streams and pictures are judged by their bytes.

    Args:
        settings: Which pictures are kept.
        web: Limits, and whether opt-outs count.
        blobs: Where files go, as they came.
        client: The polite client.
    """

    name = "gather"
    batch_size = 32
    tables: tuple[type[Row], ...] = (Image, Depiction)
    keeps_history = False

    def __init__(self, settings: ImageSettings, web: WebSettings, blobs: Blobs, client: PictureClient) -> None:
        self._settings, self._web, self._blobs, self._client = settings, web, blobs, client
        self._frames = FrameCache(self._stored_frame)

    def identity(self) -> Any:
        """Return the parameters that decide what is kept."""
        chosen = self._settings.model_dump(include={"min_side", "max_pixels", "near_duplicate_bits", "max_per_entity"})
        web = self._web.model_dump(include={"max_image_bytes", "respect_opt_out"})
        return {"version": 1, **chosen, **web}

    def items(self, session: Session) -> Sequence[Item]:
        """List figures of articles that name a novel or emerging entity; the oldest article's copy is the first one."""
        named = _named(session)
        consents = session.execute(select(Page.url, Page.consent))
        opted_out = {url for url, consent in consents if consent.get("opt_out")}
        rows = session.execute(
            select(Figure.id, Figure.digest, Figure.alt, Article.url, Article.published_at)
            .join(Article, Article.url == Figure.article_url)
            .order_by(Article.published_at.is_(None), Article.published_at, Article.url, Figure.position, Figure.id)
        )
        return [
            Item(row.id, digest(row.digest, row.published_at, shown, row.url in opted_out))
            for row in rows
            if (shown := shown_entities(row.id, row.alt, named.get(row.url, ())))
        ]

    def process(self, session: Session, batch: Sequence[Item]) -> list[Outcome]:
        """Fetch the batch's pictures together, then settle one figure after the other."""
        keys = [item.key for item in batch]
        figures = {figure.id: figure for figure in session.scalars(select(Figure).where(Figure.id.in_(keys)))}
        urls = {figure.article_url for figure in figures.values()}
        articles = {article.url: article for article in session.scalars(select(Article).where(Article.url.in_(urls)))}
        refused = self._opted_out(session, urls)
        named = _named(session, urls)
        shown = {
            key: shown_entities(key, figure.alt, named.get(figure.article_url, ())) for key, figure in figures.items()
        }
        registry = self._registry(session, keys)
        wanted = [
            figures[key].image_url
            for key in keys
            if figures[key].article_url not in refused
            and registry.at(figures[key].image_url) is None
            and self._room(registry, shown[key])
        ]
        addresses = list(dict.fromkeys(wanted))
        answers = self._client.fetch_many(addresses, Expect.IMAGE, max_bytes=self._web.max_image_bytes)
        fetched = dict(zip(addresses, answers, strict=True))
        outcomes: list[Outcome] = []
        for key in keys:
            figure, room = figures[key], self._room(registry, shown[key])
            if figure.article_url in refused:
                outcomes.append(Rejected(key, Reason.OPT_OUT, f"{figure.article_url}: {refused[figure.article_url]}"))
            elif not room:
                outcomes.append(Rejected(key, Reason.ENOUGH_IMAGES, ", ".join(entity.key for entity in shown[key])))
            else:
                dropped = Counter({Reason.ENOUGH_IMAGES: len(shown[key]) - len(room)})
                outcomes.append(self._settle(figure, articles[figure.article_url], room, registry, fetched, dropped))
        return outcomes

    def _settle(
        self,
        figure: Figure,
        article: Article,
        shown: Sequence[Shown],
        registry: Registry,
        fetched: Mapping[str, Exchange | FetchError],
        dropped: Counter[Reason],
    ) -> Outcome:
        """Decide one figure. Earlier figures' pictures, stored or of this batch, are in the registry."""
        if (first := registry.at(figure.image_url)) is not None:
            return self._copy(figure, first, Reason.DUPLICATE_IMAGE, shown, registry, dropped)
        answer = fetched[figure.image_url]
        if isinstance(answer, FetchFailed):
            return Failed(figure.id, f"{figure.image_url}: {answer}")
        if isinstance(answer, FetchError):
            reason = _REASONS.get(answer.reason, Reason.HTTP_STATUS)
            return Rejected(figure.id, reason, f"{figure.image_url}: {answer.message}")
        if answer.consent.opt_out and self._web.respect_opt_out:
            return Rejected(figure.id, Reason.OPT_OUT, f"{figure.image_url}: {answer.consent.reason}")
        try:
            picture = read_picture(answer.body, min_side=self._settings.min_side, max_pixels=self._settings.max_pixels)
        except BadImageError as error:
            return Rejected(figure.id, error.reason, f"{figure.image_url}: {error.detail}")
        sha256, frame = self._blobs.put(answer.body), Frame(picture.thumb)
        found = registry.copy_of(sha256, picture.phash, frame, [entity.key for entity in shown])
        if found is not None:
            return self._copy(figure, *found, shown, registry, dropped)
        image = Image(
            id=short_id("image", sha256),
            figure_id=figure.id,
            image_url=figure.image_url,
            article_url=article.url,
            sha256=sha256,
            width=picture.width,
            height=picture.height,
            format=picture.format,
            phash=f"{picture.phash:016x}",
            caption=figure.caption,
            credit=figure.credit,
            published_at=article.published_at,
            fetched_at=answer.fetched_at,
            consent=_consent(answer.consent),
        )
        self._frames.put(sha256, frame)
        registry.add(Kept(image.id, figure.image_url, sha256, picture.phash))
        return Done(figure.id, [image, *self._depictions(image.id, shown, registry)], dropped)

    def _copy(
        self,
        figure: Figure,
        first: str,
        reason: Reason,
        shown: Sequence[Shown],
        registry: Registry,
        dropped: Counter[Reason],
    ) -> Outcome:
        """Turn a copy away; an entity that only its own article says it shows is noted with the first copy."""
        depictions = self._depictions(first, shown, registry)
        if not depictions:
            return Rejected(figure.id, reason, f"{figure.image_url} is a copy of image {first}")
        return Done(figure.id, depictions, dropped + Counter({reason: 1}))

    @staticmethod
    def _depictions(image_id: str, shown: Sequence[Shown], registry: Registry) -> list[Depiction]:
        """Make the depictions that no other figure has made."""
        rows = []
        for entity in shown:
            if not registry.shows(image_id, entity.key):
                registry.show(image_id, entity.key)
                key = short_id("depiction", image_id, entity.key)
                rows.append(Depiction(id=key, image_id=image_id, entity_key=entity.key, support=entity.support))
        return rows

    def _room(self, registry: Registry, shown: Sequence[Shown]) -> list[Shown]:
        """Return the entities that have not enough pictures yet."""
        return [entity for entity in shown if registry.count(entity.key) < self._settings.max_per_entity]

    def _opted_out(self, session: Session, urls: set[str]) -> dict[str, str]:
        """Return the articles whose own page opts out, and how."""
        if not self._web.respect_opt_out:
            return {}
        consents = session.execute(select(Page.url, Page.consent).where(Page.url.in_(urls)))
        return {url: str(consent.get("reason")) for url, consent in consents if consent.get("opt_out")}

    def _registry(self, session: Session, batch: Sequence[str]) -> Registry:
        """Collect what earlier batches kept; the batch's own former rows are about to be replaced."""
        registry = Registry(self._settings.near_duplicate_bits, self._frames.get)
        images = (
            select(Image.id, Image.image_url, Image.sha256, Image.phash)
            .outerjoin(Figure, Figure.id == Image.figure_id)
            .where(Image.origin.not_in(batch))
            .order_by(
                Image.published_at.is_(None), Image.published_at, Image.article_url, Figure.position, Image.figure_id
            )
        )
        for row in session.execute(images):
            registry.add(Kept(row.id, row.image_url, row.sha256, int(row.phash, 16)))
        depictions = select(Depiction.image_id, Depiction.entity_key).where(Depiction.origin.not_in(batch))
        for image_id, entity_key in session.execute(depictions):
            registry.show(image_id, entity_key)
        return registry

    def _stored_frame(self, sha256: str) -> Frame:
        return Frame(read_picture(self._blobs.get(sha256), min_side=1, max_pixels=self._settings.max_pixels).thumb)


def _named(session: Session, urls: set[str] | None = None) -> dict[str, tuple[NamedEntity, ...]]:
    """Novel and emerging entities by article (of those given, or of all)."""
    entities = session.execute(select(Entity.key, Entity.name, Entity.aliases))
    names = {key: (name, *aliases) for key, name, aliases in entities}
    mentions = select(Mention.article_url, Mention.field, Mention.figure_id, Mention.entity_key)
    if urls is not None:
        mentions = mentions.where(Mention.article_url.in_(urls))
    return by_article(list(session.execute(mentions).tuples()), names)


def _consent(consent: Consent) -> dict[str, Any]:
    return {
        "robots": consent.robots.value,
        "opt_out": consent.opt_out,
        "reason": consent.reason,
        "checked_at": consent.checked_at.isoformat(),
    }
