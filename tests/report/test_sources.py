from pathlib import Path

import pytest
from sqlalchemy import select

from nest_builder.report.sources import host_of, read_sources, read_turned_away, refusals
from nest_builder.store.tables import Article
from tests.builders import HOSTS, NOW, fill_store, new_store


@pytest.mark.parametrize(
    ("url", "host"), [("https://a.test:81/x", "a.test"), ("nothing", "–"), ("http://[broken", "–"), ("", "–")]
)
def test_host_of(url: str, host: str) -> None:
    assert host_of(url) == host


def test_sources_and_what_was_turned_away(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    fill_store(store, 9)
    with store.sessions() as session:
        urls = list(session.scalars(select(Article.url)))
        sources = {source.host: source for source in read_sources(session, [{"article_url": urls[0]}])}
        turned = read_turned_away(session, examples=2)
    store.close()
    assert set(sources) == set(HOSTS)
    source = sources[HOSTS[0]]
    assert (source.entries, source.pages, source.articles, source.images) == (3, 3, 3, 3)
    assert source.fetched_at == NOW
    assert refusals(source) == {"robots disallow": 2, "not found": 1}
    assert sum(source.samples for source in sources.values()) == 1
    assert [(group.stage, group.reason, group.count) for group in turned][:3] == [
        ("collect", "robots disallow", 4),
        ("collect", "not found", 2),
        ("extract", "duplicate article", 3),
    ]
    assert all(len(group.examples) == min(2, group.count) for group in turned)
