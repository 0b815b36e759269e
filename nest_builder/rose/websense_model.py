"""The second level of WebSense without a language model: a logistic regression over hashed words and pairs of words.

`python -m nest_builder.rose.websense_model --out data/models/websense.json` trains it on templated questions (`websense_data`).
"""

import argparse
import json
import logging
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import BaseModel, Field, ValidationError
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from nest_builder.config import DATA
from nest_builder.entities.dates import DATE
from nest_builder.rose.rewrite import find_names, strip_instructions
from nest_builder.rose.websense_data import questions

log = logging.getLogger(__name__)

WEIGHTS: Final = DATA / "models" / "websense.json"
FEATURES: Final = 4096
_NUMBER: Final = re.compile(r"\d+")


class _Weights(BaseModel):
    """The file.

    Attributes:
        features: How many places words are hashed to.
        weights: Place -> weight; those left out are nought.
        bias: Of the logistic regression.
        threshold: Belief from which on a question is looked up.
        trained: On what, and how it scored on templates that it had not seen.
    """

    features: int = Field(gt=0, le=1 << 20)
    weights: dict[int, float]
    bias: float
    threshold: float = Field(ge=0, le=1)
    trained: dict[str, float | int | str]


class OpenQuestions:
    """Judges questions that the rules leave open.

    Args:
        path: The weights.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It holds no such weights.
    """

    def __init__(self, path: Path = WEIGHTS) -> None:
        try:
            held = _Weights.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise ValueError(f"{path} holds no weights of WebSense: {error.errors()[0]['msg']}") from error
        if not all(0 <= place < held.features for place in held.weights):
            raise ValueError(f"{path} holds no weights of WebSense: a place is outside the {held.features}")
        self.threshold = held.threshold
        self._hasher = _hasher(held.features)
        self._weights = np.zeros(held.features)
        self._weights[list(held.weights)] = list(held.weights.values())
        self._bias = held.bias

    def belief(self, question: str) -> float:
        """Return how likely the question needs a look-up, in [0, 1]."""
        score = float((self._hasher.transform([plain(question)]) @ self._weights)[0]) + self._bias
        return 1 / (1 + math.exp(-score))


def plain(question: str) -> str:
    """Return a question without instructions, with marks for names, dates and numbers."""
    text = strip_instructions(question)
    for match in reversed(list(find_names(text))):
        text = f"{text[: match.start()]} xname {text[match.end() :]}"
    return _NUMBER.sub("0", DATE.sub("xdate", text)).casefold()


def train(seed: int) -> _Weights:
    """Train on the templates of the training part; choose the threshold for few missed needs; score on the others."""
    texts, needs = questions("train", seed)
    hasher = _hasher(FEATURES)
    model = LogisticRegression(C=20.0, max_iter=2000, random_state=seed).fit(hasher.transform(map(plain, texts)), needs)
    unseen, truth = questions("test", seed)
    beliefs = model.predict_proba(hasher.transform(map(plain, unseen)))[:, 1]
    threshold = 0.4  # a missed need costs an answer, a needless look-up some time
    said = beliefs >= threshold
    real = np.array(truth)
    weights = {int(at): round(float(model.coef_[0, at]), 3) for at in np.flatnonzero(np.abs(model.coef_[0]) > 5e-4)}
    return _Weights(
        features=FEATURES, weights=weights, bias=round(float(model.intercept_[0]), 3), threshold=threshold,
        trained={
            "questions": len(texts), "seed": seed, "unseen_questions": len(unseen),
            "unseen_auc": round(float(roc_auc_score(real, beliefs)), 4),
            "unseen_missed_needs": round(float((~said & real).sum() / real.sum()), 4),
            "unseen_needless": round(float((said & ~real).sum() / (~real).sum()), 4),
        },
    )  # fmt: skip


def _hasher(features: int) -> HashingVectorizer:
    return HashingVectorizer(
        n_features=features, ngram_range=(1, 2), alternate_sign=False, norm="l2", token_pattern=r"[\w'’-]+"
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Train and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    made = train(options.seed)
    options.out.write_text(json.dumps(made.model_dump(), indent=1) + "\n", encoding="utf-8")
    log.info("%s: %s", options.out, made.trained)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    main()
