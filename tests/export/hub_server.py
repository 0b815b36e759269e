"""A loopback server that speaks the part of the Hub's protocol that pushing and loading a dataset repository uses.

Repositories, branches of one name, commits (NDJSON), pre-upload, Git LFS (batch, basic transfer, verify), trees, tags, and
files with ranges. It remembers what it was sent, can be slow, and can be told to call back in the middle of an upload.

Xet storage is hf_xet's own store in a folder, to which the server gives out the address: the library cuts files into chunks and keeps
them there as it would send them to the Hub. What arrived is known by the SHA-256 that a shard's index has.
"""

import base64
import hashlib
import json
import re
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_loopback_only"
LFS_SUFFIXES = (".parquet",)


@dataclass
class File:
    content: bytes
    lfs: bool

    @property
    def oid(self) -> str:
        if self.lfs:
            return hashlib.sha256(self.content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(self.content) + self.content).hexdigest()

    def entry(self, path: str) -> dict[str, Any]:
        entry: dict[str, Any] = {"type": "file", "path": path, "size": len(self.content), "oid": self.oid}
        if self.lfs:
            entry["lfs"] = {"oid": self.oid, "size": len(self.content), "pointerSize": 130}
        return entry


@dataclass
class Commit:
    sha: str
    title: str
    files: dict[str, File]


@dataclass
class Repository:
    commits: list[Commit] = field(default_factory=lambda: [Commit("0" * 40, "initial commit", {})])
    tags: dict[str, str] = field(default_factory=dict)

    def at(self, revision: str) -> Commit | None:
        wanted = self.commits[-1].sha if revision in ("main", "") else self.tags.get(revision, revision)
        return next((commit for commit in self.commits if commit.sha == wanted), None)


