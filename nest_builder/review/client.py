"""The Label Studio server, through its SDK: what review needs of it, with bounded answers and errors that say what to do."""

import datetime as dt
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from label_studio_sdk import LabelStudio
from label_studio_sdk.core.api_error import ApiError

from nest_builder.config import ReviewSettings
from nest_builder.digest import digest
from nest_builder.review.wire import Bounding, ReviewError, read_time, saying

log = logging.getLogger(__name__)

FILES_AT_ONCE = 50  # Django refuses more than 100 in one request
_MAX_PROJECTS = 10_000
# What a task's line needs for a comparison with what is known; all its fields are a hundred times as long.
_LIGHT = "id,updated_at,annotations,meta,overlap"
_UPLOADED = re.compile(r"upload/\d+/[0-9a-f]{8}-([0-9a-f]{64}\.[a-z]{3,4})")


@dataclass(frozen=True, slots=True)
class TaskLine:
    """What is known of a task without fetching all of it.

    Attributes:
        id: Its number.
        key: What it shows, as ``meta.nest`` says; "" for a task that is not ours.
        updated_at: When it, or an annotation of it, changed last (the server's clock).
        annotations: Number of each annotation, and when it changed last.
        overlap: How many people it is shown to.
    """

    id: int
    key: str
    updated_at: dt.datetime
    annotations: Mapping[int, dt.datetime]
    overlap: int


