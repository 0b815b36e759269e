"""What the review of an edition comes to, in numbers: for its card, its manifest and the report."""

from collections import Counter
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.review.audit import agreement, edition_error
from nest_builder.review.said import by_sample, read_said
from nest_builder.store.tables import Decision, Route


def review_summary(session: Session, published: Collection[str] | None = None) -> dict[str, Any] | None:
    """Return the review's numbers, JSON types; None where nothing has been routed.

    The error is estimated over what was accepted unseen, from the audit drawn among it; what people decided counts as right.

    Args:
        session: Reads the store.
        published: The samples of the edition; by default all that are routed and not left out.
    """
    routes = session.scalars(select(Route).order_by(Route.sample_id)).all()
    if not routes:
        return None
    inside = [route for route in routes if published is None or route.sample_id in published]
    said = read_said(session)
    answers = by_sample(said)
    decided = {one.annotation_id for one in said}
    audited = [route for route in routes if route.audit]
    answered = [route for route in audited if route.sample_id in answers]
    wrong = sum(not any(answers[route.sample_id]) for route in answered)
    reviewed = {route.sample_id for route in inside if route.sample_id in answers and not route.audit}
    settled = reviewed | {
        route.sample_id for route in inside if route.evidence.get("settled_by") in answers and not route.audit
    }
    accepted = [route for route in routes if route.action == "accept" and route.sample_id not in settled]
    unseen = [route for route in accepted if published is None or route.sample_id in published or route in answered]
    estimate = edition_error(len(unseen), len(answered), wrong, len(settled)) if answered else None
    agreed = agreement(answers)
    kept = [route for route in inside if route.action != "reject"]
    unsettled = [route for route in kept if route.sample_id not in settled and route.sample_id not in answers]
    return {
        "calibrator": routes[0].version,
        "actions": dict(sorted(Counter(route.action for route in routes).items())),
        "expected_error": round(sum(1 - route.p_correct for route in unsettled) / max(1, len(kept)), 4),
        "looks": len(said),
        "reviewers": len({one.reviewer for one in said}),
        "annotations_decided": len(decided),
        "corrected": _count(session, "correct"),
        "rejected": _count(session, "reject"),
        "audit": {
            "drawn": len(audited),
            "decided": len(answered),
            "wrong": wrong,
            "of": len(unseen),
            "error": None if estimate is None else {key: round(value, 4) for key, value in asdict(estimate).items()},
        },
        "agreement": asdict(agreed),
    }


def _count(session: Session, status: str) -> int:
    query = select(Decision.sample_id).where(Decision.state == "current", Decision.status == status).distinct()
    return len(session.scalars(query).all())
