"""``nest bench routing``: what people's looks are worth, and whether the audit tells the truth about what is left.

On built worlds, with reviewers who err in 3 % of their answers. A policy orders the samples; people take them one by one until the
budget, looks by one person on one sample, is used up; what they say of an annotation holds for all its samples, under every policy. What
they call wrong is mended or left out. Ours spends part of the budget on the audit and on second looks, and fits the calibrator again after
each quarter; the others have nothing but a score, so all their looks go to the worst of it.
"""

import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from nest_builder.bench.result import Bound, Pin, Result, machine
from nest_builder.bench.worlds import built_world, sample_truth
from nest_builder.config import ExportSettings, ReviewSettings
from nest_builder.newsworld.world import World
from nest_builder.review.audit import edition_error
from nest_builder.review.calibration import fit_calibrator, reviewer_noise
from nest_builder.review.routing import Candidate, Routed, Rules, after_answers, route
from nest_builder.review.simulate import NOISE, Reviewer
from nest_builder.store.tables import Annotation, Article, Image, Route, Sample

WORLDS = 3
DRAWS = 100
BUDGET = 0.2
ROUNDS = 4  # how often people's answers reach the calibrator
TARGETS: dict[str, Bound] = {
    "caught": (">=", 0.9),
    "error_left": ("<=", 0.01),
    "looks_share": ("<=", BUDGET),
    "interval_covers": (">=", 0.93),
}
PEERS: dict[str, str] = {"detector score": "detector_score", "SAM predicted IoU": "predicted_iou"}


