"""How far the review of each edition has come, from the store, and from the server where it is reachable."""

import datetime as dt
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import func, select

from nest_builder.config import ReviewSettings
from nest_builder.review.client import Server
from nest_builder.review.judging import disputed
from nest_builder.review.push import project_title
from nest_builder.review.tasks import TaskKey
from nest_builder.store.session import Store
from nest_builder.store.tables import Decision, ReviewProject, Route


@dataclass(frozen=True, slots=True)
class EditionReview:
    """The review of one edition.

    Attributes:
        edition: Its name.
        url: The server's address; "" where decisions came from elsewhere.
        pushed_at: When samples were last sent.
        pulled_at: When decisions were last fetched.
        decisions: How many count, by what they say; and how many do not: ``superseded``, ``deleted``.
        disputed: Samples of which one reviewer rejects what another keeps.
        reviewers: How many people decided.
        minutes: That they took.
        tasks: On the server; None where it was not asked.
        open: Tasks nobody has decided; None likewise.
    """

    edition: str
    url: str
    pushed_at: dt.datetime | None
    pulled_at: dt.datetime | None
    decisions: dict[str, int]
    disputed: int
    reviewers: int
    minutes: float
    tasks: int | None = None
    open: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        times = {name: moment and moment.isoformat() for name, moment in self._times().items()}
        return asdict(self) | times

    def _times(self) -> dict[str, dt.datetime | None]:
        return {"pushed_at": self.pushed_at, "pulled_at": self.pulled_at}


def read_reviews(store: Store, server: Server | None, settings: ReviewSettings) -> list[EditionReview]:
    """Return the state of each edition that was pushed or decided about, the newest first.

    Raises:
        ReviewError: ``server`` is given and does not answer.
    """
    with store.sessions() as session:
        projects = list(session.scalars(select(ReviewProject).order_by(ReviewProject.made_at.desc())))
        rows = list(session.scalars(select(Decision).order_by(Decision.decided_at)))
    names = dict.fromkeys([project.name for project in projects] + [row.project for row in reversed(rows)])
    newest = {project.name: project for project in reversed(projects)}
    found = []
    for name in names:
        mine, project = [row for row in rows if row.project == name], newest.get(name)
        tasks, waiting = _on_server(server, settings, project)
        found.append(
            EditionReview(
                name,
                project.url if project else "",
                project.pushed_at if project else None,
                project.pulled_at if project else None,
                _counts(mine),
                _disputed(mine),
                len({row.reviewer for row in mine}),
                round(sum(row.seconds for row in mine if row.state == "current") / 60, 1),
                tasks,
                waiting,
            )
        )
    return found


def read_routes(store: Store) -> dict[str, int]:
    """Return how many samples go which way, and how many were drawn for the audit."""
    with store.sessions() as session:
        ways = session.execute(select(Route.action, func.count()).group_by(Route.action)).tuples()
        audited = session.scalar(select(func.count()).where(Route.audit)) or 0
        return {**dict(sorted(ways)), "audit": audited}


def _counts(rows: list[Decision]) -> dict[str, int]:
    counts = Counter(row.status if row.state == "current" else row.state for row in rows)
    return dict(sorted(counts.items()))


def _disputed(rows: list[Decision]) -> int:
    groups: dict[str, list[Decision]] = {}
    for row in rows:
        if row.state == "current":
            groups.setdefault(row.sample_id, []).append(row)
    return sum(disputed(group) for group in groups.values())


def _on_server(
    server: Server | None, settings: ReviewSettings, project: ReviewProject | None
) -> tuple[int | None, int | None]:
    if server is None or project is None or project.url != server.url:
        return None, None
    number = server.find_project(project_title(settings, project.name))
    if number is None:
        return 0, 0
    lines = [line for line in server.lines(number, settings.batch_size) if TaskKey.parse(line.key) is not None]
    return len(lines), sum(not line.annotations for line in lines)
