"""Trains the shipped spaCy pipeline: HashEmbedCNN, a transition-based NER and a rule that splits sentences.

``python -m nest_builder.tiny.ner --seed 0 --out data/models/spacy-news`` reproduces it on one core.
"""

import argparse
import json
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import Config, compounding, fix_random_seed

from nest_builder.tiny.ner_corpora import Sentence, dev_sentences, training_sentences

log = logging.getLogger(__name__)

LABELS: Final = ("PERSON", "ORG", "GPE", "FAC", "PRODUCT", "EVENT", "WORK")
TRAIN_SEEDS: Final = range(1000, 1020)
CHECK_SEEDS: Final = range(5)
SHARED_NER: Final = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "ner"

CONFIG: Final = """
[nlp]
lang = "en"
pipeline = ["sentencizer", "ner"]
batch_size = 256

[components]

[components.sentencizer]
factory = "sentencizer"

[components.ner]
factory = "ner"

[components.ner.model]
@architectures = "spacy.TransitionBasedParser.v2"
state_type = "ner"
extra_state_tokens = false
hidden_width = 64
maxout_pieces = 2
use_upper = true

[components.ner.model.tok2vec]
@architectures = "spacy.HashEmbedCNN.v2"
width = 96
depth = 4
embed_size = 4000
window_size = 1
maxout_pieces = 3
subword_features = true
pretrained_vectors = null
"""

NewsTexts = Callable[[int, int], Sequence[tuple[str, Sequence[tuple[int, int, str]]]]]


def build(sentences: Sequence[Sentence], seed: int) -> Language:
    """Make an untrained pipeline whose weights depend on ``seed``."""
    fix_random_seed(seed)
    nlp = spacy.util.load_model_from_config(Config().from_str(CONFIG), auto_fill=True)
    for label in LABELS:
        _ner(nlp).add_label(label)
    sample = [example(nlp, sentence) for sentence in sentences[:200]]
    nlp.initialize(lambda: sample)
    return nlp


def example(nlp: Language, sentence: Sentence) -> Example:
    """Pair a text with its spans; tokens of spans without a label, or cut by the tokeniser, stay open."""
    predicted = nlp.make_doc(sentence.text)
    reference = nlp.make_doc(sentence.text)
    known, missing = list[Span](), list[Span]()
    for start, end, label in sentence.spans:
        exact = reference.char_span(start, end, label=label or "O")
        if exact is not None and label is not None:
            known.append(exact)
        elif (loose := reference.char_span(start, end, alignment_mode="expand")) is not None:
            missing.append(loose)
    known = spacy.util.filter_spans(known)
    taken = {token.i for span in known for token in span}
    missing = [span for span in spacy.util.filter_spans(missing) if not taken & {token.i for token in span}]
    reference.set_ents(known, missing=missing, default="outside")
    return Example(predicted, reference)


def train(
    corpora: dict[str, list[Sentence]], seed: int, minutes: float, epochs: int, dropout: float = 0.2
) -> tuple[Language, dict[str, Any]]:
    """Train until ``epochs`` or ``minutes`` are over; the weights are averaged over the steps.

    Args:
        corpora: Name -> texts.
        seed: Of weights, order and dropout.
        minutes: A bound on time for slow machines; a run that it cuts short is not reproducible to the byte, and the
            record says so.
        epochs: Passes over all texts.
        dropout: Share of units dropped.

    Returns:
        The pipeline and a record of the run.
    """
    everything = [sentence for name in sorted(corpora) for sentence in corpora[name]]
    order = random.Random(seed)
    order.shuffle(everything)
    nlp = build(everything, seed)
    examples = [example(nlp, sentence) for sentence in everything]
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.001
    started, steps, done = time.monotonic(), 0, 0
    sizes = compounding(16.0, 64.0, 1.002)
    total = epochs
    for epoch in range(total):
        order.shuffle(examples)
        losses: dict[str, float] = {}
        optimizer.learn_rate = 0.001 * (1.0 - 0.9 * epoch / max(1, total - 1))
        for batch in spacy.util.minibatch(examples, size=sizes):  # type: ignore[no-untyped-call]
            # A batch of the network's own predictions would leak through the documents: each step starts from clean
            # ones.
            fresh = [Example(nlp.make_doc(item.reference.text), item.reference) for item in batch]
            nlp.update(fresh, sgd=optimizer, drop=dropout, losses=losses)
            steps += 1
        done += 1
        log.info("epoch %d: loss %.0f, %d steps, %.0f s", done, losses["ner"], steps, time.monotonic() - started)
        if time.monotonic() - started > 60 * minutes:
            break
    record = {
        "seed": seed, "epochs": done, "epochs_asked": epochs, "steps": steps,
        "texts": {name: len(texts) for name, texts in sorted(corpora.items())},
    }  # fmt: skip
    with nlp.use_params(optimizer.averages):
        return slim(nlp), record