class Server:
    """A Label Studio server. To be used as a context manager.

    Args:
        url: Its address.
        token: A personal access token, or a legacy token where the server still takes those.
        timeout_seconds: For one answer.
        transport: Instead of the network.

    Raises:
        ReviewError: The address is none, or the token has expired.
    """

    def __init__(
        self, url: str, token: str, timeout_seconds: float = 120.0, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.url = url.rstrip("/")
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ReviewError(f"review.url = {url!r} is no address of a server")
        self.key = f"label-studio:{digest(self.url)[:12]}"
        # Redirects would carry the token elsewhere; an address that redirects is to be corrected.
        self._http = httpx.Client(transport=Bounding(transport or httpx.HTTPTransport()), timeout=timeout_seconds)
        with saying("the token"):
            # Its generated methods answer unions of models of several editions of Label Studio; what is read of them is checked.
            self._api: Any = LabelStudio(base_url=self.url, api_key=token, httpx_client=self._http)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def whoami(self) -> str:
        """Return the e-mail address of the token's owner."""
        with saying("who is asking"):
            return str(self._api.users.whoami().email)

    def people(self) -> dict[int, str]:
        """Return the e-mail address of each user, by number."""
        with saying("users"):
            return {int(user.id): str(user.email)[:256] for user in self._api.users.list() if user.email}

    def find_project(self, title: str) -> int | None:
        """Return the number of the oldest project of that title, or None."""
        found: list[int] = []
        with saying("projects"):
            for number, project in enumerate(self._api.projects.list(title=title)):
                if number >= _MAX_PROJECTS:
                    raise ReviewError(f"more than {_MAX_PROJECTS} projects are called like {title!r}")
                if project.title == title and project.id is not None:
                    found.append(project.id)
        return min(found, default=None)

    def ensure_project(self, title: str, config: str, description: str, **values: Any) -> int:
        """Return the number of the project of that title, made if it is not there, with the present labelling interface."""
        number = self.find_project(title)
        with saying(f"project {title!r}"):
            if number is None:
                made = self._api.projects.create(title=title, label_config=config, description=description, **values)
                return int(made.id)
            project = self._api.projects.get(id=number)
            if project.label_config != config:
                self._api.projects.update(id=number, label_config=config)
            return number

    def lines(self, project: int, page: int) -> Iterator[TaskLine]:
        """Yield a line of each task in the order of their numbers, ``page`` of them a request."""
        for task in self._tasks(project, page, (), include=_LIGHT):
            yield _line(task)

    def changed(self, project: int, since: dt.datetime | None, page: int) -> Iterator[dict[str, Any]]:
        """Yield tasks, with all that is on them, that changed at that time of the server's clock or later."""
        when = (
            ()
            if since is None
            else (_filter("updated_at", "greater_or_equal", "Datetime", f"{since:%Y-%m-%dT%H:%M:%S.%f}Z"),)
        )
        yield from self._tasks(project, page, when)

    def _tasks(
        self, project: int, page: int, filters: Sequence[dict[str, Any]], **params: Any
    ) -> Iterator[dict[str, Any]]:
        """Page through tasks by their numbers: pages by position would skip some where others are deleted meanwhile."""
        last = 0
        while True:
            items = [*filters, _filter("id", "greater", "Number", last)]
            query = {"filters": {"conjunction": "and", "items": items}, "ordering": ["tasks:id"]}
            asked = {"project": project, "fields": "all", "page_size": page, "query": json.dumps(query), **params}
            response = self._send("GET", "api/tasks/", "tasks", params=asked)
            with saying("tasks"):
                answer = response.json()
            tasks = answer.get("tasks") if isinstance(answer, dict) else None
            if not isinstance(tasks, list):
                raise ReviewError("tasks: the server's answer has no list of tasks")
            for task in tasks:
                number = task.get("id") if isinstance(task, dict) else None
                if not isinstance(number, int) or isinstance(number, bool) or number <= last:
                    raise ReviewError("tasks: the server's answer is not in the order of the tasks' numbers")
                last = number
                yield task
            if len(tasks) < page:
                return

    def _send(self, method: str, path: str, what: str, **content: Any) -> httpx.Response:
        """Ask for what the SDK has no method for (files), or none that takes an answer apart without trusting it (tasks)."""
        with saying(what):
            # The SDK's headers hold the access token, which it renews for personal access tokens.
            headers = self._api._client_wrapper.get_headers()
            response = self._http.request(method, f"{self.url}/{path}", headers=headers, **content)
            if not response.is_success:
                raise ApiError(status_code=response.status_code, body=response.text)
            return response

    def uploads(self, project: int) -> dict[str, str]:
        """Return where each uploaded picture is, by the name it was sent under."""
        with saying("uploaded pictures"):
            return _addresses(self._api.files.list(project, all_=True))

    def upload(self, project: int, files: Mapping[str, tuple[bytes, str]]) -> dict[str, str]:
        """Send pictures, and return where they are, by name.

        Args:
            project: Its labelling interface must have one picture and nothing else, or Label Studio refuses files.
            files: Name to bytes and media type, `FILES_AT_ONCE` at most.
        """
        parts = {f"file{at}": (name, data, kind) for at, (name, (data, kind)) in enumerate(files.items())}
        path, asked = f"api/projects/{project}/import", {"commit_to_project": "false"}
        with saying("sending pictures"):
            numbers = self._send("POST", path, "sending pictures", params=asked, files=parts).json()["file_upload_ids"]
            made = _addresses(self._api.files.list(project, ids=json.dumps(numbers)))
        if missing := files.keys() - made.keys():
            raise ReviewError(f"sending pictures: {len(missing)} of {len(files)} did not arrive")
        return made

    def import_tasks(self, project: int, tasks: Sequence[Mapping[str, Any]]) -> list[int]:
        """Make tasks with their predictions in one request, and return their numbers.

        The SDK's repetition after an error is off: behind a proxy that gives up, the first attempt may well have worked.
        """
        with saying("making tasks"):
            made = self._api.projects.import_tasks(
                project, request=list(tasks), return_task_ids=True, request_options={"max_retries": 0}
            )
        numbers = made.task_ids or []
        if len(numbers) != len(tasks):
            raise ReviewError(f"making tasks: {len(tasks)} were sent, {len(numbers)} made")
        return list(numbers)

    def show_to(self, task: int, people: int) -> None:
        """Say how many people a task is shown to."""
        self._send("PATCH", f"api/tasks/{task}/", f"task {task}", json={"overlap": people})

    def ensure_webhook(self, project: int, address: str, headers: Mapping[str, str]) -> None:
        """Have a project's server tell an address when an annotation is made, changed or deleted, without saying what it holds."""
        with saying("webhooks"):
            for known in self._api.webhooks.list(project=str(project)):
                if known.url == address:
                    self._api.webhooks.delete(id=known.id)  # its secret is another run's
            self._api.webhooks.create(
                url=address,
                project=project,
                headers=dict(headers),
                send_payload=False,
                send_for_all_actions=False,
                actions=["ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_DELETED"],
            )

    def delete_task(self, task: int) -> None:
        """Delete a task; one that is gone already is no error."""
        with saying(f"task {task}"):
            try:
                self._api.tasks.delete(id=str(task))
            except ApiError as error:
                if error.status_code != 404:
                    raise


def connect(settings: ReviewSettings, environment: Mapping[str, str] | None = None) -> Server:
    """Open the server of the settings with the token of the environment.

    Raises:
        ReviewError: There is no token, or the address is none.
    """
    token = (os.environ if environment is None else environment).get(settings.token_variable, "").strip()
    if not token:
        raise ReviewError(
            f"no token in {settings.token_variable}: make one in Label Studio under Account & Settings, and export it"
        )
    return Server(settings.url, token, settings.timeout_seconds)


def _addresses(files: Sequence[Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in files:
        if match := _UPLOADED.fullmatch(file.file or ""):
            found.setdefault(match[1], f"/data/{match[0]}")
    return found


def _filter(field: str, operator: str, kind: str, value: Any) -> dict[str, Any]:
    return {"filter": f"filter:tasks:{field}", "operator": operator, "type": kind, "value": value}


def key_of(task: Mapping[str, Any]) -> str:
    """Return the key that a task of ours carries in its ``meta``; "" where it is another's."""
    meta = task.get("meta")
    key = meta.get("nest") if isinstance(meta, dict) else None
    return key if isinstance(key, str) else ""


def _line(task: Mapping[str, Any]) -> TaskLine:
    try:
        annotations = task["annotations"]
        return TaskLine(
            task["id"],
            key_of(task),
            read_time(task["updated_at"]),
            {int(one["id"]): read_time(one["updated_at"]) for one in annotations},
            int(task.get("overlap") or 1),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ReviewError(f"task {task['id']}: {type(error).__name__}: {error}") from error
