"""The evaluation kit: anyone's predictions held against an edition, and a table of many such results.

from nest_builder.evaluation import evaluate
result = evaluate(Path("editions/2025.10"), Path("predictions.jsonl"), system="my model")
result.to_json()["figures"]["overall gIoU"]
"""

from nest_builder.evaluation.evaluate import Evaluation, evaluate
from nest_builder.evaluation.predictions import Predictions, read_predictions
from nest_builder.evaluation.truth import Truth, read_truth

__all__ = ["Evaluation", "Predictions", "Truth", "evaluate", "read_predictions", "read_truth"]
