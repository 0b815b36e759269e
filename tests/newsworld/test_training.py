from collections import Counter

from nest_builder.newsworld.canon import build_canon
from nest_builder.newsworld.training import training_texts


def test_spans_lie_on_names() -> None:
    texts = training_texts(11, 1200)
    assert len(texts) == 1200
    labels: Counter[str] = Counter()
    for text, spans in texts:
        assert text
        at = 0
        for start, end, label in spans:
            assert at <= start < end <= len(text)
            assert text[start:end] == text[start:end].strip()
            labels[label] += 1
            at = end
    assert set(labels) == {"PERSON", "ORG", "GPE", "FAC", "PRODUCT", "EVENT"}
    assert min(labels.values()) > 40


def test_seeds_repeat_and_differ() -> None:
    assert training_texts(1, 50) == training_texts(1, 50)
    assert training_texts(1, 50) != training_texts(2, 50)


def test_no_names_of_the_real_canon_are_learnt() -> None:
    real = {entity.name for entity in build_canon().entities}
    met = {text[a:b] for text, spans in training_texts(5, 1500) for a, b, _ in spans}
    assert len(real & met) <= 2
