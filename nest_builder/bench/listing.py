"""What a store that has grown costs before any work is done: listing what is pending, and what a batch reads of all earlier ones."""

import datetime as dt
import hashlib
import tempfile
import time
from pathlib import Path

from sqlalchemy import insert

from nest_builder.clock import system_clock
from nest_builder.config import ExtractSettings
from nest_builder.digest import digest
from nest_builder.news.duplicates import signature
from nest_builder.runner import Runner
from nest_builder.stage import Batch
from nest_builder.stages.extract import Extract
from nest_builder.store.session import open_store
from nest_builder.store.tables import Article, Entry, Page

ARTICLES = 20_000
_DAY = dt.datetime(2025, 10, 1, tzinfo=dt.UTC)
_TEXT = "The harbour of Harwick got a new crane on Tuesday, its keeper said to a small crowd of people from the town. "


def measure(articles: int = ARTICLES) -> dict[str, float]:
    """Return what the stage ``extract``, which compares each article with all before it, costs in a store of so many.

    Returns:
        Processor time: microseconds an article to list what is pending, and seconds that a batch takes for a single page.
    """
    with tempfile.TemporaryDirectory(prefix="nest-bench-") as scratch:
        store = open_store(f"sqlite:///{Path(scratch) / 'nest.sqlite'}", str(Path(scratch) / "blobs"))
        body = store.blobs.put(f"<html><body><article>{f'<p>{_TEXT}</p>' * 8}</article></body></html>".encode())
        urls = [f"http://outlet{number % 1000}.example/{number}" for number in range(articles + 1)]
        marks = {url: hashlib.sha256(url.encode()).hexdigest() for url in urls}
        shingles = signature(_TEXT)
        with store.sessions() as session:
            session.execute(
                insert(Entry),
                [
                    {
                        "url": url,
                        "source": "s",
                        "title": "t",
                        "summary": "",
                        "published_at": _DAY,
                        "authors": [],
                        "media": [],
                    }
                    | {"origin": url, "digest": marks[url]}
                    for url in urls
                ],
            )
            session.execute(
                insert(Page),
                [
                    {"url": url, "responded_url": url, "source": "s", "content_type": "text/html", "body_sha256": body}
                    | {"fetched_at": _DAY, "consent": {}, "origin": url, "digest": marks[url]}
                    for url in urls
                ],
            )
            session.execute(
                insert(Article),
                [
                    {
                        "url": url,
                        "site": "s",
                        "title": "t",
                        "text": _TEXT,
                        "authors": [],
                        "published_at": _DAY,
                        "language": "en",
                    }
                    | {
                        "text_hash": marks[url],
                        "signature": shingles[:-8] + marks[url][:8],
                        "origin": url,
                        "digest": marks[url],
                    }
                    for url in urls[:-1]
                ],
            )
            session.commit()
        stage, runner = Extract(ExtractSettings(), store.blobs), Runner(store.sessions, system_clock)
        started = time.process_time()
        batches, _ = runner.pending(stage)
        listing = time.process_time() - started
        first, *_, last = sorted(
            (item for batch in batches for item in batch.items), key=lambda item: item.key == urls[-1]
        )
        runner.run_batch(stage, Batch(stage.name, (first,), (digest("bench"),)))  # libraries load with the first page
        started = time.process_time()
        runner.run_batch(stage, Batch(stage.name, (last,), (digest("bench"),)))
        batch = time.process_time() - started
        store.close()
    return {
        "listing_cpu_us_an_article": round(1e6 * listing / articles, 1),
        f"batch_cpu_seconds_at_{articles}_articles": round(batch, 2),
    }