@dataclass(frozen=True, slots=True)
class Known:
    """A sample of a world.

    Attributes:
        candidate: As routing sees it; its ``p_correct`` is the prior's.
        right: The truth.
        scores: What others would sort by: the lowest first.
    """

    candidate: Candidate
    right: bool
    scores: dict[str, float]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an edition under a policy.

    Attributes:
        caught: Share of the wrong samples that were looked at or left out unseen.
        error_left: Share of the edition that is wrong.
        looks: Looks spent, a share of the samples.
        lost: Right samples that were left out, a share of the samples.
        covered: Whether the audit's interval holds the error left; None without an audit.
        width: Of that interval.
    """

    caught: float
    error_left: float
    looks: float
    lost: float
    covered: bool | None = None
    width: float = 0.0


def run(seed: int, data: Path | None, quick: bool = False) -> Result:
    """Measure on worlds ``seed``, ``seed`` + 1, ...

    Args:
        seed: The first world; the prior was fitted on 101 to 104.
        data: Holds or gets the built worlds, a folder for each seed; by default they are built anew, some minutes each.
        quick: Not used: there is no short form.
    """
    settings = ReviewSettings(budget_share=BUDGET)
    ours: list[Outcome] = []
    others: defaultdict[str, list[Outcome]] = defaultdict(list)
    sizes: Counter[str] = Counter()
    with ExitStack() as stack:
        root = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nest-bench-")))
        for at, number in enumerate(range(seed, seed + WORLDS)):
            with built_world(number, root / str(number)) as store, store.sessions() as session:
                known = read_known(session, sample_truth(session, World(number)))
            sizes.update(samples=len(known), wrong=sum(not one.right for one in known))
            for draw in range(at, DRAWS, WORLDS):
                people = (Reviewer(f"first {number} {draw}", NOISE), Reviewer(f"second {number} {draw}", NOISE))
                ours.append(ours_on(known, settings, f"{number} {draw}", people))
                for name, score in (*PEERS.items(), ("annotation's p_correct", "p_models"), ("chance", "chance")):
                    order = sorted(known, key=_by(score, f"{number} {draw}"))
                    others[name].append(sorted_on(order, people[0]))
    figures = {**_means(ours), **{key: float(value) for key, value in sizes.items()}, "draws": float(len(ours))}
    figures |= {
        "interval_covers": round(float(np.mean([one.covered for one in ours])), 4),
        "interval_width": round(float(np.mean([one.width for one in ours])), 4),
    }
    setup = {
        **machine("scikit-learn", "scipy"),
        "seeds": list(range(seed, seed + WORLDS)),
        "reviewer_noise": NOISE,
        "rounds": ROUNDS,
        "audit_share": settings.audit_share,
        "double_share": settings.double_share,
    }
    peers = {name: _means(outcomes) for name, outcomes in others.items()}
    pins = {"caught": Pin(f"seed {seed}", margin=0.03), "error_left": Pin(f"seed {seed}", "<=", margin=0.003)}
    return Result("routing", figures, TARGETS, peers, setup, pins)


def read_known(session: Session, truth: dict[str, bool]) -> list[Known]:
    """Return the routed samples of a store with the truth about each."""
    day = func.coalesce(Article.published_at, Image.published_at)
    rows = session.execute(
        select(Sample, Annotation, Route, day)
        .join(Annotation, Annotation.id == Sample.annotation_id)
        .join(Route, Route.sample_id == Sample.id)
        .join(Image, Image.id == Sample.image_id)
        .outerjoin(Article, Article.url == Image.article_url)
        .order_by(Sample.id)
    )
    known = []
    for sample, annotation, routed, published in rows:
        record = annotation.uncertainty
        event = f"{sample.entity_key} {str(published)[:10]}"
        candidate = Candidate(sample.id, annotation.id, event, float(routed.evidence["prior"]))
        # A negative has no mask, hence no predicted IoU: it comes last. Where the detector saw something after all, it is doubtful.
        detector = record["detector_score"] if not annotation.negative else 1 - record["detector_score"]
        scores = {
            "detector_score": float(detector),
            "predicted_iou": float(record.get("predicted_iou", 2.0)),
            "p_models": annotation.p_correct,
        }
        known.append(Known(candidate, truth[sample.id], scores))
    return known


def ours_on(known: Sequence[Known], settings: ReviewSettings, draw: str, people: Sequence[Reviewer]) -> Outcome:
    """Route, ask, calibrate again and route what is left, round by round; then estimate the error and hold it against the truth."""
    rules = Rules(
        looks=round(BUDGET * len(known)),
        audit_share=settings.audit_share,
        double_share=settings.double_share,
        reject_below=ExportSettings().min_p_correct,
        same_event=settings.same_event,
        draw=draw,
    )
    reserved = round(rules.looks * rules.audit_share)
    said: dict[str, list[bool]] = {}
    audited: set[str] = set()
    by_id = {one.candidate.sample_id: one for one in known}

    def ask(key: str, people_wanted: int, limit: int) -> None:
        for person in people[len(said.get(key, [])) : people_wanted]:
            if sum(map(len, said.values())) < limit:
                target = by_id[key]
                said.setdefault(key, []).append(person.says(target.candidate.annotation_id, target.right))

    for number in range(1, ROUNDS + 1):
        routed = route(_calibrated(known, said, audited), rules)
        wanted = sorted(
            (key for key, one in routed.items() if one.action == "review"), key=lambda key: -routed[key].priority
        )
        for key in wanted:
            ask(key, routed[key].reviewers, round((rules.looks - reserved) * number / ROUNDS))
    routed = route(_calibrated(known, said, audited), rules)
    audited = {key for key, one in routed.items() if one.audit}
    for key in sorted(audited):
        ask(key, 1, rules.looks)
    for key in sorted(audited):
        if said.get(key) == [False]:
            ask(key, 2, rules.looks)
    return _judge(known, routed, said, audited)


def sorted_on(order: Sequence[Known], person: Reviewer) -> Outcome:
    """Have the first annotations of an order looked at, and everything else accepted."""
    budget = round(BUDGET * len(order))
    chosen = list(dict.fromkeys(one.candidate.annotation_id for one in order))[:budget]
    answers = {}
    truth = {one.candidate.annotation_id: one.right for one in order}
    for key in chosen:
        answers[key] = person.says(key, truth[key])
    return _outcome(order, set(chosen), {key for key, good in answers.items() if not good}, set(), budget)


def _calibrated(known: Sequence[Known], said: dict[str, list[bool]], audited: set[str]) -> list[Candidate]:
    """Return the samples as routing sees them after what has been said."""
    asked = [one.candidate for one in known for _ in said.get(one.candidate.sample_id, [])]
    answers = [answer for one in known for answer in said.get(one.candidate.sample_id, [])]
    population = [one.candidate.p_correct for one in known]
    calibrator = fit_calibrator("prior", [one.p_correct for one in asked], answers, population, reviewer_noise(said))
    return [
        replace(
            one.candidate,
            p_correct=p_correct,
            after=after_answers(p_correct, said.get(one.candidate.sample_id, ()), calibrator.noise),
            looks=len(said.get(one.candidate.sample_id, [])),
            spent=len(said.get(one.candidate.sample_id, [])),
            audited=one.candidate.sample_id in audited,
            doubted=said.get(one.candidate.sample_id) == [False],
        )
        for one, p_correct in zip(known, calibrator(population), strict=True)
    ]


def _judge(
    known: Sequence[Known], routed: dict[str, Routed], said: dict[str, list[bool]], audited: set[str]
) -> Outcome:
    """Make the edition of what was said, and hold it and the audit's estimate against the truth."""
    annotation = {one.candidate.sample_id: one.candidate.annotation_id for one in known}
    looked = {annotation[key] for key in said}
    wrong = {annotation[key] for key, answers in said.items() if not all(answers)}  # what is disputed is left out too
    unseen = {annotation[key] for key, one in routed.items() if one.action == "reject" and key not in said} - looked
    looks = sum(map(len, said.values()))
    outcome = _outcome(known, looked, wrong, unseen, looks)
    drawn = [key for key in audited if key in said]
    reviewed = {annotation[key] for key in said if key not in audited}
    pool = [
        one
        for one in known
        if one.candidate.annotation_id not in reviewed and one.candidate.annotation_id not in unseen
    ]
    settled = sum(one.candidate.annotation_id in reviewed and one.candidate.annotation_id not in wrong for one in known)
    found = sum(not any(said[key]) for key in drawn)
    estimate = edition_error(len(pool), len(drawn), found, settled)
    covered = estimate.low <= outcome.error_left <= estimate.high
    return replace(outcome, covered=covered, width=estimate.high - estimate.low)


