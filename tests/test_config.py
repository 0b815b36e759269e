"""Settings: profile, then file, then environment, then command line."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from nest_builder.config import DATA, Settings, load_settings


def write(folder: Path, text: str) -> Path:
    path = folder / "nest.toml"
    path.write_text(text, encoding="utf-8")
    return path


def value(settings: Settings, name: str) -> Any:
    found: Any = settings
    for part in name.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize(
    ("text", "environment", "arguments", "name", "expected"),
    [
        # the profile alone
        ("", {}, {}, "newsworld.enabled", True),
        ("", {}, {}, "newsworld.seed", 0),
        ("", {}, {}, "now", dt.datetime(2025, 10, 1, 6, tzinfo=dt.UTC)),
        ("", {}, {"profile": "hub"}, "newsworld.enabled", False),
        ('profile = "hub"', {}, {}, "annotate.mask_model", "facebook/sam-vit-base"),
        ('profile = "hub"', {}, {"profile": "embedded"}, "newsworld.enabled", True),
        # a file lies over it, table by table
        ("[newsworld]\nseed = 7", {}, {}, "newsworld.seed", 7),
        ("[newsworld]\nseed = 7", {}, {}, "newsworld.enabled", True),
        ("[sources]\nfeeds = ['http://a.test/f']", {}, {}, "sources.feeds", ("http://a.test/f",)),
        ("[sources]\nfeeds = ['http://a.test/f']", {}, {}, "sources.sites", ("http://plainview.newsworld.test/",)),
        ('[entities]\nsnapshot = "{data}/x.json"', {}, {}, "entities.snapshot", f"{DATA.as_posix()}/x.json"),
        ("[entities]\ncutoff = 2024-01-01T00:00:00", {}, {}, "entities.cutoff", dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),
        # NEST_* wins over the file, key by key
        ("[newsworld]\nseed = 7", {"NEST_NEWSWORLD__SEED": "9"}, {}, "newsworld.seed", 9),
        ("[newsworld]\nseed = 7", {"NEST_NEWSWORLD__SEED": "9"}, {}, "newsworld.enabled", True),
        ('workdir = "filed"', {"NEST_WORKDIR": "environs"}, {}, "workdir", Path("environs")),
        # what is given to the call and is not None lies over the file
        ('workdir = "filed"', {}, {"workdir": Path("asked")}, "workdir", Path("asked")),
        ('workdir = "filed"', {}, {"workdir": None}, "workdir", Path("filed")),
        # and over the environment
        ("", {"NEST_WORKDIR": "environs"}, {"workdir": Path("asked")}, "workdir", Path("asked")),
        ("", {"NEST_WORKDIR": "environs"}, {"workdir": None}, "workdir", Path("environs")),
        ("", {"NEST_NEWSWORLD__SEED": "9"}, {"newsworld": {"seed": 3}}, "newsworld.seed", 3),
    ],
)
def test_what_wins(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    environment: dict[str, str],
    arguments: dict[str, Any],
    name: str,
    expected: Any,
) -> None:
    for key, setting in environment.items():
        monkeypatch.setenv(key, setting)
    assert value(load_settings(write(tmp_path, text), **arguments), name) == expected


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("colour = 1", ("colour",)),
        ("[sources]\nfeed = []", ("sources", "feed")),
        ("[sources]\nmax_entries = 0", ("sources", "max_entries")),
        ("[web]\nrequests_per_second = 0", ("web", "requests_per_second")),
        ("[annotate]\ndevice = 'tpu'", ("annotate", "device")),
        ("[export]\nmin_p_correct = 1.5", ("export", "min_p_correct")),
        ("[newsworld]\nseed = 'many'", ("newsworld", "seed")),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, text: str, location: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as caught:
        load_settings(write(tmp_path, text))
    assert [error["loc"] for error in caught.value.errors()] == [location]


def test_a_missing_file_or_profile_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no settings file .*absent\.toml"):
        load_settings(tmp_path / "absent.toml")
    with pytest.raises(FileNotFoundError, match="no profile 'nightly': choose one of embedded, hub"):
        load_settings(profile="nightly")


def test_a_profile_may_be_a_file(tmp_path: Path) -> None:
    path = write(tmp_path, 'workdir = "{here}/w"')
    settings = load_settings(profile=str(path))
    assert settings.workdir == tmp_path / "w"
    assert settings.database_url == f"sqlite:///{tmp_path / 'w' / 'nest.sqlite'}"
    assert settings.blobs_url == str(tmp_path / "w" / "blobs")


def test_settings_do_not_change_under_a_run() -> None:
    settings = load_settings()
    with pytest.raises(ValidationError):
        settings.newsworld.seed = 3