def slim(nlp: Language) -> Language:
    """Copy the weights into a pipeline whose vocabulary has not seen the texts, so that these are not shipped."""
    bare = spacy.util.load_model_from_config(nlp.config, auto_fill=True)
    for label in LABELS:
        _ner(bare).add_label(label)
    bare.initialize()
    _ner(bare).from_bytes(_ner(nlp).to_bytes(exclude=["vocab"]), exclude=["vocab"])
    return bare


def _ner(nlp: Language) -> Any:
    return nlp.get_pipe("ner")


def evaluate(nlp: Language, sentences: Sequence[Sentence], labels: frozenset[str] | None = None) -> dict[str, float]:
    """Count exact spans: precision, recall and F1 in percent, over ``labels`` (all by default) and per label."""
    hits, found, true = Counter[str](), Counter[str](), Counter[str]()
    docs: Sequence[Doc] = list(nlp.pipe([sentence.text for sentence in sentences], batch_size=256))
    for doc, sentence in zip(docs, sentences, strict=True):
        gold = {span for span in sentence.spans if span[2] is not None and (labels is None or span[2] in labels)}
        guess = {(e.start_char, e.end_char, e.label_) for e in doc.ents if labels is None or e.label_ in labels}
        true.update(str(label) for _, _, label in gold)
        found.update(label for _, _, label in guess)
        hits.update(str(label) for _, _, label in gold & guess)
    scores = dict(zip(("p", "r", "f1"), _prf(hits.total(), found.total(), true.total()), strict=True))
    return scores | {f"f1_{label}": _prf(hits[label], found[label], true[label])[2] for label in sorted(true)}


def _prf(hits: int, found: int, true: int) -> tuple[float, float, float]:
    precision, recall = hits / max(1, found), hits / max(1, true)
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    return round(100 * precision, 1), round(100 * recall, 1), round(100 * f1, 1)


def newsworld_sentences(texts: NewsTexts, seeds: Sequence[int], number: int) -> list[Sentence]:
    """Draw ``number`` Newsworld paragraphs a seed with their gold spans."""
    return [
        Sentence(text, tuple((start, end, label) for start, end, label in spans))
        for seed in seeds
        for text, spans in texts(seed, number)
    ]


def main(argv: Sequence[str] | None = None) -> None:
    """Train, evaluate and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--real", type=Path, default=SHARED_NER, help="folder of the real corpora; left out where it is missing"
    )
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--news", type=int, default=500, help="Newsworld paragraphs a seed")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")

    corpora = training_sentences(options.real)
    checks = dev_sentences(options.real)
    if options.news:
        from nest_builder.newsworld.training import training_texts

        corpora["newsworld"] = newsworld_sentences(training_texts, TRAIN_SEEDS, options.news)
        checks["newsworld"] = newsworld_sentences(training_texts, CHECK_SEEDS, 200)
    nlp, record = train(corpora, options.seed, options.minutes, options.epochs)
    record["scores"] = {name: evaluate(nlp, sentences) for name, sentences in sorted(checks.items())}
    # UNER marks persons, organisations and places only: what else the pipeline finds there cannot be counted against
    # it.
    if "uner-en-ewt" in checks:
        three = frozenset({"PERSON", "ORG", "GPE"})
        record["scores"]["uner-en-ewt"] = evaluate(nlp, checks["uner-en-ewt"], three)
    nlp = slim(nlp)  # evaluating has filled the vocabulary
    nlp.meta.update(name="news", version="0.1.0", license="CC BY-SA 4.0", author="nest-builder")
    nlp.to_disk(options.out)
    (options.out / "training.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    log.info("%s", json.dumps(record))


if __name__ == "__main__":
    main()
