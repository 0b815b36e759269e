"""A small consistent store with made-up rows, for tests of whatever reads the store."""

import datetime as dt
import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pictures
from PIL import ImageDraw
from pycocotools import mask as coco
from sqlalchemy import select

from nest_builder.digest import short_id
from nest_builder.reasons import Reason
from nest_builder.store.session import Store, open_store
from nest_builder.store.tables import (
    Annotation,
    Article,
    Claim,
    Depiction,
    Entity,
    Entry,
    Figure,
    Image,
    LedgerEntry,
    Mention,
    Page,
    Row,
    Sample,
    SourceState,
    StageRun,
)

NOW = dt.datetime(2025, 10, 1, 6, tzinfo=dt.UTC)
START = dt.datetime(2025, 7, 1, 8, tzinfo=dt.UTC)
HOSTS = ("harbourpost.newsworld.test", "techledger.newsworld.test", "citywire.newsworld.test")
COLOURS = ("teal", "crimson", "olive", "orange", "purple", "navy")
HYPERNYMS = ("car", "phone", "person", "robot", "boat")
SAMPLES_PER_ENTITY = 3
NEGATIVE_EVERY = 6  # every sixth sample is a negative

REJECTIONS: tuple[tuple[str, Reason, int], ...] = (
    ("collect", Reason.ROBOTS, 4),
    ("collect", Reason.NOT_FOUND, 2),
    ("extract", Reason.DUPLICATE_ARTICLE, 3),
    ("extract", Reason.LANGUAGE, 2),
    ("assess", Reason.KNOWN, 5),
    ("gather", Reason.TRACKING_PIXEL, 3),
    ("gather", Reason.NEAR_DUPLICATE_IMAGE, 2),
    ("annotate", Reason.UNCLEAR_TARGET, 4),
)


def new_store(folder: Path) -> Store:
    """Open a store of its own in a folder."""
    return open_store(f"sqlite:///{folder / 'nest.sqlite'}", str(folder / "blobs"))


