"""Novel, emerging or known: the decision about an entity relative to the cutoff, with its evidence."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from nest_builder.entities.base import KnownEntity, Revision
from nest_builder.entities.profile import Profile, Saying
from nest_builder.entities.roles import role_key
from nest_builder.entities.sentences import polarity
from nest_builder.reasons import Reason

MAX_STATEMENTS: Final = 3  # kept as evidence
_HOLDS: Final = ("holds_office", "holds_title")


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece of evidence.

    Attributes:
        kind: snapshot | encyclopedia | first_sighting | statement.
        source: Who says so: "snapshot", or a host.
        url: Where.
        date: Of what it says.
        text: What it says.
        verdict: known | absent | before | after | no answer | stated.
    """

    kind: str
    source: str
    url: str
    date: dt.datetime | None
    text: str
    verdict: str

    def as_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        date = self.date.astimezone(dt.UTC).isoformat().replace("+00:00", "Z") if self.date else None
        return {
            "kind": self.kind, "source": self.source, "url": self.url, "date": date, "text": self.text[:500],
            "verdict": self.verdict,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Decision:
    """What is decided about an entity.

    Attributes:
        category: novel, emerging, or "" where it is turned away.
        reason: Why it is turned away.
        detail: The same in words.
        relation: Emerging: the changed relation; novel: launched, debut or "".
        role: Emerging: the role.
        first_seen: Novel: first sighting; emerging: first statement of the change.
        evidence: What the decision rests on.
    """

    category: str
    reason: Reason | None
    detail: str
    relation: str = ""
    role: str = ""
    first_seen: dt.datetime | None = None
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class World:
    """What a decision may look at besides the entity's own profile.

    Attributes:
        cutoff: The moment of knowledge.
        rivals: Role key -> every claim of any entity about holding that role.
        first_revision: Asks the encyclopedia; None where there is none.
        min_articles: How many articles must name a novel entity.
        known_roles: Keys of the roles that the snapshot gives a holder.
    """

    cutoff: dt.datetime
    rivals: Mapping[str, Sequence[Saying]]
    known_roles: frozenset[str] = frozenset()
    first_revision: Callable[[str], Revision | None] | None = None
    min_articles: int = 1


def decide(profile: Profile, known: KnownEntity | None, hypernym: str | None, world: World) -> Decision:
    """Decide about an entity.

    Args:
        profile: What articles say of it.
        known: What the snapshot says of it; None where it has no entry from before the cutoff.
        hypernym: What it is; None where nothing is to be seen.
        world: The cutoff and what others claim.
    """
    if known is not None and known.since <= world.cutoff.date():
        return _emerging_or_known(profile, known, hypernym, world)
    if profile.mentions_elsewhere > len(profile.namings):
        return Decision("", Reason.EVIDENCE_MISSING, f"mostly not a {profile.label}, as articles have it")
    if hypernym is None:
        return Decision("", Reason.NOT_DEPICTABLE, f"{profile.label}: no article says that it is something to be seen")
    return _novel_or_not(profile, world)


def _emerging_or_known(profile: Profile, known: KnownEntity, hypernym: str | None, world: World) -> Decision:
    entry = Evidence(
        "snapshot", "snapshot", "", _noon(known.since), f"{known.name}: known since {known.since}", "known"
    )
    changes = [change for role in _roles(profile) if (change := _change(profile, known, role, world)) is not None]
    if not changes:
        rumours = [saying.value for relation in _HOLDS for saying in profile.said(relation, polarity="rumoured")]
        detail = f"rumoured only: {rumours[0]}" if rumours else f"in the snapshot since {known.since}"
        return Decision("", Reason.KNOWN, detail)
    if hypernym is None:
        return Decision("", Reason.NOT_DEPICTABLE, f"{known.hypernym or known.type} is nothing that can be outlined")
    newest = max(changes, key=lambda sayings: (_date(sayings[0]), sayings[0].value))
    former = [
        Evidence("snapshot", "snapshot", "", _noon(fact.since), f"{holder}: {fact.value}", "known")
        for holder, fact in ((known.name, fact) for fact in known.facts)
        if fact.relation in _HOLDS
    ]
    return Decision(
        "emerging",
        None,
        "",
        _relation(newest[0]),
        newest[0].value,
        newest[0].date,
        (entry, *former, *_statements(newest)),
    )


def _roles(profile: Profile) -> list[str]:
    return sorted({role_key(saying.value) for saying in profile.said(*_HOLDS, "won")})


def _change(profile: Profile, known: KnownEntity | None, role: str, world: World) -> list[Saying] | None:
    """Return the statements that the entity took ``role`` after the cutoff, the oldest first; None where it did not."""
    facts = known.facts if known is not None else ()
    if any(role_key(fact.value) == role and fact.since <= world.cutoff.date() and fact.until is None for fact in facts):
        return None  # it held the role all along
    since = [saying.value.split(" ", 1) for saying in profile.said("held_since")]
    days = [dt.date.fromisoformat(day) for day, held in since if role_key(held) == role]
    if any(day <= world.cutoff.date() for day in days):
        return None

    def about_role(polarity: str, *relations: str) -> list[Saying]:
        found = profile.said(*relations, polarity=polarity)
        return [s for s in found if role_key(s.value) == role and s.date is not None and s.date > world.cutoff]

    stated = about_role("stated", *_HOLDS) or about_role("stated", "won")
    # That somebody is said to hold a role is news only if the snapshot gave it to another, or the articles tell of the
    # change.
    if not stated or not (role in world.known_roles or days or about_role("stated", "took", "won")):
        return None
    denials = about_role("denied", *_HOLDS)
    if denials and max(map(_date, denials)) >= max(map(_date, stated)):
        return None  # corrected, and not repeated since
    began = _date(stated[0])
    if any(_date(first) > began for first in _first_claims(world.rivals.get(role, ()), profile.key)):
        return None  # somebody else took over later: the newest change counts
    return stated


def _first_claims(sayings: Sequence[Saying], key: str) -> list[Saying]:
    """Return every other entity's first claim to a role, if of the same kind: a driver and a car may win one rally."""
    first: dict[str, Saying] = {}
    kind = key.rsplit("/", 1)[-1]
    for saying in sayings:
        if (
            saying.key == key
            or not saying.key.endswith(f"/{kind}")
            or saying.polarity != "stated"
            or saying.date is None
        ):
            continue
        if saying.key not in first or _date(saying) < _date(first[saying.key]):
            first[saying.key] = saying
    return list(first.values())


def _novel_or_not(profile: Profile, world: World) -> Decision:
    dated = sorted((date, url) for url, date in profile.published.items() if date is not None)
    if not dated:
        return Decision("", Reason.EVIDENCE_MISSING, "no article that names it has a date")
    date, url = dated[0]
    if date <= world.cutoff:
        return Decision("", Reason.KNOWN, f"named on {date.date()} by {url}")
    launches = profile.said("launched", "debut")
    days = [dt.date.fromisoformat(saying.value) for saying in launches if saying.value]
    before = [saying for saying in profile.said("since") if dt.date.fromisoformat(saying.value) <= world.cutoff.date()]
    if days and sorted(days)[len(days) // 2] <= world.cutoff.date():
        return Decision("", Reason.KNOWN, f"launched on {sorted(days)[0]}, articles say")
    if before and not launches:
        return Decision("", Reason.KNOWN, f"{before[0].sentence[:200]}")
    roles = [saying for role in _roles(profile) for saying in _change(profile, None, role, world) or ()]
    featured = [naming for naming in profile.namings if naming.field in ("title", "caption")]
    # An office in an apposition says nothing of when it was taken: a person must be in the news, not only quoted by it.
    if not (launches or featured or (roles and not profile.key.endswith("/person"))):
        rumours = any(saying.polarity != "stated" for saying in profile.sayings)
        return Decision(
            "", Reason.EVIDENCE_MISSING, "rumours only" if rumours else "named in passing: nothing is stated about it"
        )
    if not (launches or roles) and any(
        profile.said("launched", "debut", *_HOLDS, polarity=p) for p in ("rumoured", "denied")
    ):
        return Decision("", Reason.EVIDENCE_MISSING, "rumours only")
    told = [polarity(naming.sentence) for naming in profile.namings if naming.field != "caption"]
    if not (launches or roles) and told and "stated" not in told:
        return Decision("", Reason.EVIDENCE_MISSING, "rumours only")
    if profile.key.endswith("/person") and " " not in profile.key and not (launches or roles):
        return Decision("", Reason.EVIDENCE_MISSING, "a lone name, and nothing is stated about it")
    if len(profile.published) < world.min_articles:
        return Decision(
            "",
            Reason.EVIDENCE_MISSING,
            f"named by {len(profile.published)} articles, {world.min_articles} are asked for",
        )
    evidence = [Evidence("snapshot", "snapshot", "", world.cutoff, f"no entry for {profile.name}", "absent")]
    if world.first_revision is not None:
        entry = _encyclopedia(profile, world)
        if entry.verdict == "before":
            return Decision("", Reason.KNOWN, entry.text)
        evidence.append(entry)
    sentence = next((naming.sentence for naming in profile.namings if naming.url == url), "")
    evidence.append(Evidence("first_sighting", _host(url), url, date, sentence, "after"))
    dated_first = sorted(launches or roles, key=lambda saying: saying.relation == "launched" and not saying.value)
    evidence += _statements(dated_first)
    relation = launches[0].relation if launches else (_relation(roles[0]) if roles else "")
    return Decision("novel", None, "", relation, roles[-1].value if roles else "", date, tuple(evidence))


def _encyclopedia(profile: Profile, world: World) -> Evidence:
    assert world.first_revision is not None
    revision = world.first_revision(profile.name)
    if revision is None:
        return Evidence("encyclopedia", "", "", None, f"no answer about {profile.name}", "no answer")
    source = _host(revision.url)
    if revision.created is None:
        return Evidence("encyclopedia", source, revision.url, None, f"no page {revision.title}", "absent")
    verdict = "before" if revision.created <= world.cutoff else "after"
    text = f"the page {revision.title} was begun on {revision.created.date()}"
    return Evidence("encyclopedia", source, revision.url, revision.created, text, verdict)


def _statements(sayings: Sequence[Saying]) -> list[Evidence]:
    """Return the first statements, one an article."""
    by_url: dict[str, Saying] = {}
    for saying in sayings:
        by_url.setdefault(saying.url, saying)
    return [
        Evidence("statement", _host(saying.url), saying.url, saying.date, saying.sentence, "stated")
        for saying in list(by_url.values())[:MAX_STATEMENTS]
    ]


def _relation(saying: Saying) -> str:
    return "holds_title" if saying.relation == "won" else saying.relation


def _date(saying: Saying) -> dt.datetime:
    assert saying.date is not None
    return saying.date


def _noon(day: dt.date) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
