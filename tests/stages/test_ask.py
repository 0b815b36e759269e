import datetime as dt
from pathlib import Path

import pytest
from sqlalchemy import select

from nest_builder.config import AskSettings
from nest_builder.reasons import Reason
from nest_builder.stages.ask import Ask
from nest_builder.store.session import Store
from nest_builder.store.tables import Annotation, Article, Entity, Image, LedgerEntry, Sample
from tests.stages.news_store import assess, news_store, recognize, run

MAYOR, DRONE, RUMOUR = "http://one.test/mayor", "http://two.test/k3", "http://two.test/rumour"


def image(url: str, caption: str = "") -> Image:
    day = dt.datetime(2025, 8, 2, tzinfo=dt.UTC)
    return Image(
        id=f"i{len(url)}", figure_id=f"f{len(url)}", image_url=f"{url}.jpg", article_url=url, sha256="0" * 64,
        width=64, height=48,
        format="JPEG", phash="0" * 16, caption=caption, credit="", published_at=day, fetched_at=day, consent={},
    )  # fmt: skip


def annotation(name: str, picture: Image, key: str, *, negative: bool = False, p: float = 0.9) -> Annotation:
    return Annotation(
        id=name, image_id=picture.id, entity_key=key, phrase="x", negative=negative, box=[], boxes=[], mask={},
        uncertainty={},
        p_correct=p, detector="d", mask_model="m",
    )  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = news_store(tmp_path)
    run(store, recognize())
    run(store, assess())
    mayor, drone, other = image(MAYOR), image(DRONE), image(RUMOUR)
    rows = [
        mayor, drone, other,
        annotation("ada", mayor, "ada okoro/person"),
        annotation("k3", drone, "vantor k3/product"),
        annotation("absent", mayor, "ada okoro/person", negative=True),
        annotation("stray", other, "vantor k3/product"),
        annotation("faint", drone, "vantor k3/product", p=0.1),
    ]  # fmt: skip
    with store.sessions() as session:
        for row in rows:
            row.seal("test")
        session.add_all(rows)
        session.commit()
    return store


def samples(store: Store, annotation: str) -> list[Sample]:
    with store.sessions() as session:
        return list(session.scalars(select(Sample).where(Sample.annotation_id == annotation).order_by(Sample.id)))


def outcome(store: Store, annotation: str) -> str | None:
    with store.sessions() as session:
        return session.get_one(LedgerEntry, ("ask", annotation)).reason


def test_questions_have_answers_and_support_in_the_article(store: Store) -> None:
    run(store, Ask(AskSettings(min_p_correct=0.2), {}))
    with store.sessions() as session:
        found = list(session.scalars(select(Sample)))
        for sample in found:
            article = session.get_one(Article, session.get_one(Image, sample.image_id).article_url)
            assert sample.answer in article.title + article.text
            assert sample.answer in sample.support_text
            assert (sample.category == "emerging") == (sample.entity_key == "ada okoro/person")
    assert {sample.annotation_id for sample in found} == {"ada", "k3", "absent"}
    assert len(samples(store, "ada")) == 2
    assert all(
        "Okoro" not in sample.question and "mayor of Harwick" in sample.question for sample in samples(store, "ada")
    )
    assert "sworn in" in samples(store, "ada")[0].support_text


def test_negatives_say_so_and_are_asked_like_the_rest(store: Store) -> None:
    run(store, Ask(AskSettings(), {}))
    absent = samples(store, "absent")
    assert len(absent) == 2
    assert all(sample.negative for sample in absent)
    assert not any(sample.negative for sample in samples(store, "ada"))


def test_what_cannot_be_asked_is_rejected_for_a_reason(store: Store) -> None:
    run(store, Ask(AskSettings(min_p_correct=0.2), {}))
    assert outcome(store, "stray") == Reason.ANSWER_NOT_IN_ARTICLE
    assert outcome(store, "faint") == Reason.LOW_CONFIDENCE


def test_two_holders_of_a_role_are_several_targets(store: Store) -> None:
    with store.sessions() as session:
        ada = session.get_one(Entity, "ada okoro/person")
        twin = Entity(**ada.content() | {"key": "mira senn/person", "name": "Mira Senn", "aliases": []})
        twin.seal("mira senn/person")
        session.add(twin)
        session.commit()
    run(store, Ask(AskSettings(), {}))
    assert outcome(store, "ada") == Reason.SEVERAL_TARGETS
    assert not samples(store, "ada")


@pytest.mark.parametrize(
    ("hypernyms", "kept"), [({"rotorcraft": ("drone",)}, 2), ({"machine": ("drone",)}, 1), ({}, 1)]
)
def test_a_plain_word_of_the_settings_gives_nothing_away(
    store: Store, hypernyms: dict[str, tuple[str, ...]], kept: int
) -> None:
    with store.sessions() as session:
        drone = session.get_one(Entity, "vantor k3/product")
        drone.hypernym, drone.aliases = "rotorcraft", ["Rotorcraft"]
        drone.seal(drone.origin)
        session.commit()
    run(store, Ask(AskSettings(), {}))
    assert len(samples(store, "k3")) == 1  # the built-in list does not know the word
    run(store, Ask(AskSettings(), hypernyms))
    assert len(samples(store, "k3")) == kept
    assert run(store, Ask(AskSettings(), hypernyms)).worked == 0


def test_a_second_run_does_nothing_and_batches_do_not_matter(store: Store) -> None:
    run(store, Ask(AskSettings(), {}))
    assert run(store, Ask(AskSettings(), {})).worked == 0
    with store.sessions() as session:
        first = [(row.id, row.digest) for row in session.scalars(select(Sample).order_by(Sample.id))]
        for row in session.scalars(select(LedgerEntry).where(LedgerEntry.stage == "ask")):
            session.delete(row)
        session.commit()
    single = Ask(AskSettings(), {})
    single.batch_size = 1
    run(store, single)
    with store.sessions() as session:
        assert first == [(row.id, row.digest) for row in session.scalars(select(Sample).order_by(Sample.id))]
