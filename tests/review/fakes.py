"""A Label Studio in memory, with what push and pull ask of the real one; `test_server.py` holds the same against that."""

import copy
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from nest_builder.review.client import TaskLine, key_of
from nest_builder.review.wire import ReviewError

START = dt.datetime(2026, 3, 1, 10, tzinfo=dt.UTC)


class FakeServer:
    """Keeps projects, files, tasks and annotations; ``fail_after`` ends its service after so many requests."""

    url, key = "http://label.test", "label-studio:fake"

    def __init__(self) -> None:
        self.projects: dict[str, int] = {}
        self.files: dict[str, str] = {}
        self.tasks: dict[int, dict[str, Any]] = {}
        self.now = START
        self.annotations = 100  # numbers are not used again
        self.fail_after: int | None = None
        self.requests: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def _ask(self, what: str) -> None:
        if self.fail_after is not None and len(self.requests) >= self.fail_after:
            raise ReviewError("the server does not answer")
        self.requests.append(what)

    def tick(self) -> str:
        self.now += dt.timedelta(seconds=1)
        return self.now.isoformat()

    def people(self) -> dict[int, str]:
        return {1: "ann@example.org", 2: "bob@example.org"}

    def find_project(self, title: str) -> int | None:
        self._ask("find")
        return self.projects.get(title)

    def ensure_project(self, title: str, config: str, description: str, **values: Any) -> int:
        self._ask("ensure")
        return self.projects.setdefault(title, len(self.projects) + 1)

    def _of(self, project: int) -> list[dict[str, Any]]:
        return [task for _, task in sorted(self.tasks.items()) if task["project"] == project]

    def lines(self, project: int, page: int) -> Iterator[TaskLine]:
        self._ask("lines")
        for task in self._of(project):
            changed = {one["id"]: dt.datetime.fromisoformat(one["updated_at"]) for one in task["annotations"]}
            yield TaskLine(
                task["id"], key_of(task), dt.datetime.fromisoformat(task["updated_at"]), changed, task["overlap"]
            )

    def changed(self, project: int, since: dt.datetime | None, page: int) -> Iterator[dict[str, Any]]:
        for at, task in enumerate(self._of(project)):
            if at % page == 0:
                self._ask("changed")
            if since is None or dt.datetime.fromisoformat(task["updated_at"]) >= since:
                yield copy.deepcopy(task)

    def uploads(self, project: int) -> dict[str, str]:
        self._ask("uploads")
        return dict(self.files)

    def upload(self, project: int, files: Mapping[str, tuple[bytes, str]]) -> dict[str, str]:
        self._ask("upload")
        made = {name: f"/data/upload/{project}/{name}" for name in files}
        assert not made.keys() & self.files.keys(), "a picture is sent once"
        self.files |= made
        return made

    def import_tasks(self, project: int, tasks: Sequence[Mapping[str, Any]]) -> list[int]:
        self._ask("import")
        made = []
        for task in tasks:
            number = len(self.tasks) + 1
            self.tasks[number] = {
                "id": number, "project": project, "updated_at": self.tick(), "overlap": 1, "annotations": [],
                **copy.deepcopy(dict(task)),
            }  # fmt: skip
            made.append(number)
        return made

    def show_to(self, task: int, people: int) -> None:
        self._ask("show")
        self.tasks[task]["overlap"] = people

    def delete_task(self, task: int) -> None:
        self._ask("delete")
        del self.tasks[task]

    def say(self, task: int, *regions: dict[str, Any], by: int = 1, number: int | None = None, **values: Any) -> int:
        """Save an annotation, a new one or that of a number."""
        kept = self.tasks[task]["annotations"]
        if number is None:
            self.annotations += 1
            number = self.annotations
        kept[:] = [one for one in kept if one["id"] != number]
        moment = self.tick()
        kept.append(
            {
                "id": number,
                "result": list(regions),
                "updated_at": moment,
                "lead_time": 2.0,
                "completed_by": by,
                **values,
            }
        )
        self.tasks[task]["updated_at"] = moment
        return number

    def unsay(self, task: int, number: int, quietly: bool = False) -> None:
        """Delete an annotation; ``quietly`` as an action on many does, which leaves the task's time alone."""
        kept = self.tasks[task]["annotations"]
        kept[:] = [one for one in kept if one["id"] != number]
        if not quietly:
            self.tasks[task]["updated_at"] = self.tick()
