"""Each check on a case that is well and on broken ones."""

import datetime as dt
import json
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nest_builder.cli import app
from nest_builder.clock import fixed_clock
from nest_builder.config import DATA, Settings, load_settings
from nest_builder.doctor import Patient, accounts, inputs, machine, models, network, permissions, services
from nest_builder.doctor.base import Found
from nest_builder.rose import websense_model
from tests.builders import new_store

NOW = dt.datetime(2025, 10, 1, 6, tzinfo=dt.UTC)
MASKS = DATA / "models" / "sam-tiny"


def patient(folder: Path, network: bool = False, **sections: Any) -> Patient:
    return Patient(load_settings(None, None, workdir=folder, **sections), fixed_clock(NOW), network=network)


def of(found: Found) -> list[tuple[str, str]]:
    """Return what is not ok, as (state, text)."""
    lines = list(found)
    assert all(remedy for state, _, remedy in lines if state != "ok"), "what to do is said"
    return [(state, f"{said} | {remedy}") for state, said, remedy in lines if state != "ok"]


def only(found: Found, state: str, *words: str) -> None:
    ((got, text),) = of(found)
    assert got == state
    for word in words:
        assert word in text


def test_the_embedded_profile_is_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LABEL_STUDIO_API_KEY", "PREFECT_API_URL", "HF_TOKEN", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))  # what lies in the home of whoever runs the test
    well = patient(tmp_path)
    for check in (
        machine.check_python, machine.check_workdir, machine.check_clock, models.check_models, models.check_rose,
        services.check_services, inputs.check_store, inputs.check_sources, inputs.check_guard, network.check_network,
        permissions.check_disk, permissions.check_permissions, permissions.check_secrets, accounts.check_accounts,
    ):  # fmt: skip
        assert of(check(well)) == []


def test_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pins = tmp_path / "constraints.txt"
    pins.write_text("# torch==0\nTorch==2.0.0\nfastapi==0.150.0\n")
    monkeypatch.setattr(machine, "CONSTRAINTS", pins)
    monkeypatch.setattr(machine, "PINNED", ("torch", "fastapi"))
    only(machine.check_packages(patient(tmp_path)), "warning", "tested with 2.0.0", "constraints.txt")
    monkeypatch.setattr(machine, "PINNED", ("no-such-package",))
    only(machine.check_packages(patient(tmp_path)), "problem", "no-such-package is missing", "make env")
    monkeypatch.setattr(machine, "CONSTRAINTS", tmp_path / "absent.txt")
    monkeypatch.setattr(machine, "PINNED", ("torch",))
    only(machine.check_packages(patient(tmp_path)), "warning", "no pins")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda folder: (folder / "model.safetensors").write_bytes(b"version https://git-lfs"), "model.safetensors"),
        (lambda folder: (folder / "config.json").write_text("{"), "Expecting"),
        (lambda folder: (folder / "config.json").unlink(), "config.json"),
        (shutil.rmtree, "no folder here"),
    ],
    ids=["pointer instead of weights", "broken configuration", "no configuration", "gone"],
)
def test_a_broken_model(tmp_path: Path, harm: Any, said: str) -> None:
    folder = shutil.copytree(MASKS, tmp_path / "masks")
    harm(folder)
    only(models.check_models(patient(tmp_path, annotate={"mask_model": str(folder)})), "problem", said)


def test_a_public_name_is_fetched_later(tmp_path: Path) -> None:
    found = list(models.check_models(patient(tmp_path, annotate={"mask_model": "facebook/sam-vit-base"})))
    assert ("ok", "facebook/sam-vit-base: by its public name, fetched at first use", "") in found


def test_a_work_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    only(machine.check_workdir(patient(tmp_path / "file" / "work")), "problem", "--workdir")


@pytest.mark.parametrize(("free", "state"), [(9e8, "problem"), (4e9, "warning")])
def test_little_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: float, state: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**12, 10**12, int(free)))  # type: ignore[attr-defined]
    only(machine.check_workdir(patient(tmp_path)), state, "GB free")


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"now": dt.datetime(2025, 10, 1)}, "no time zone"),
        ({"now": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}, "2020-01-01"),
        ({"entities": {"cutoff": dt.datetime(2031, 1, 1, tzinfo=dt.UTC)}}, "2031-01-01"),
        ({"entities": {"snapshot": "absent.json"}}, "absent.json"),
    ],
)
def test_a_clock_that_cannot_be_right(tmp_path: Path, sections: dict[str, Any], said: str) -> None:
    only(machine.check_clock(patient(tmp_path, **sections)), "problem", said)


