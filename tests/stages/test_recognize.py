from pathlib import Path

from sqlalchemy import select

from nest_builder.reasons import Reason
from nest_builder.store.session import Store
from nest_builder.store.tables import Article, Claim, Figure, LedgerEntry, Mention
from tests.stages.news_store import ARTICLES, news_store, recognize, run


def rows(store: Store) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    with store.sessions() as session:
        mentions = [(row.id, row.digest) for row in session.scalars(select(Mention).order_by(Mention.id))]
        claims = [(row.id, row.digest) for row in session.scalars(select(Claim).order_by(Claim.id))]
    return mentions, claims


def test_mentions_stand_where_they_say_and_claims_have_dates(tmp_path: Path) -> None:
    store = news_store(tmp_path)
    report = run(store, recognize())
    assert (report.done, report.rejected) == (3, 1)
    with store.sessions() as session:
        for mention in session.scalars(select(Mention)):
            article = session.get_one(Article, mention.article_url)
            if mention.field == "caption":
                text = session.get_one(Figure, mention.figure_id).caption
            else:
                text = article.title if mention.field == "title" else article.text
            assert text[mention.start : mention.end] == mention.surface
            assert mention.surface in mention.sentence
        short = session.scalars(select(Mention).where(Mention.surface == "Okoro")).one()
        assert short.entity_key == "ada okoro/person"
        claims = {(claim.entity_key, claim.relation, claim.value): claim for claim in session.scalars(select(Claim))}
        took = claims["ada okoro/person", "holds_office", "mayor of Harwick"]
        assert took.date is not None
        assert took.date.date().isoformat() == ARTICLES["http://one.test/mayor"][0]
        assert claims["vantor k3/product", "looks", "teal, with white stripes"].polarity == "stated"
        entry = session.get_one(LedgerEntry, ("recognize", "http://three.test/sport"))
        assert entry.reason == Reason.NO_ENTITY


def test_a_second_run_reads_nothing_and_batches_do_not_matter(tmp_path: Path) -> None:
    store = news_store(tmp_path / "a")
    run(store, recognize())
    again = recognize()
    assert run(store, again).worked == 0
    single = news_store(tmp_path / "b")
    one_by_one = recognize()
    one_by_one.batch_size = 1
    run(single, one_by_one)
    assert rows(single) == rows(store)


def test_a_changed_caption_reads_its_article_again(tmp_path: Path) -> None:
    store = news_store(tmp_path)
    run(store, recognize())
    with store.sessions() as session:
        figure = session.scalars(select(Figure).where(Figure.article_url == "http://two.test/k3")).one()
        figure.caption = "Mira Senn at the pier."
        figure.seal(figure.origin)
        session.commit()
    assert run(store, recognize()).worked == 1
    with store.sessions() as session:
        assert session.scalars(
            select(Mention.entity_key).where(Mention.field == "caption", Mention.surface == "Mira Senn")
        ).all()
