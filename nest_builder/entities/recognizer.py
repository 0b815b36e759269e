"""The default recogniser: any spaCy pipeline, by path or name, with the snapshot's names as a gazetteer."""

import hashlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nest_builder.entities.base import KnowledgeBase, Reading, Span
from nest_builder.entities.hypernyms import BUILT_IN
from nest_builder.entities.linking import MODEL_SUFFIX, longest
from nest_builder.entities.names import COARSE, STORED

if TYPE_CHECKING:  # spaCy takes seconds to import, and a run with nothing to read has no use for it
    from spacy.language import Language
    from spacy.matcher import Matcher, PhraseMatcher
    from spacy.tokens import Doc

MAX_CHARACTERS: Final = 20_000  # of one text; a paragraph that is longer is no prose
_RECORDS: Final = frozenset({"README.md", "training.json"})  # they tell of the model and do not change it
_UNUSED: Final = ("tagger", "lemmatizer", "attribute_ruler", "morphologizer", "trainable_lemmatizer")


class SpacyRecognizer:
    """Reads texts with a spaCy pipeline; the longest of overlapping names wins, whoever found it.

    Args:
        model: Path or name of a pipeline with an ``ner`` component.
        knowledge: Its names and aliases are found wherever they stand. Single words count within a sentence only,
            since "Drift" may
            also begin one as a plain word.
        knowledge_identity: Hash of the snapshot.
        batch_size: Texts that are read together.
    """

    def __init__(self, model: str, knowledge: KnowledgeBase, batch_size: int = 256) -> None:
        self._model, self._knowledge, self._batch_size = model, knowledge, batch_size

    def identity(self) -> Any:
        """Return the model's and the snapshot's hashes."""
        return {"model": model_hash(self._model), "knowledge": self._knowledge.identity(), "rules": 1}

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """Read texts, in order."""
        nlp, matcher, nicknames = self._pipeline
        short = [text[:MAX_CHARACTERS] for text in texts]
        return [_reading(doc, matcher, nicknames) for doc in nlp.pipe(short, batch_size=self._batch_size)]

    @cached_property
    def _pipeline(self) -> "tuple[Language, PhraseMatcher, Matcher]":
        import spacy
        from spacy.matcher import Matcher, PhraseMatcher

        nlp = spacy.load(self._model, exclude=list(_UNUSED))
        if not {"parser", "senter", "sentencizer"} & set(nlp.pipe_names):
            nlp.add_pipe("sentencizer", first=True)
        matcher = PhraseMatcher(nlp.vocab)
        for label, names in sorted(_names(self._knowledge).items()):
            matcher.add(label, [nlp.make_doc(name) for name in sorted(names)])
        nicknames = Matcher(nlp.vocab)  # "Pip the Owl": short, made up and easily overlooked
        kinds = [word.capitalize() for word in sorted(BUILT_IN) if word != "person"]
        nicknames.add("PRODUCT", [[{"IS_TITLE": True}, {"ORTH": "the"}, {"ORTH": {"IN": kinds}}]])
        return nlp, matcher, nicknames


def _reading(doc: "Doc", matcher: "PhraseMatcher", nicknames: "Matcher") -> Reading:
    found = [Span(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents if ent.label_ in COARSE]
    sentences = tuple((sent.start_char, sent.end_char) for sent in doc.sents)
    found += [
        Span(doc[i].idx, doc[j - 1].idx + len(doc[j - 1]), doc.vocab.strings[kind]) for kind, i, j in nicknames(doc)
    ]
    spans = longest([*_known(doc, matcher, {start for start, _ in sentences}), *found])
    return Reading(doc.text, spans, sentences)


def _known(doc: "Doc", matcher: "PhraseMatcher", starts: set[int]) -> Iterable[Span]:
    for match, first, stop in matcher(doc):
        span = doc[first:stop]
        if len(span) == 1 and (span.start_char in starts or not span.text[0].isupper()):
            continue
        end = span.end_char
        label = doc.vocab.strings[match]
        while label == "PRODUCT" and doc.text[end : end + 1] == " " and (more := MODEL_SUFFIX.match(doc.text, end + 1)):
            end = more.end()
        yield Span(span.start_char, end, label)


def _names(knowledge: KnowledgeBase) -> dict[str, set[str]]:
    names: dict[str, set[str]] = {}
    for entity in knowledge.entities():
        label = STORED.get(entity.type, entity.type)
        names.setdefault(label, set()).update(name for name in (entity.name, *entity.aliases) if len(name) > 1)
    return names


def model_hash(model: str) -> str:
    """Return a hash of a pipeline's files, or name and version of an installed one, without loading it.

    Raises:
        FileNotFoundError: There is neither such a folder nor such a package.
    """
    folder = Path(model)
    if not folder.is_dir():
        try:
            return f"{model} {version(model.replace('_', '-'))}"
        except PackageNotFoundError as error:
            raise FileNotFoundError(
                f"no spaCy pipeline {model!r}: give a folder, or `pip install` one of that name"
            ) from error
    found = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.name not in _RECORDS:
            found.update(
                file.relative_to(folder).as_posix().encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest()
            )
    return found.hexdigest()
