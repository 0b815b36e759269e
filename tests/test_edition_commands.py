"""``nest edition``: listing, checking, comparing, withdrawing, purging and downloading, as a person does it."""

import http.server
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nest_builder.cli import app
from nest_builder.export.published import read_rows
from tests.builders import fill_store, new_store
from tests.stages.test_export import hashes

COMMANDS = CliRunner()


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Return a work directory with the edition 2025.10, which the profile's clock names."""
    store = new_store(tmp_path)
    fill_store(store, 12)
    store.close()
    nest(tmp_path, "export")
    return tmp_path


def nest(work: Path, *command: str, status: int = 0) -> Any:
    arguments = [*command, "--workdir", str(work)] + (["--json"] if command[:2] != ("edition", "purge") else [])
    result = COMMANDS.invoke(app, arguments)
    assert result.exit_code == status, result.output
    return json.loads(result.stdout) if result.stdout.startswith("{") else result.output


def plain(work: Path, *command: str) -> str:
    result = COMMANDS.invoke(app, [*command, "--workdir", str(work)], env={"COLUMNS": "200"})
    return result.output


def test_a_withdrawal_from_end_to_end(work: Path) -> None:
    old, other, *_ = rows = list(read_rows(work / "editions" / "2025.10"))
    before = hashes(work / "editions" / "2025.10")
    said = nest(work, "edition", "withdraw", old["id"], other["image_sha256"])
    assert said["published"] == ["2025.10.1"]
    assert said["added"] == [old["id"], other["image_sha256"]]
    listed = nest(work, "edition", "list")
    assert listed["latest"] == "2025.10.1"
    assert [(one["name"], one["state"], one["withdrawn"], one["removed"]) for one in listed["editions"]] == [
        ("2025.10.1", "revised", 2, 2)
    ]
    everything = nest(work, "edition", "list", "--all")["editions"]
    assert [(one["name"], one["state"]) for one in everything] == [("2025.10", "superseded"), ("2025.10.1", "revised")]
    again = nest(work, "edition", "withdraw", old["id"])
    assert (again["added"], again["published"]) == ([], [])
    assert nest(work, "edition", "verify", "latest")["ok"]
    first = nest(work, "edition", "verify", "2025.10")
    assert (first["ok"], first["withdrawn_by"]) == (True, "2025.10.1")
    assert "superseded: 2025.10.1 withdraws samples" in plain(work, "edition", "verify", "2025.10")
    differ = nest(work, "edition", "diff", "2025.10", str(work / "editions" / "2025.10.1"))
    assert (differ["added"], differ["removed"], differ["changed"]) == ([], sorted([old["id"], other["id"]]), {})
    assert f"- {old['id']}" in plain(work, "edition", "diff", "2025.10", "2025.10.1")
    assert hashes(work / "editions" / "2025.10") == before
    assert "stays" in nest(work, "edition", "purge", "2025.10.1", "--yes", status=1)
    nest(work, "edition", "purge", "2025.10", "--yes")
    assert [path.name for path in (work / "editions" / "2025.10").iterdir()] == ["manifest.json"]
    assert nest(work, "edition", "verify", "2025.10", status=1)["problems"] == [
        "its content was purged, manifest.json is all that is left"
    ]
    assert nest(work, "edition", "list", "--all")["editions"][0]["state"] == "purged"
    assert nest(work, "export")["published"] == []
    assert len(list(read_rows(work / "editions" / "latest"))) == len(rows) - 2


@pytest.mark.parametrize(
    ("command", "status", "message"),
    [
        (("withdraw", "what is this?"), 2, "no URL, host"),
        (("withdraw", "nobody.test"), 0, '"published": []'),
        (("verify", "2025.11"), 1, "no edition 2025.11"),
        (("verify", "../editions"), 1, "no edition"),
        (("diff", "2025.10", "2024.01"), 1, "no edition 2024.01"),
        (("purge", "2025.10", "--yes"), 1, "no later revision"),
    ],
)
def test_what_is_said(work: Path, command: tuple[str, ...], status: int, message: str) -> None:
    arguments = ["edition", *command, "--workdir", str(work)] + (["--json"] if command[0] != "purge" else [])
    result = COMMANDS.invoke(app, arguments)
    assert result.exit_code == status
    assert message in " ".join(result.output.split())


