"""An answer as JSON types: what a script reads and an archive keeps."""

from typing import Any

from nest_builder.annotate.masks import encode_mask, mask_box
from nest_builder.rose.base import Candidate, Passage
from nest_builder.rose.rose import Answered


def as_json(answered: Answered) -> dict[str, Any]:
    """Return an answer with everything that led to it.

    Returns:
        {"answer", "prompt", "text", "score", "mask" (COCO run lengths), "box" (x0, y0, x1, y1 in pixels, None where the mask is
        empty), "candidates", "references", "sources", "steps"}.
    """
    said = answered.segmentation
    return {
        "answer": answered.answer,
        "prompt": answered.prompt,
        "text": said.text,
        "score": round(said.score, 4),
        "mask": encode_mask(said.mask),
        "box": list(mask_box(said.mask)) if said.mask.any() else None,
        "candidates": [_candidate(candidate) for candidate in answered.candidates],
        "references": answered.references_count,
        "sources": [_passage(passage) for passage in answered.sources],
        "steps": [
            {
                "part": step.part,
                "decision": step.decision,
                "reason": step.reason,
                "ms": round(step.seconds * 1000, 1),
                "bytes": step.fetched_bytes,
            }
            for step in answered.steps
        ],
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    return {
        "text": candidate.text,
        "confidence": round(candidate.confidence, 4),
        "description": candidate.description,
        "sources": [passage.url for passage in candidate.sources],
    }


def _passage(passage: Passage) -> dict[str, Any]:
    return {
        "url": passage.url,
        "title": passage.title,
        "published_at": passage.published_at.isoformat() if passage.published_at else None,
        "text": passage.text,
    }