def test_the_machines_own_clock_counts_where_none_is_fixed(tmp_path: Path) -> None:
    settings = Settings(workdir=tmp_path)
    only(machine.check_clock(Patient(settings, fixed_clock(NOW.replace(year=1970)))), "problem", "1970")


@pytest.mark.parametrize(
    ("version", "state", "said"),
    [("'0000'", "problem", "unknown"), ("NULL", "warning", "migrates"), (None, None, "")],
)
def test_schemas(tmp_path: Path, version: str | None, state: str | None, said: str) -> None:
    new_store(tmp_path).close()
    if version is not None:
        with sqlite3.connect(tmp_path / "nest.sqlite") as connection:
            change = (
                "DELETE FROM alembic_version"
                if version == "NULL"
                else f"UPDATE alembic_version SET version_num = {version}"
            )
            connection.execute(change)
    found = of(inputs.check_store(patient(tmp_path)))
    assert [got for got, _ in found] == ([] if state is None else [state])
    assert all(said in text for _, text in found)


@pytest.mark.parametrize("url", ["nonsense", "nonsense+driver://host/db"])
def test_a_database_that_cannot_be_opened(tmp_path: Path, url: str) -> None:
    only(inputs.check_store(patient(tmp_path, database=url)), "problem", "`database`")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "nest.sqlite").write_text("no database at all, but some text " * 99)
    only(inputs.check_store(patient(tmp_path)), "problem", "not a database")


@contextmanager
def listening() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_ports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as port:
        monkeypatch.setattr(machine, "PORTS", {port: "the service"})
        only(machine.check_ports(patient(tmp_path)), "warning", str(port), "the service")
    assert of(machine.check_ports(patient(tmp_path))) == []


@pytest.mark.parametrize("text", [None, "[[feed]", "feeds = 1", '[[feed]]\noutlet = "x"', '[[feed]]\nurl = "ftp://x"'])
def test_a_broken_list_of_feeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None) -> None:
    path = tmp_path / "feeds.toml"
    if text is not None:
        path.write_text(text)
    monkeypatch.setattr(inputs, "FEEDS", path)
    ((state, _),) = of(inputs.check_sources(patient(tmp_path)))
    assert state == "problem"


def test_no_sources(tmp_path: Path) -> None:
    only(inputs.check_sources(patient(tmp_path, sources={"feeds": [], "sites": []})), "warning", "nothing to collect")


@pytest.mark.parametrize(
    ("web", "simulated", "state"),
    [
        ({"allow_hosts": ["*"]}, True, "problem"),
        ({"allow_hosts": ["*.org"]}, False, "problem"),
        ({"allow_hosts": ["cms.intra"]}, False, "warning"),
        ({"resolve": {"a.org": "http://127.0.0.1:1"}, "allow_hosts": []}, False, "warning"),
        ({"respect_opt_out": False}, True, "warning"),
    ],
)
def test_guard(tmp_path: Path, web: dict[str, Any], simulated: bool, state: str) -> None:
    only(inputs.check_guard(patient(tmp_path, web=web, newsworld={"enabled": simulated})), state)


def test_the_command_fails_for_problems_only(tmp_path: Path) -> None:
    toml = tmp_path / "nest.toml"
    command = ["doctor", "--workdir", str(tmp_path), "--config", str(toml)]
    toml.write_text("[web]\nrespect_opt_out = false\n")
    result = CliRunner().invoke(app, [*command, "--json"])
    printed = json.loads(result.stdout)
    assert (result.exit_code, printed["ok"]) == (0, True)
    assert "warning" in {finding["state"] for finding in printed["findings"]}
    toml.write_text('[annotate]\nmask_model = "/no/[such]/model"\n')
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    assert "[such]" in "".join(result.stdout.split())
    assert not (tmp_path / "nest.sqlite").exists()


def test_deep_uses_the_models(tmp_path: Path) -> None:
    settings = load_settings(None, None, workdir=tmp_path)
    deep = Patient(settings, fixed_clock(NOW), deep=True)
    found = [*models.check_models(deep), *models.check_rose(deep)]
    assert {state for state, _, _ in found} == {"ok"}
    used = [said.removesuffix(" loads and runs") for _, said, _ in found if said.endswith(" loads and runs")]
    assert used == ["detector", "mask model", "spaCy pipeline", "segmenter lisa", "image embedder"]