def _outcome(known: Sequence[Known], looked: set[str], wrong: set[str], unseen: set[str], looks: int) -> Outcome:
    """Count: annotations that were looked at, called wrong, and left out unseen."""
    bad = [one.candidate.annotation_id for one in known if not one.right]
    left_out = wrong | unseen
    kept = [one for one in known if one.candidate.annotation_id not in left_out]
    return Outcome(
        caught=sum(key in looked or key in unseen for key in bad) / max(1, len(bad)),
        error_left=sum(not one.right for one in kept) / max(1, len(kept)),
        looks=looks / max(1, len(known)),
        lost=sum(one.right and one.candidate.annotation_id in left_out for one in known) / max(1, len(known)),
    )


def _by(score: str, draw: str) -> Callable[[Known], tuple[float, str]]:
    if score == "chance":
        rng = np.random.default_rng([ord(letter) for letter in draw])
        return lambda one: (float(rng.random()), one.candidate.sample_id)
    return lambda one: (one.scores[score], one.candidate.sample_id)


def _means(outcomes: Sequence[Outcome]) -> dict[str, float]:
    table = {
        "caught": [one.caught for one in outcomes],
        "error_left": [one.error_left for one in outcomes],
        "looks_share": [one.looks for one in outcomes],
        "right_left_out": [one.lost for one in outcomes],
    }
    return {key: round(float(np.mean(values)), 4) for key, values in table.items()}