def test_a_list_that_is_broken_stops_a_withdrawal(work: Path) -> None:
    (work / "takedown.txt").write_text("???")
    result = COMMANDS.invoke(app, ["edition", "withdraw", "nobody.test", "--workdir", str(work)])
    assert result.exit_code == 2
    assert (work / "takedown.txt").read_text() == "???"


def test_a_flipped_byte_is_named(work: Path) -> None:
    card = work / "editions" / "2025.10" / "README.md"
    data = bytearray(card.read_bytes())
    data[100] ^= 1
    card.write_bytes(data)
    assert nest(work, "edition", "verify", "2025.10", status=1)["problems"] == [
        "README.md: its content does not match the manifest's hash"
    ]


def test_a_withdrawal_goes_on_once_its_edition_is_restored(
    work: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    kept = tmp_path_factory.mktemp("back-up") / "2025.10"
    (work / "editions" / "2025.10").rename(kept)
    row = next(read_rows(kept))
    said = plain(work, "edition", "withdraw", row["id"])
    assert "edition 2025.10.1 was not written" in said
    assert "run it again" in said
    shutil.copytree(kept, work / "editions" / "2025.10")
    again = nest(work, "edition", "withdraw", row["id"])
    assert (again["added"], again["published"]) == ([], ["2025.10.1"])


def test_a_withdrawal_makes_its_list_where_the_settings_say(work: Path) -> None:
    config = work / "list.toml"
    config.write_text(f'[export]\ntakedown = "{work}/lists/takedown.txt"\n')
    said = nest(work, "edition", "withdraw", "nobody.test", "--config", str(config))
    assert said["list"] == str(work / "lists" / "takedown.txt")
    assert "nobody.test" in (work / "lists" / "takedown.txt").read_text()


def test_nest_plus_goes_with_what_is_purged(work: Path) -> None:
    nest(work, "edition", "plus")
    nest(work, "edition", "withdraw", next(read_rows(work / "editions" / "2025.10"))["id"])
    assert (work / "plus" / "2025.10").is_dir()
    nest(work, "edition", "purge", "2025.10", "--yes")
    assert not (work / "plus" / "2025.10").exists()


def test_what_does_not_fit_on_the_disk_is_said_and_comes_out_later(work: Path) -> None:
    config = work / "full.toml"
    config.write_text("[disk]\nmin_free_bytes = 1_000_000_000_000_000_000\n")
    wanted = next(read_rows(work / "editions" / "2025.10"))["id"]
    result = COMMANDS.invoke(app, ["edition", "withdraw", wanted, "--workdir", str(work), "--config", str(config)])
    assert result.exit_code == 1
    assert "edition 2025.10.1 was not written: disk:" in " ".join(result.output.split())
    assert nest(work, "edition", "withdraw", wanted)["published"] == ["2025.10.1"]


@pytest.fixture
def web(work: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Serve the pictures of the made-up outlets on loopback; yield the origin and the files by path."""
    store = new_store(work)
    files = {
        row["image_url"].removeprefix("http:/"): store.blobs.get(row["image_sha256"])
        for row in read_rows(work / "editions" / "2025.10")
    }
    store.close()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = files.get(f"/{self.headers['Host']}{self.path}")
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "image/jpeg")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", files
        server.shutdown()
        thread.join()


def test_a_download_with_the_polite_client(work: Path, web: tuple[str, dict[str, bytes]]) -> None:
    origin, files = web
    config = work / "links.toml"
    config.write_text(
        f'[newsworld]\nenabled = false\n[web]\nrequests_per_second = 1000\nresolve = {{"*.newsworld.test" = "{origin}"}}\n'
    )
    gone = sorted(files)[0]
    del files[gone]
    found = nest(work, "edition", "download", "2025.10", str(work / "out"), "--config", str(config))
    count = len(files) + 1
    assert (found["images"], found["fetched"], found["missing"]) == (count, count - 1, {"not found": 1})
    assert len(list((work / "out" / "images").iterdir())) == count - 1
