"""Which samples people look at: the likeliest errors within a budget, not ten of one event, and a draw of the confident ones."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from nest_builder.digest import digest

Action = Literal["accept", "review", "reject"]
SECOND_LOOKS = 0.1  # share of a draw that one person calls wrong, by error or by a slip, so that a second one looks


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sample that can be looked at.

    Attributes:
        sample_id: The sample.
        annotation_id: Its annotation; what a person says of the mask holds for all samples on it.
        event: Samples of one event tell a reviewer, and the calibrator, much the same.
        p_correct: How likely the annotation is right, by what is known of it and what was said of others.
        after: The same after what people said of this one; None where nobody has.
        looks: How many people have decided it already.
        spent: How many of those looks this edition's budget paid for.
        audited: It was drawn by chance before it was decided.
        doubted: One person called it wrong, and nobody else has said anything.
    """

    sample_id: str
    annotation_id: str
    event: str
    p_correct: float
    after: float | None = None
    looks: int = 0
    spent: int = 0
    audited: bool = False
    doubted: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """How samples are routed.

    Attributes:
        looks: That may be spent, by one person on one sample, all in all.
        audit_share: Of those looks, for the draw of accepted samples.
        double_share: Of the uncertain samples, looked at by two people.
        reject_below: ``p_correct`` under which a sample that nobody looks at is left out.
        same_event: What the gain of a look is multiplied by for each look at the same event before it.
        draw: Names the draw; another name is another draw.
    """

    looks: int
    audit_share: float = 0.2
    double_share: float = 0.1
    reject_below: float = 0.5
    same_event: float = 0.85
    draw: str = ""

    @property
    def audits(self) -> int:
        """Return how many accepted samples are drawn: what the audit's looks are enough for, second ones included."""
        return int(self.looks * self.audit_share / (1 + SECOND_LOOKS))


@dataclass(frozen=True, slots=True)
class Routed:
    """What becomes of a sample.

    Attributes:
        action: "accept" as it is, "review" by people, or "reject" unseen.
        priority: Expected number of wrong samples that a look at it mends or takes out.
        audit: Whether it is accepted, and looked at all the same.
        reviewers: How many people should decide it.
        settled_by: The sample on the same annotation that people look at instead.
    """

    action: Action
    priority: float
    audit: bool = False
    reviewers: int = 0
    settled_by: str | None = field(default=None)


def route(candidates: Sequence[Candidate], rules: Rules) -> dict[str, Routed]:
    """Route samples.

    A look mends or takes out a wrong annotation with all its samples, so it is worth their number times the chance that it is wrong.
    What is left of the budget goes, one by one, where it is worth most. That can be a second look: people slip, and a sample that was
    surely wrong is still likelier wrong than most when one person has called it right.

    Args:
        candidates: All samples of the edition.
        rules: Budget, shares and thresholds.
    """
    samples: defaultdict[str, list[Candidate]] = defaultdict(list)
    for candidate in sorted(candidates, key=lambda one: one.sample_id):
        samples[candidate.annotation_id].append(candidate)
    worth = {key: len(ones) * (1 - ones[0].p_correct) for key, ones in samples.items()}
    chosen = _choose(samples, worth, rules)
    routed: dict[str, Routed] = {}
    for key, ones in samples.items():
        action: Action = "accept" if ones[0].p_correct >= rules.reject_below else "reject"
        for one in ones:
            if one.sample_id in chosen:
                routed[one.sample_id] = Routed("review", round(worth[key], 4), False, chosen[one.sample_id])
            else:
                by = next((other.sample_id for other in ones if other.sample_id in chosen), None)
                routed[one.sample_id] = Routed(action, round(worth[key], 4), settled_by=by)
    drawn = set(draw_audit(candidates, routed, rules))
    for one in candidates:
        if one.sample_id in drawn:
            # One answer is enough that a sample is right; that it is wrong, two should say: errors are as rare here as slips.
            people = 2 if one.doubted else max(1, one.looks)
            routed[one.sample_id] = Routed("accept", routed[one.sample_id].priority, True, people)
    return routed


def after_answers(p_correct: float, answers: Sequence[bool], noise: float) -> float | None:
    """Return how likely an annotation is right after what people said of it (Bayes); None if one calls it wrong, as it is out then.

    Args:
        p_correct: Before they said anything.
        answers: Right or not, one a person.
        noise: Share of wrong answers.
    """
    if not answers or not all(answers):
        return None
    right, wrong = p_correct * (1 - noise) ** len(answers), (1 - p_correct) * noise ** len(answers)
    return right / (right + wrong)


def draw_audit(candidates: Sequence[Candidate], routed: Mapping[str, Routed], rules: Rules) -> list[str]:
    """Draw accepted samples that nobody looks at otherwise, each with the same chance.

    The order is that of hashes, so that a draw stays what it is while decisions come in, but for samples that are no longer accepted.
    """
    open_ones = [
        one
        for one in candidates
        if routed[one.sample_id].action == "accept"
        and routed[one.sample_id].settled_by is None
        and (not one.looks or one.audited)
    ]
    ordered = sorted(open_ones, key=lambda one: digest("audit", rules.draw, one.sample_id))
    return [one.sample_id for one in ordered[: rules.audits]]


def _choose(samples: Mapping[str, Sequence[Candidate]], worth: Mapping[str, float], rules: Rules) -> dict[str, int]:
    """Return the samples that people look at, and how many people."""
    chosen: dict[str, int] = {}
    used = 0
    events: Counter[str] = Counter()
    settled = set()
    again: dict[str, float] = {}
    for key, ones in samples.items():
        decided = [one for one in ones if one.looks and not one.audited]
        for one in decided:
            people = max(one.looks, _people(key, rules))
            chosen[one.sample_id] = people
            used += one.spent + people - one.looks
            events[one.event] += 1
        if any(one.looks for one in ones):
            settled.add(key)
        if len(decided) == 1 and chosen[decided[0].sample_id] == 1 and decided[0].after is not None:
            again[key] = len(ones) * (1 - decided[0].after)
    left = rules.looks - round(rules.looks * rules.audit_share) - used
    heap = [
        (-worth[key] * rules.same_event ** events[ones[0].event], key, events[ones[0].event])
        for key, ones in samples.items()
        if key not in settled
    ] + [(-gain, key, -1) for key, gain in again.items()]
    heapq.heapify(heap)
    while heap and left > 0:
        _, key, seen = heapq.heappop(heap)
        if key in again:
            chosen[next(one.sample_id for one in samples[key] if one.looks)] = 2
            left -= 1
            continue
        first = samples[key][0]
        if events[first.event] != seen:  # others of the event have been chosen since: it is worth less by now
            seen = events[first.event]
            heapq.heappush(heap, (-worth[key] * rules.same_event**seen, key, seen))
            continue
        people = min(left, _people(key, rules))
        chosen[first.sample_id] = people
        left -= people
        events[first.event] += 1
    return chosen


def _people(annotation: str, rules: Rules) -> int:
    """Return how many people should look at an annotation: two on a share, by chance."""
    chance = int(digest("double", rules.draw, annotation)[:13], 16) / 16**13
    return 2 if chance < rules.double_share else 1
