"""Secrets: refused in settings, masked in text."""

import time
import traceback
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from nest_builder.cli import app
from nest_builder.config import Settings, load_settings
from nest_builder.export.shaping import published_settings
from nest_builder.operations.secrets import Redactor, SecretInSettingsError, find_secrets

TOKEN = "hf_" + "a1B2" * 8
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abcDEF_-123"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql+psycopg://nest:s3cr3t@db/nest", "postgresql+psycopg://***@db/nest"),
        ("GET https://tok3n@host.example/feed?a=1", "GET https://***@host.example/feed?a=1"),
        ("postgresql://nest:p@ss@db/nest", "postgresql://***@db/nest"),
        ("https://host/feed?api_key=abcdef123&page=2", "https://host/feed?api_key=***&page=2"),
        ("Authorization: Bearer abc.def.ghi", "Authorization: Bearer ***"),
        ("'authorization': 'Token 0123456789abcdef'", "'authorization': 'Token ***'"),
        ('{"password": "hunter22"}', '{"password": "***"}'),
        (f"pushed with {TOKEN}.", "pushed with ***."),
        (f"the server said {JWT}", "the server said ***"),
        ("sk-proj-0123456789abcdefghij", "***"),
        ("AKIAIOSFODNN7EXAMPLE", "***"),
        # what is no secret stays
        ("https://host/a@b", "https://host/a@b"),
        ("mail@host.example writes about http://host/", "mail@host.example writes about http://host/"),
        ("the token count is 512", "the token count is 512"),
        ("", ""),
    ],
)
def test_what_has_the_form_of_a_secret_is_masked(text: str, expected: str) -> None:
    assert Redactor({})(text) == expected


def test_the_environments_own_secrets_are_masked_whatever_they_look_like() -> None:
    environment = {
        "BRAVE_API_KEY": "plain-words-here",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
        "HOME": "/home/somebody",
        "NEST_DATABASE": "postgresql://nest:pass%2Fword@db/nest",
        "DB_PASSWORD": "abc",  # too short to be masked: it would be found inside words
        "MONKEY": "bananas",
    }
    redact = Redactor(environment)
    said = redact("plain-words-here wJalrXUtnFEMI pass%2Fword pass/word /home/somebody abc bananas")
    assert said == "*** *** *** *** /home/somebody abc bananas"


@pytest.mark.parametrize("length", [10_000, 200_000])
def test_long_hostile_text_takes_no_time(length: int) -> None:
    redact, started = Redactor({}), time.process_time()
    for text in ("a" * length, "token=" * (length // 6), "http://" * (length // 7), "eyJ" + "a" * length, "-" * length):
        redact(text)
    assert time.process_time() - started < length / 20_000  # in proportion, a hundred times what it takes


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"database": "postgresql://nest:pw@db/nest"}, ["database"]),
        ({"database": "postgresql://nest@db/nest"}, []),
        ({"database": "sqlite:////data/nest.sqlite"}, []),
        ({"blobs": "s3://key:secret@bucket/prefix"}, ["blobs"]),
        ({"sources": {"feeds": ("https://a.example/f", "https://me:pw@b.example/f")}}, ["sources.feeds[1]"]),
        ({"sources": {"sites": ["https://a.example/?access_token=abc"]}}, ["sources.sites[0]"]),
        ({"rose": {"language_url": "https://tok@llm.example/v1"}}, ["rose.language_url"]),
        ({"rose": {"segmenter_options": {"api_key": "abc", "size": 3}}}, ["rose.segmenter_options.api_key"]),
        ({"rose": {"segmenter_options": {"note": TOKEN}}}, ["rose.segmenter_options.note"]),
        ({"review": {"token_variable": "LABEL_STUDIO_API_KEY"}}, []),
        ({"web": {"user_agent": "nest-builder/0.1 (+https://x.example)"}}, []),
        ({"notify": {"urls": ["mailto://me:pw@mail.example"]}}, ["notify.urls[0]"]),
    ],
)
def test_settings_that_hold_a_secret_are_found(settings: dict[str, Any], names: list[str]) -> None:
    found = list(find_secrets(settings))
    assert [name for name, _ in found] == names
    assert not any("pw" in why or TOKEN in why for _, why in found)


def test_the_defaults_and_profiles_hold_none() -> None:
    for profile in ("embedded", "hub"):
        assert list(find_secrets(load_settings(profile=profile).model_dump())) == []


def test_a_password_comes_from_the_environment_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql+psycopg://nest:hunter22@db/nest"
    file = tmp_path / "nest.toml"
    file.write_text(f'database = "{url}"\n')
    with pytest.raises(SecretInSettingsError, match=r"database: an address with a password.*NEST_DATABASE") as caught:
        load_settings(file)
    assert "hunter22" not in str(caught.value)
    monkeypatch.setenv("NEST_DATABASE", url)
    with pytest.raises(SecretInSettingsError):  # the environment's wins, but the file still holds one
        load_settings(file)
    settings = load_settings()
    assert settings.database_url == url
    assert "hunter22" not in repr(settings) + str(settings)
    assert "hunter22" not in str(published_settings(settings))


def test_other_secrets_are_refused_wherever_they_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEST_ROSE__SEARCH_URL", "https://me:hunter22@search.example")
    with pytest.raises(SecretInSettingsError, match=r"rose\.search_url"):
        load_settings()


def test_the_command_says_which_setting_and_not_what_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "nest.toml"
    file.write_text('[sources]\nfeeds = ["https://me:hunter22@a.example/f"]\n')
    result = CliRunner().invoke(app, ["status", "--config", str(file), "--json"])
    assert result.exit_code == 2
    assert "sources.feeds[0]" in result.output
    assert "hunter22" not in result.output


def test_errors_about_settings_do_not_print_them() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(**{"databse": "postgresql://nest:hunter22@db/nest"})
    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize(
    "command", [("status",), ("doctor",), ("backup", "saved"), ("gc",), ("metrics", "show"), ("build",), ("export",)]
)
def test_no_command_prints_the_databases_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """Not even when the database is down, and whatever it raises."""
    pytest.importorskip("psycopg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEST_DATABASE", "postgresql+psycopg://nest:hunter22@127.0.0.1:1/nest")
    options = ["--json"] if command[0] != "metrics" else []
    result = CliRunner().invoke(app, ["--log-format", "json", *command, *options, "--workdir", str(tmp_path)])
    assert result.exit_code != 0
    trace = "".join(traceback.format_exception(result.exception)) if result.exception else ""
    assert "hunter22" not in result.output + result.stderr + trace
