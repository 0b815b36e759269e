"""Settings: defaults (the embedded profile), then a TOML file, then ``NEST_*`` variables, then the command line."""

import datetime as dt
import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from nest_builder.operations.secrets import refuse_secrets
from nest_builder.sections import (
    DATA,
    AnnotateSettings,
    AskSettings,
    DiskSettings,
    EntitySettings,
    ExportSettings,
    ExtractSettings,
    ImageSettings,
    LogSettings,
    MetricsSettings,
    NewsworldSettings,
    NotifySettings,
    ReviewSettings,
    RoseSettings,
    ScaleSettings,
    SourceSettings,
    ValidationSettings,
    WebSettings,
)

__all__ = [
    "DATA",
    "NEWSWORLD_OUTLETS",
    "PROFILES",
    "AnnotateSettings",
    "AskSettings",
    "DiskSettings",
    "EntitySettings",
    "ExportSettings",
    "ExtractSettings",
    "ImageSettings",
    "LogSettings",
    "MetricsSettings",
    "NewsworldSettings",
    "NotifySettings",
    "ReviewSettings",
    "RoseSettings",
    "ScaleSettings",
    "Settings",
    "SourceSettings",
    "ValidationSettings",
    "WebSettings",
    "load_settings",
]

NEWSWORLD_OUTLETS = (
    "harbourpost", "dailycurrent", "northgazette", "techledger", "citywire", "sportsbeacon", "plainview", "abendblatt",
)  # fmt: skip


class Settings(BaseSettings):
    """All settings."""

    model_config = SettingsConfigDict(
        env_prefix="NEST_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,  # an error about a setting must not print a secret that stands in it
    )

    workdir: Path = Path("work")
    database: str | None = Field(
        None,
        repr=False,
        description="SQLAlchemy URL; by default an SQLite file in workdir. With a password in it: only as NEST_DATABASE",
    )
    blobs: str | None = Field(None, description="fsspec URL; by default a folder in workdir")
    now: dt.datetime | None = Field(None, description="a fixed clock; by default the system's")
    sources: SourceSettings = SourceSettings()
    web: WebSettings = WebSettings()
    extract: ExtractSettings = ExtractSettings()
    entities: EntitySettings = EntitySettings()
    images: ImageSettings = ImageSettings()
    annotate: AnnotateSettings = AnnotateSettings()
    ask: AskSettings = AskSettings()
    review: ReviewSettings = ReviewSettings()
    export: ExportSettings = ExportSettings()
    rose: RoseSettings = RoseSettings()
    validation: ValidationSettings = ValidationSettings()
    notify: NotifySettings = NotifySettings()
    scale: ScaleSettings = ScaleSettings()
    newsworld: NewsworldSettings = NewsworldSettings(enabled=False)
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()
    disk: DiskSettings = DiskSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take the arguments alone: the command line lies over the environment, and so does what a run tells its workers."""
        return (init_settings,)

    @property
    def database_url(self) -> str:
        """Return the database's URL."""
        return self.database or f"sqlite:///{(self.workdir / 'nest.sqlite').resolve()}"

    @property
    def blobs_url(self) -> str:
        """Return where blobs live."""
        return self.blobs or str((self.workdir / "blobs").resolve())


PROFILES = Path(__file__).resolve().parent / "profiles"


def load_settings(config: Path | None = None, profile: str | None = None, **overrides: Any) -> Settings:
    """Read settings: a profile, then ``config`` over it, then ``NEST_*`` variables, then ``overrides``.

    Args:
        config: A TOML file. Its key ``profile`` may name the profile it builds on.
        profile: ``embedded`` or ``hub``, or the path of a TOML file.
        **overrides: Top-level settings that are not None.

    Raises:
        FileNotFoundError: There is no such profile or file.
        pydantic.ValidationError: A key is unknown or a value is out of range.
        SecretInSettingsError: One holds a secret.
    """
    values: dict[str, Any] = _read(config) if config is not None else {}
    name = profile or values.pop("profile", None) or "embedded"
    values.pop("profile", None)
    path = PROFILES / f"{name}.toml" if (PROFILES / f"{name}.toml").exists() else Path(name)
    if not path.exists():
        known = ", ".join(sorted(file.stem for file in PROFILES.glob("*.toml")))
        raise FileNotFoundError(f"no profile {name!r}: choose one of {known}, or give a TOML file")
    files = _merge(_read(path), values)
    given = {key: value for key, value in overrides.items() if value is not None}
    settings = Settings(**_merge(_merge(files, EnvSettingsSource(Settings)()), given))
    refuse_secrets(_merge(files, given), settings.model_dump())
    return settings


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise FileNotFoundError(f"no settings file {path}")
    text = path.read_text(encoding="utf-8").replace("{here}", path.resolve().parent.as_posix())
    return tomllib.loads(text.replace("{data}", DATA.as_posix()))


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Lay ``over`` on ``base``, table by table."""
    result = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = _merge(result[key], value) if both else value
    return result
