import json
from pathlib import Path

import pytest
import spacy

from nest_builder.config import EntitySettings
from nest_builder.newsworld.training import training_texts
from nest_builder.tiny.ner import evaluate, newsworld_sentences, train
from nest_builder.tiny.ner_corpora import Sentence, names_only, paragraphs, read_conll, training_sentences

UNER = """# newdoc
# text = Ada Okoro 's car
1\tAda\tB-PER\t-\tx
2\tOkoro\tI-PER\t-\tx
3\t's\tO\t-\tx
4\tcar\tO\t-\tx

1\tHarwick\tB-LOC\t-\tx
"""


def found(sentence: Sentence) -> list[tuple[str, str | None]]:
    return [(sentence.text[start:end], label) for start, end, label in sentence.spans]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.iob2", UNER, [("Ada Okoro's car", [("Ada Okoro", "PERSON")]), ("Harwick", [("Harwick", "GPE")])]),
        (
            "b.txt",
            "010 I-MISC\nby O\nMad I-ORG\nBand I-ORG\n. O\n",
            [("010 by Mad Band.", [("010", None), ("Mad Band", "ORG")])],
        ),
        ("c.conll", "The\tO\nK3\tB-product\nB2\tB-product\n", [("The K3 B2", [("K3", "PRODUCT"), ("B2", "PRODUCT")])]),
        ("d.conll", '"\tO\nYes\tO\n"\tO\n(\tO\nAda\tB-PER\n)\tO\n', [('"Yes" (Ada)', [("Ada", "PERSON")])]),
        ("e.conll", "\n\n", []),
    ],
)
def test_corpora_become_running_text_with_one_set_of_labels(
    tmp_path: Path, name: str, text: str, expected: list[tuple[str, list[tuple[str, str | None]]]]
) -> None:
    (tmp_path / name).write_text(text)
    assert [(sentence.text, found(sentence)) for sentence in read_conll(tmp_path / name)] == expected


def test_tweets_that_address_users_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "t.conll").write_text("@\tB-PER\nada\tB-PER\nhi\tO\n\nHarwick\tB-LOC\n")
    assert [sentence.text for sentence in read_conll(tmp_path / "t.conll", tweets=True)] == ["Harwick"]


def test_marked_words_that_are_no_names_stay_open() -> None:
    text = "We met the two leaders and Foreign Minister and Ada Okoro"
    marked = [("We", "ORG"), ("the two leaders", "ORG"), ("Foreign Minister", "PERSON"), ("Ada Okoro", "PERSON")]
    sentence = Sentence(text, tuple((text.index(word), text.index(word) + len(word), label) for word, label in marked))
    assert [label for _, label in found(names_only(sentence))] == [None, None, None, "PERSON"]


def test_paragraphs_keep_spans_in_place() -> None:
    joined = paragraphs([Sentence("In Rome.", ((3, 7, "GPE"),)), Sentence("Ada left.", ((0, 3, "PERSON"),))], 2)
    assert [found(sentence) for sentence in joined] == [[("Rome", "GPE"), ("Ada", "PERSON")]]


def test_training_without_the_corpora_is_possible(tmp_path: Path) -> None:
    assert training_sentences(tmp_path / "missing") == {}


def test_training_repeats_to_the_byte_and_ships_no_text() -> None:
    texts = newsworld_sentences(training_texts, [1000], 60)
    runs = [train({"newsworld": texts}, seed=seed, minutes=5, epochs=1) for seed in (0, 0, 1)]
    first, same, other = (nlp.get_pipe("ner").to_bytes() for nlp, _ in runs)
    assert first == same
    assert first != other
    word = max(texts[0].text.split(), key=len)
    assert word not in runs[0][0].vocab.strings
    assert runs[0][1] == runs[1][1]


def test_the_shipped_pipeline_keeps_its_score_and_size() -> None:
    folder = Path(EntitySettings().spacy_model)
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) <= 10_000_000
    assert json.loads((folder / "training.json").read_text())["seed"] == 0
    scores = evaluate(spacy.load(folder), newsworld_sentences(training_texts, [3], 150))
    assert scores["f1"] >= 94