def fill_store(store: Store, n: int) -> None:
    """Fill a store as the stages up to ``ask`` would leave it.

    Sample ``i`` is about entity ``i // 3``, novel or emerging in turn, in a picture and an article of its own; every
    sixth one is a negative; confidences run through 0.4 ... 1; articles are spread evenly over July to September 2025.

    Args:
        store: An empty store.
        n: Number of samples.
    """
    rows: list[Row] = []
    for host in HOSTS:
        url = f"http://{host}/feed.xml"
        rows.append(
            _sealed(SourceState(url=url, etag='"1"', last_modified=None, body_sha256="0" * 64, fetched_at=NOW), url)
        )
    entities = [_entity(number) for number in range((n + SAMPLES_PER_ENTITY - 1) // SAMPLES_PER_ENTITY)]
    for number in range(n):
        entity = entities[number // SAMPLES_PER_ENTITY]
        rows.extend(_story(store, number, n, entity))
    for entity in entities:
        stories = [row for row in rows if isinstance(row, Mention) and row.entity_key == entity.key]
        entity.article_urls = sorted({mention.article_url for mention in stories})
        entity.seal(entity.key)
    with store.sessions() as session:
        session.add_all([*rows, *entities])
        session.add_all(_ledger(rows, entities))
        for stage in ("collect", "extract", "recognize", "assess", "gather", "annotate", "ask"):
            session.add(StageRun(run="build-1", stage=stage, started_at=NOW, seconds=1.5, counts={}))
        session.commit()


def add_story(
    store: Store,
    number: int,
    entity_key: str | None = None,
    at: dt.datetime = NOW,
    phash: str | None = None,
    picture: str | None = None,
    p_correct: float = 0.9,
) -> str:
    """Add one sample with all that it hangs on, as `fill_store` makes them, and return its id.

    Args:
        store: The store.
        number: No other sample's; the picture's and the article's too.
        entity_key: An entity's, which is made if it is not there; by default the first one's.
        at: When its article appeared.
        phash: The picture's perceptual hash, 16 hexadecimal digits; by default that of no other.
        picture: SHA-256 of another story's picture, for the same file once more; by default a new one.
        p_correct: The annotation's confidence.
    """
    with store.sessions() as session:
        entity = session.get(Entity, entity_key) if entity_key else session.scalars(select(Entity)).first()
        if entity is None:
            entity = _entity(number)
            entity.key, entity.name = str(entity_key), str(entity_key).replace("-", " ").title()
            entity.seal(entity.key)
        rows = _story(store, number, 1, entity)
        for row in rows:
            if isinstance(row, Article | Image):
                row.published_at = at
            if isinstance(row, Image):
                row.phash, row.sha256 = phash or row.phash, picture or row.sha256
            if isinstance(row, Annotation):
                row.p_correct = p_correct
            row.seal(row.origin)
        session.add_all([entity, *rows])
        session.commit()
    return short_id("sample", number)


def draw_picture(number: int, width: int = 240, height: int = 180, quality: int = 85) -> tuple[bytes, np.ndarray]:
    """Draw a JPEG with one object in it.

    Returns:
        The file, and the object's mask (height, width) of zeros and ones.
    """
    random = np.random.default_rng(number)
    picture = Pictures.fromarray(_texture(random, width, height))
    mask = Pictures.new("L", (width, height))
    x, y = int(random.integers(10, width // 2)), int(random.integers(10, height // 2))
    shape = (x, y, x + int(random.integers(40, width // 2 - 10)), y + int(random.integers(40, height // 2 - 10)))
    draw = "ellipse" if number % 2 else "rectangle"
    getattr(ImageDraw.Draw(picture), draw)(shape, fill=COLOURS[number % len(COLOURS)], outline="white", width=2)
    getattr(ImageDraw.Draw(mask), draw)(shape, fill=1)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue(), np.asarray(mask)


def rle_of(mask: np.ndarray) -> dict[str, Any]:
    """Encode a mask (height, width) as COCO's compressed RLE."""
    rle = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": [int(side) for side in rle["size"]], "counts": rle["counts"].decode()}


def _texture(random: np.random.Generator, width: int, height: int) -> np.ndarray:
    coarse = Pictures.fromarray(random.integers(90, 230, (6, 8, 3), dtype=np.uint8)).resize(
        (width, height), Pictures.Resampling.BICUBIC
    )
    noise = random.normal(0, 4, (height, width, 3))
    return np.clip(np.asarray(coarse) + noise, 0, 255).astype(np.uint8)


def _sealed(row: Row, origin: str) -> Row:
    row.seal(origin)
    return row


def _entity(number: int) -> Entity:
    emerging = number % 3 == 2
    hypernym = "person" if emerging else HYPERNYMS[number % len(HYPERNYMS)]
    name = f"{('Veltra', 'Okoro', 'Kestrel', 'Marlow', 'Zephyr')[number % 5]} {number + 1}"
    colour = COLOURS[number * SAMPLES_PER_ENTITY % len(COLOURS)]
    seen = START + dt.timedelta(days=number % 60)
    return Entity(
        key=f"{name.lower().replace(' ', '-')}",
        name=name,
        aliases=[f"the {name}"],
        type="PERSON" if hypernym == "person" else "PRODUCT",
        hypernym=hypernym,
        colour=colour,
        description=f"the {colour} {hypernym}, marked with a star",
        category="emerging" if emerging else "novel",
        relation="holds_office" if emerging else "launched",
        role="mayor of Harwick" if emerging else "",
        first_seen=seen,
        evidence=[
            {
                "kind": "article",
                "source": HOSTS[0],
                "url": f"http://{HOSTS[0]}/2025/07/{number}",
                "date": f"{seen:%Y-%m-%d}",
                "text": f"{name} was presented on Tuesday.",
                "verdict": "after the cutoff",
            },
            {
                "kind": "encyclopedia",
                "source": "encyclopedia.newsworld.test",
                "url": None,
                "date": None,
                "text": f"No page about {name}.",
                "verdict": "not known before the cutoff",
            },
        ],
        article_urls=[],
    )


def _story(store: Store, number: int, n: int, entity: Entity) -> list[Row]:
    """One article with one figure, and all that came of it."""
    host = HOSTS[number % len(HOSTS)]
    at = START + dt.timedelta(minutes=int(number * 91 * 1440 / max(1, n)))
    url = f"http://{host}/{at:%Y/%m/%d}/story-{number}.html"
    image_url = f"http://{host}/images/{number}.jpg"
    text = f"{entity.name} drew a crowd on Tuesday. It is {entity.description}."
    body = store.blobs.put(f"<html><body><p>{text}</p></body></html>".encode())
    consent = {"robots": "allowed", "opt_out": False, "reason": None, "checked_at": NOW.isoformat()}
    source = f"http://{host}/feed.xml"
    picture, mask = draw_picture(number)
    sha = store.blobs.put(picture)
    negative = number % NEGATIVE_EVERY == NEGATIVE_EVERY - 1
    figure, image, annotation = (short_id(kind, number) for kind in ("figure", "image", "annotation"))
    ys, xs = np.nonzero(mask)
    box = [] if negative else [float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1)]
    caption = f"{entity.name} at the harbour on Tuesday."
    p_correct = round(0.4 + 0.6 * ((number * 7) % 13) / 12, 3)
    score = round(0.3 + p_correct / 2, 3)
    return [
        _sealed(
            Entry(url=url, source=source, title=f"Story {number}", summary="", published_at=at, authors=[], media=[]),
            source,
        ),
        _sealed(
            Page(
                url=url,
                responded_url=url,
                source=source,
                content_type="text/html",
                body_sha256=body,
                etag=None,
                last_modified=None,
                fetched_at=NOW,
                consent=consent,
            ),
            url,
        ),
        _sealed(
            Article(
                url=url,
                site=host,
                title=f"Story {number}",
                text=text,
                authors=["A. Writer"],
                published_at=at,
                language="en",
                text_hash=hashlib.sha256(text.encode()).hexdigest(),
                signature="",
            ),
            url,
        ),
        _sealed(
            Figure(
                id=figure,
                article_url=url,
                image_url=image_url,
                caption=caption,
                credit="P. Tographer",
                alt="",
                position=0,
            ),
            url,
        ),
        _sealed(
            Mention(
                id=short_id("mention", number),
                article_url=url,
                figure_id=None,
                field="text",
                start=0,
                end=len(entity.name),
                surface=entity.name,
                label=entity.type,
                entity_key=entity.key,
                sentence=text,
            ),
            url,
        ),
        _sealed(
            Claim(
                id=short_id("claim", number),
                article_url=url,
                entity_key=entity.key,
                relation="looks",
                value=entity.description,
                polarity="stated",
                date=at,
                sentence=text,
            ),
            url,
        ),
        _sealed(
            Image(
                id=image,
                figure_id=figure,
                image_url=image_url,
                article_url=url,
                sha256=sha,
                width=mask.shape[1],
                height=mask.shape[0],
                format="JPEG",
                phash=short_id("phash", number),
                caption=caption,
                credit="P. Tographer",
                published_at=at,
                fetched_at=NOW,
                consent=consent,
            ),
            figure,
        ),
        _sealed(
            Depiction(id=short_id("depiction", number), image_id=image, entity_key=entity.key, support="caption"),
            figure,
        ),
        _sealed(
            Annotation(
                id=annotation,
                image_id=image,
                entity_key=entity.key,
                phrase=f"{entity.colour} {entity.hypernym}.",
                negative=negative,
                box=box,
                boxes=[] if negative else [{"box": box, "score": score, "phrase": f"{entity.hypernym}."}],
                mask={} if negative else rle_of(mask),
                uncertainty={}
                if negative
                else {
                    "detector_score": score,
                    "predicted_iou": 0.91,
                    "stability": 0.95,
                    "box_agreement": 0.88,
                    "phrase_margin": 0.4,
                },
                p_correct=p_correct,
                detector="tests/detector",
                mask_model="tests/mask-model",
            ),
            image,
        ),
        _sealed(
            Sample(
                id=short_id("sample", number),
                annotation_id=annotation,
                image_id=image,
                entity_key=entity.key,
                question=f"Which {entity.hypernym} is {entity.name}? Segment it."
                if entity.category == "novel"
                else f"Who is the {entity.role} now? Segment them.",
                answer=entity.name,
                category=entity.category,
                negative=negative,
                support_text=text,
            ),
            annotation,
        ),
    ]


def _ledger(rows: list[Row], entities: list[Entity]) -> list[LedgerEntry]:
    made_by: dict[str, tuple[type[Row], ...]] = {
        "collect": (Page,),
        "extract": (Article,),
        "recognize": (Mention,),
        "gather": (Image,),
        "annotate": (Annotation,),
        "ask": (Sample,),
    }
    entries = [_entry("assess", entity.key) for entity in entities]
    for stage, tables in made_by.items():
        entries += [_entry(stage, row.origin) for row in rows if isinstance(row, tables)]
    for stage, reason, count in REJECTIONS:
        for number in range(count):
            host = HOSTS[number % len(HOSTS)]
            detail = f"http://{host}/rejected/{number}: {reason.value}"
            key = f"http://{host}/rejected/{stage}/{reason.name.lower()}/{number}"
            entries.append(_entry(stage, key, status="rejected", reason=reason.value, detail=detail))
    entries.append(_entry("ask", "several-parts", dropped={Reason.SEVERAL_TARGETS.value: 3}))
    return entries


def _entry(stage: str, item: str, **values: Any) -> LedgerEntry:
    settled: dict[str, Any] = {"status": "done", "reason": None, "detail": "", "dropped": {}, "attempts": 1, **values}
    return LedgerEntry(stage=stage, item=item, fingerprint="0" * 64, finished_at=NOW, **settled)