class Hub:
    """What the server holds, and what it was sent."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}  # LFS objects that arrived whole
        self.received: Counter[str] = Counter()  # of each object: how many times it arrived whole
        self.requests: list[str] = []
        self.halfway: Callable[[int], bool] | None = (
            None  # called in the middle of the n-th upload; True: the rest never came
        )
        self.before_commit: Callable[[], None] | None = None
        self.xet = ""  # address of the Xet store
        self.known: dict[str, bytes] = {}  # what may be in it, by SHA-256
        self.uploads = 0
        self.refuse_objects = False
        self.lock = threading.Lock()
        self.url = ""


@contextmanager
def serving() -> Iterator[Hub]:
    """Serve until the block ends."""
    hub = Hub()

    class Bound(_Handler):
        state = hub

    server = _Server(("127.0.0.1", 0), Bound)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that was killed is no fault of the server
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: Hub

    def log_message(self, format: str, *args: Any) -> None:
        self.state.requests.append(format % args)

    def do_GET(self) -> None:
        self._route("GET")

    def do_HEAD(self) -> None:
        self._route("HEAD")

    def do_POST(self) -> None:
        self._route("POST")

    def do_PUT(self) -> None:
        self._route("PUT")

    def do_DELETE(self) -> None:
        self._route("DELETE")

    def _route(self, method: str) -> None:
        address = urlsplit(self.path)
        self.query = parse_qs(address.query)
        path = address.path
        if (
            method in ("POST", "DELETE")
            and self.headers.get("Authorization") != f"Bearer {TOKEN}"
            and "paths-info" not in path
        ):
            self._body()
            self._json(401, {"error": "Invalid credentials"})
            return
        for wanted, pattern, answer in _ROUTES:
            found = re.fullmatch(pattern, path)
            if found and method in wanted:
                answer(self, *(unquote(group or "") for group in found.groups()))
                return
        self._body()
        self._json(404, {"error": f"no route {method} {path}"})

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            whole = b""
            while size := int(self.rfile.readline(), 16):
                whole += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return whole
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _json(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(content).encode(), {"Content-Type": "application/json", **(headers or {})})

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _missing(self, what: str, code: str) -> None:
        self._json(404, {"error": what}, {"X-Error-Code": code, "X-Error-Message": what})

    def _commit_at(self, name: str, revision: str) -> Commit | None:
        repository = self.state.repositories.get(name)
        if repository is None:
            self._missing("Repository not found", "RepoNotFound")
            return None
        commit = repository.at(revision)
        if commit is None:
            self._missing("Revision not found", "RevisionNotFound")
        return commit

    def create(self) -> None:
        asked = json.loads(self._body())
        name = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
        known = name in self.state.repositories
        self.state.repositories.setdefault(name, Repository())
        self._json(409 if known else 200, {"url": f"{self.state.url}/datasets/{name}", "error": "exists"})

    def validate_yaml(self) -> None:
        content = json.loads(self._body())["content"]
        good = content.startswith("---\n")
        self._json(200 if good else 400, {"errors": [] if good else [{"message": "no metadata"}], "warnings": []})

    def info(self, name: str, revision: str = "main") -> None:
        if commit := self._commit_at(name, revision):
            siblings = [{"rfilename": path} for path in sorted(commit.files)]
            told = {"id": name, "sha": commit.sha, "private": False, "tags": [], "downloads": 0, "likes": 0}
            self._json(200, {**told, "siblings": siblings})

    def refs(self, name: str) -> None:
        if commit := self._commit_at(name, "main"):
            tags = self.state.repositories[name].tags.items()
            self._json(200, {
                "branches": [{"name": "main", "ref": "refs/heads/main", "targetCommit": commit.sha}],
                "converts": [],
                "tags": [{"name": tag, "ref": f"refs/tags/{tag}", "targetCommit": sha} for tag, sha in tags],
            })  # fmt: skip

    def commits(self, name: str, revision: str) -> None:
        if self._commit_at(name, revision):
            told = [
                {"id": one.sha, "title": one.title, "message": "", "authors": [], "date": "2025-11-01T00:00:00.000Z"}
                for one in reversed(self.state.repositories[name].commits)
            ]
            self._json(200, told)

    def tree(self, name: str, revision: str, folder: str) -> None:
        commit = self._commit_at(name, revision)
        if commit is None:
            return
        prefix = f"{folder.strip('/')}/" if folder.strip("/") else ""
        below = {path: file for path, file in sorted(commit.files.items()) if path.startswith(prefix)}
        if prefix and not below:
            self._missing("Entry not found", "EntryNotFound")
            return
        recursive = self.query.get("recursive", ["False"])[0].lower() in ("true", "1")
        entries: dict[str, dict[str, Any]] = {}
        for path, file in below.items():
            parts = path[len(prefix) :].split("/")
            for depth in range(1, len(parts) if recursive else min(2, len(parts))):
                inner = prefix + "/".join(parts[:depth])
                entries[inner] = {"type": "directory", "path": inner, "size": 0, "oid": "0" * 40}
            if recursive or len(parts) == 1:
                entries[path] = file.entry(path)
        self._json(200, list(entries.values()))

    def paths_info(self, name: str, revision: str) -> None:
        body = self._body().decode()
        asked = json.loads(body)["paths"] if body.startswith("{") else parse_qs(body).get("paths", [])
        commit = self._commit_at(name, revision)
        if commit is None:
            return
        found = []
        for path in asked:
            if path in commit.files:
                found.append(commit.files[path].entry(path))
            elif any(other.startswith(f"{path}/") for other in commit.files):
                found.append({"type": "directory", "path": path, "size": 0, "oid": "0" * 40})
        self._json(200, found)

    def preupload(self, name: str, revision: str) -> None:
        asked = json.loads(self._body())["files"]
        commit = self._commit_at(name, revision)
        if commit is None:
            return
        told = []
        for one in asked:
            lfs = one["path"].endswith(LFS_SUFFIXES) or one["size"] > 10_000_000
            here = commit.files.get(one["path"])
            told.append({
                "path": one["path"], "uploadMode": "lfs" if lfs else "regular", "shouldIgnore": False, "oid": here.oid if here else None,
            })  # fmt: skip
        self._json(200, {"files": told})

    def batch(self, name: str) -> None:
        asked = json.loads(self._body())
        assert "basic" in asked["transfers"]
        if self.state.refuse_objects:
            self._json(
                200, {"objects": [{**one, "error": {"code": 507, "message": "full"}} for one in asked["objects"]]}
            )
            return
        objects = []
        for one in asked["objects"]:
            told: dict[str, Any] = {"oid": one["oid"], "size": one["size"]}
            if one["oid"] not in self.state.objects:
                told["actions"] = {
                    "upload": {"href": f"{self.state.url}/lfs/{one['oid']}"},
                    "verify": {"href": f"{self.state.url}/lfs/verify"},
                }
            objects.append(told)
        self._json(200, {"transfer": "basic", "objects": objects})

    def upload(self, oid: str) -> None:
        with self.state.lock:
            self.state.uploads += 1
            number = self.state.uploads
        size = int(self.headers["Content-Length"])
        content = self.rfile.read(size // 2)
        if self.state.halfway is not None and self.state.halfway(number):
            self.close_connection = True
            return
        content += self.rfile.read(size - size // 2)
        if len(content) < size or hashlib.sha256(content).hexdigest() != oid:
            self.close_connection = True
            return
        with self.state.lock:
            self.state.objects[oid] = content
            self.state.received[oid] += 1
        self._send(200, b"", {})

    def verify(self) -> None:
        asked = json.loads(self._body())
        self._json(200 if len(self.state.objects.get(asked["oid"], b"")) == asked["size"] else 404, {})

    def xet_token(self, name: str, revision: str) -> None:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._json(401, {"error": "Invalid credentials"})
        else:
            headers = {
                "X-Xet-Cas-Url": self.state.xet,
                "X-Xet-Access-Token": "x",
                "X-Xet-Token-Expiration": "9999999999",
            }
            told = {"casUrl": self.state.xet, "accessToken": "x", "exp": 9999999999}
            self._json(200, told, headers)

    def _take_from_xet(self, oid: str) -> None:
        digest = bytes.fromhex(oid)  # which hf_xet keeps as four numbers, each with its lowest byte first
        swapped = b"".join(digest[at : at + 8][::-1] for at in range(0, 32, 8))
        shards = Path(self.state.xet.removeprefix("local://")).rglob("*.mdb")
        if any(swapped in shard.read_bytes() for shard in shards):
            self.state.objects[oid] = self.state.known[oid]

    def commit(self, name: str, revision: str) -> None:
        lines = [json.loads(line) for line in self._body().splitlines()]
        if self.state.before_commit is not None:
            self.state.before_commit()
        before = self._commit_at(name, revision)
        if before is None:
            return
        header = lines[0]["value"]
        if header.get("parentCommit", before.sha) != before.sha:
            self._json(412, {"error": "The branch has moved on"})
            return
        files = dict(before.files)
        for line in lines[1:]:
            value = line["value"]
            match line["key"]:
                case "file":
                    files[value["path"]] = File(base64.b64decode(value["content"]), lfs=False)
                case "lfsFile":
                    if self.state.xet and value["oid"] not in self.state.objects:
                        self._take_from_xet(value["oid"])
                    if value["oid"] not in self.state.objects:
                        self._json(400, {"error": f"no object {value['oid']}"})
                        return
                    files[value["path"]] = File(self.state.objects[value["oid"]], lfs=True)
                case "deletedFolder":
                    files = {path: one for path, one in files.items() if not path.startswith(value["path"])}
                case "deletedFile":
                    del files[value["path"]]
        repository = self.state.repositories[name]
        told = "".join(f"{path}:{one.oid}\n" for path, one in sorted(files.items()))
        sha = hashlib.sha1(f"{before.sha}\n{header['summary']}\n{told}".encode()).hexdigest()
        repository.commits.append(Commit(sha, header["summary"], files))
        self._json(
            200, {"success": True, "commitOid": sha, "commitUrl": f"{self.state.url}/datasets/{name}/commit/{sha}"}
        )

    def tag(self, name: str, revision: str) -> None:
        asked = json.loads(self._body())
        commit = self._commit_at(name, revision)
        if commit is None:
            return
        tags = self.state.repositories[name].tags
        known = asked["tag"] in tags
        tags.setdefault(asked["tag"], commit.sha)
        self._json(409 if known else 200, {"error": "exists"} if known else {})

    def untag(self, name: str, tag: str) -> None:
        del self.state.repositories[name].tags[tag]
        self._json(200, {})

    def resolve(self, name: str, revision: str, path: str) -> None:
        commit = self._commit_at(name, revision)
        if commit is None:
            return
        file = commit.files.get(path)
        if file is None:
            self._missing("Entry not found", "EntryNotFound")
            return
        headers = {"ETag": f'"{file.oid}"', "X-Repo-Commit": commit.sha, "Accept-Ranges": "bytes"}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None:
            self._send(200, file.content, headers)
            return
        start, end = int(asked[1]), min(int(asked[2] or len(file.content) - 1), len(file.content) - 1)
        headers["Content-Range"] = f"bytes {start}-{end}/{len(file.content)}"
        self._send(206, file.content[start : end + 1], headers)


_NAME = r"([\w.-]+/[\w.-]+)"
_API = rf"/api/datasets/{_NAME}"
_ROUTES: list[tuple[tuple[str, ...], str, Callable[..., None]]] = [
    (("POST",), "/api/repos/create", _Handler.create),
    (("POST",), "/api/validate-yaml", _Handler.validate_yaml),
    (("POST",), rf"{_API}/preupload/([^/]+)", _Handler.preupload),
    (("POST",), rf"{_API}/commit/([^/]+)", _Handler.commit),
    (("GET",), rf"{_API}/xet-write-token/([^/]+)", _Handler.xet_token),
    (("POST",), rf"{_API}/paths-info/([^/]+)", _Handler.paths_info),
    (("POST",), rf"{_API}/tag/([^/]+)", _Handler.tag),
    (("DELETE",), rf"{_API}/tag/([^/]+)", _Handler.untag),
    (("POST",), rf"/datasets/{_NAME}\.git/info/lfs/objects/batch", _Handler.batch),
    (("POST",), "/lfs/verify", _Handler.verify),
    (("PUT",), "/lfs/([0-9a-f]{64})", _Handler.upload),
    (("GET",), rf"{_API}/refs", _Handler.refs),
    (("GET",), rf"{_API}/commits/([^/]+)", _Handler.commits),
    (("GET",), rf"{_API}/tree/([^/]+)(/.*)?", _Handler.tree),
    (("GET",), rf"{_API}/revision/([^/]+)", _Handler.info),
    (("GET",), _API, _Handler.info),
    (("GET", "HEAD"), rf"/datasets/{_NAME}/resolve/([^/]+)/(.+)", _Handler.resolve),
]
