"""Servers where we are known: answering, refusing, down."""

import json
from pathlib import Path

import pytest

from nest_builder.clock import fixed_clock
from nest_builder.config import Settings
from nest_builder.doctor import Patient, accounts, examine
from tests.doctor.test_doctor import NOW, of, only
from tests.doctor.web import Route, serving

DOWN = "http://127.0.0.1:1"
VARIABLES = ("LABEL_STUDIO_API_KEY", "PREFECT_API_URL", "HF_TOKEN", "HF_ENDPOINT")


@pytest.fixture(autouse=True)
def unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def patient(folder: Path, network: bool = True, url: str = DOWN) -> Patient:
    return Patient(Settings(workdir=folder, review={"url": url}), fixed_clock(NOW), network=network)


def test_nobody_is_asked_without_a_token_or_unless_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving({}) as (origin, asked):
        assert of(accounts.check_accounts(patient(tmp_path, url=origin))) == []
        for name in VARIABLES:
            monkeypatch.setenv(name, origin)
        assert of(accounts.check_accounts(patient(tmp_path, network=False, url=origin))) == []
    assert asked == []


@pytest.mark.parametrize(
    ("route", "state", "said"),
    [
        ((200, "text/plain", "true"), None, ""),
        ((503, "text/plain", ""), "problem", "503"),
        (None, "problem", "PREFECT_API_URL"),
    ],
)
def test_prefect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, route: Route | None, state: str | None, said: str
) -> None:
    with serving({"/api/health": route} if route else {}) as (origin, _):
        monkeypatch.setenv("PREFECT_API_URL", f"{origin if route else DOWN}/api")
        found = of(accounts.check_accounts(patient(tmp_path)))
    assert [got for got, _ in found] == ([] if state is None else [state])
    assert all(said in text for _, text in found)


@pytest.mark.parametrize(
    ("route", "said"),
    [
        ((200, "application/json", json.dumps({"name": "nest"})), ""),
        ((401, "application/json", "{}"), "status 401"),
        ((302, "text/html", ""), "status 302"),
        ((200, "text/html", "<p>"), "Error"),
        ((200, "application/json", "[]"), "Error"),
    ],
)
def test_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, route: Route, said: str) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_0123456789abcdefghij")
    with serving({"/api/whoami-v2": route}) as (origin, asked):
        monkeypatch.setenv("HF_ENDPOINT", origin)
        found = of(accounts.check_accounts(patient(tmp_path)))
    assert asked[0]["authorization"] == "Bearer hf_0123456789abcdefghij"
    assert [state for state, _ in found] == (["warning"] if said else [])
    assert all(said in text and "hf_0" not in text for _, text in found)


def test_a_hub_that_is_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_0123456789abcdefghij")
    monkeypatch.setenv("HF_ENDPOINT", DOWN)
    only(accounts.check_accounts(patient(tmp_path)), "warning", "ConnectError", "HF_TOKEN")


def test_label_studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "0123456789abcdef0123456789abcdef01234567")
    only(accounts.check_accounts(patient(tmp_path)), "warning", "Label Studio", "review.url")
    only(accounts.check_accounts(patient(tmp_path, url="localhost:8080")), "warning", "no address")
    user = {
        "id": 1, "email": "me@nest.example", "first_name": "", "last_name": "", "username": "me", "initials": "me", "phone": "",
        "last_activity": "2025-10-01T00:00:00Z", "avatar": None, "active_organization": 1, "allow_newsletters": None,
        "date_joined": "2025-10-01T00:00:00Z",
    }  # fmt: skip
    with serving({"/api/current-user/whoami": (200, "application/json", json.dumps(user))}) as (origin, _):
        found = list(accounts.check_accounts(patient(tmp_path, url=origin)))
    assert ("ok", f"Label Studio at {origin} knows me@nest.example", "") in found


def test_what_is_found_is_shown_without_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://me:hunter22@127.0.0.1:1/api")
    found = [finding for finding in examine(patient(tmp_path)) if finding.check == "accounts"]
    assert any("Prefect" in finding.found and finding.state == "problem" for finding in found)
    assert "hunter22" not in str(found)
