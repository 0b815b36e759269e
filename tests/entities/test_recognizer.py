from pathlib import Path

import pytest

from nest_builder.config import EntitySettings
from nest_builder.entities.base import Span
from nest_builder.entities.linking import longest
from nest_builder.entities.recognizer import SpacyRecognizer, model_hash
from tests.entities.marked import SNAPSHOT

MODEL = EntitySettings().spacy_model


@pytest.fixture(scope="module")
def recognizer() -> SpacyRecognizer:
    return SpacyRecognizer(MODEL, SNAPSHOT)


def names(recognizer: SpacyRecognizer, text: str) -> list[tuple[str, str]]:
    (reading,) = recognizer.read([text])
    return [(reading.text[span.start : span.end], span.label) for span in reading.spans]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("On Monday Corvane unveiled the Corvane Pulse 3, a phone, in Milford.", ("Corvane Pulse 3", "PRODUCT")),
        ("Priya Ramanujan, a sculptor, spoke in London.", ("Priya Ramanujan", "PERSON")),
        ("The Vantor Atlas is old.", ("Vantor Atlas", "PRODUCT")),  # of the snapshot
        ("They compared it with the Vantor Atlas 2 on Friday.", ("Vantor Atlas 2", "PRODUCT")),  # not of the snapshot
        ("Children hugged Zub the Owl all day.", ("Zub the Owl", "PRODUCT")),
    ],
)
def test_names_are_found(recognizer: SpacyRecognizer, text: str, expected: tuple[str, str]) -> None:
    assert expected in names(recognizer, text)


def test_a_plain_word_at_the_head_of_a_sentence_is_no_alias(recognizer: SpacyRecognizer) -> None:
    assert names(recognizer, "Dart away, they said.") == []


def test_a_text_is_read_alike_alone_and_among_others(recognizer: SpacyRecognizer) -> None:
    texts = ["Ada Okoro came to Harwick. She left.", "", "The Lumo Dart won.", "x" * 30_000]
    together = recognizer.read(texts)
    assert together == [recognizer.read([text])[0] for text in texts]
    assert together[0].sentences == ((0, 26), (27, 36))


def test_the_longer_of_overlapping_names_wins() -> None:
    spans = [Span(0, 5, "GPE"), Span(0, 12, "ORG"), Span(8, 19, "PERSON"), Span(30, 34, "GPE"), Span(30, 34, "ORG")]
    assert longest(spans) == (Span(0, 12, "ORG"), Span(30, 34, "GPE"))


def test_hashes_need_no_loading(tmp_path: Path) -> None:
    assert model_hash(MODEL) == model_hash(MODEL)
    (tmp_path / "config.cfg").write_text("a")
    first = model_hash(str(tmp_path))
    (tmp_path / "README.md").write_text("changes nothing")
    assert model_hash(str(tmp_path)) == first
    (tmp_path / "config.cfg").write_text("b")
    assert model_hash(str(tmp_path)) != first
    with pytest.raises(FileNotFoundError, match="pip install"):
        model_hash("no_such_pipeline")