@pytest.mark.parametrize(
    ("code", "said", "deep"), [("class Thing(: pass", "SyntaxError", False), ("def Thing(**_): x", "NameError", True)]
)
def test_a_segmenter_of_ones_own_that_does_not_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, said: str, deep: bool
) -> None:
    (tmp_path / f"own_{said.lower()}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    settings = load_settings(None, None, workdir=tmp_path, rose={"segmenter": f"own_{said.lower()}:Thing"})
    only(models.check_rose(Patient(settings, fixed_clock(NOW), deep)), "warning", said)


@pytest.mark.parametrize("enabled", [False, True])
@pytest.mark.parametrize(
    ("rose", "said"),
    [
        ({"segmenter": "lisa:/no/such/lisa"}, "/no/such/lisa"),
        ({"segmenter": "no.such.module:Thing"}, "no.such.module"),
        ({"segmenter": "no-such-entry-point"}, "no-such-entry-point"),
        ({"image_embedder": "/no/such/clip"}, "/no/such/clip"),
        ({"text_embedder": "/no/such/texts"}, "/no/such/texts"),
    ],
)
def test_roses_models_are_problems_where_verdicts_are_wanted(
    tmp_path: Path, rose: dict[str, Any], said: str, enabled: bool
) -> None:
    found = models.check_rose(patient(tmp_path, rose=rose, validation={"enabled": enabled}))
    only(found, "problem" if enabled else "warning", said)


def test_every_static_model_is_looked_at_once(tmp_path: Path) -> None:
    names = ("lisa", "lisa", "grounded-sam", "remote:http://gpu-box:8123", "lisa:/no/such/lisa")
    found = models.check_rose(patient(tmp_path, validation={"segmenters": names}))
    only(found, "warning", "/no/such/lisa")
    assert [said.partition("@")[0] for _, said, _ in models.check_rose(patient(tmp_path))] == [
        "lisa-tiny",
        "clip-tiny",
        "websense.json",
    ]


@pytest.mark.parametrize("text", [None, "{", "{}", '{"features": 4, "weights": {"9": 1.0}, "bias": 0}'])
def test_small_models_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None) -> None:
    path = tmp_path / "websense.json"
    if text is not None:
        path.write_text(text)
    monkeypatch.setattr(websense_model, "WEIGHTS", path)
    only(models.check_rose(patient(tmp_path)), "warning", "websense.json")
    coefficients = tmp_path / "p_correct.json"
    if text is not None:
        coefficients.write_text(text)
    monkeypatch.setattr(models, "COEFFICIENTS", coefficients)
    only(models.check_models(patient(tmp_path)), "problem", "p_correct.json")


@pytest.mark.parametrize(
    ("rose", "said"),
    [
        ({"search": "searxng", "search_url": ""}, "rose.search_url"),
        ({"search": "searxng", "search_url": "localhost:8888"}, "no web address"),
        ({"search": "brave", "search_url": ""}, "BRAVE_API_KEY"),
        ({"language_url": "http://localhost:8000/v1"}, "rose.language_model"),
    ],
)
def test_services_that_are_named_badly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rose: dict[str, Any], said: str
) -> None:
    monkeypatch.delenv("BRAVE_API_KEY", raising=False)
    only(services.check_services(patient(tmp_path, rose=rose)), "warning", said)


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"rose": {"search": "searxng", "search_url": "http://127.0.0.1:1"}}, "search: searxng"),
        (
            {"rose": {"language_url": "http://127.0.0.1:1/v1", "language_model": "m", "search": "articles"}},
            "language model",
        ),
        ({"rose": {"search": "articles"}, "validation": {"segmenters": ["remote:http://127.0.0.1:1"]}}, "segmenter at"),
    ],
)
def test_services_that_are_down(tmp_path: Path, sections: dict[str, Any], said: str) -> None:
    down = {
        **sections,
        "validation": {"enabled": True, **sections.get("validation", {})},
        "web": {"retries": 0, "allow_hosts": ["127.0.0.1"]},
    }
    only(services.check_services(patient(tmp_path, network=True, **down)), "problem", said, "wait for their verdicts")
    quiet = list(services.check_services(patient(tmp_path, **down)))
    assert [state for state, _, _ in quiet] == ["ok"] * len(quiet)
    assert any("--network" in line for _, line, _ in quiet)
