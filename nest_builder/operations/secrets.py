"""Secrets come from the environment. None may stand in settings, none may pass into logs, manifests or anything printed."""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

MASK: Final = "***"
_NAMES: Final = r"password|passwd|passphrase|secret|token|credentials?|api[-_]?key|access[-_]?key|private[-_]?key"
# A key of the settings, or a variable of the environment, that says of itself that it holds one.
_SECRET_NAME: Final = re.compile(rf"(?:^|[-_.])(?:{_NAMES}|authorization|signature)$", re.IGNORECASE)
_SECRET_VARIABLE: Final = re.compile(rf"(?:{_NAMES}|(?:^|_)key)$", re.IGNORECASE)
# What well-known services' tokens look like: Hugging Face, OpenAI, GitHub, AWS, Google, Slack, JSON Web Tokens.
_SHAPES: Final = re.compile(
    r"\b(?:hf_\w{20,200}|sk-[\w-]{16,300}|gh[pousr]_\w{20,255}|github_pat_\w{20,255}|AKIA[0-9A-Z]{16}"
    r"|AIza[\w-]{30,60}|xox[abprs]-[\w-]{10,200}|eyJ[\w-]{8,4096}\.[\w-]{8,4096}(?:\.[\w-]{0,4096})?)"
)
_USERINFO: Final = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]{0,30}://)[^\s/?#'\"<>]{1,512}@")
_NAMED: Final = re.compile(
    rf"((?:{_NAMES}|authorization|signature)['\"]?\s{{0,3}}[:=]\s{{0,3}}['\"]?(?:(?:bearer|basic|token)\s{{1,3}})?)"
    r"([^\s'\"&,;]{4,4096})",
    re.IGNORECASE,
)
_SHORTEST: Final = 6  # a shorter secret would mask half the language


class SecretInSettingsError(ValueError):
    """A setting holds a secret; the message says which and where it belongs, and not what it is."""


class Redactor:
    """Masks secrets in text: those of the environment, and whatever has the form of one.

    Args:
        environment: Whose variables' values are secrets where the name says so, or where a value is an address with a password.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        known = set(_held(os.environ if environment is None else environment))
        # The longest first: a secret may be the beginning of another.
        self._known = [text for text in sorted(known, key=len, reverse=True) if len(text) >= _SHORTEST]

    def __call__(self, text: str) -> str:
        """Return the text with every secret as ``***``."""
        for secret in self._known:
            if secret in text:
                text = text.replace(secret, MASK)
        if "://" in text:
            text = _USERINFO.sub(rf"\1{MASK}@", text)
        return _SHAPES.sub(MASK, _NAMED.sub(rf"\1{MASK}", text))

    def within(self, value: Any) -> Any:
        """Return JSON types with every string's secrets masked, and whatever stands under a name such as ``token``."""
        match value:
            case str():
                return self(value)
            case Mapping():
                return {
                    key: MASK if isinstance(item, str) and item and _SECRET_NAME.search(str(key)) else self.within(item)
                    for key, item in value.items()
                }
            case list() | tuple():
                return [self.within(item) for item in value]
        return value


def find_secrets(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Yield the dotted name of each setting that holds a secret, and what gives it away; never the secret.

    Args:
        value: Settings as plain types (``model_dump``).
        where: The name so far.
    """
    match value:
        case Mapping():
            for key, item in value.items():
                name = f"{where}.{key}" if where else str(key)
                if isinstance(item, str) and item and _SECRET_NAME.search(str(key)):
                    yield name, "its name says that it is a secret"
                else:
                    yield from find_secrets(item, name)
        case list() | tuple():
            for at, item in enumerate(value):
                yield from find_secrets(item, f"{where}[{at}]")
        case str():
            if (why := _secret_of(value)) is not None:
                yield where, why


def refuse_secrets(file: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Refuse settings that hold a secret. Only ``NEST_DATABASE``, being of the environment, may hold a password.

    Args:
        file: What settings files and the command line say.
        settings: All settings, the environment's over the files'.

    Raises:
        SecretInSettingsError: One holds a secret.
    """
    everything = {key: value for key, value in settings.items() if key != "database"}
    found = [*find_secrets({"database": file.get("database")}), *find_secrets(everything)]
    if found:
        lines = [f"{name}: {why}" for name, why in found]
        raise SecretInSettingsError(
            "; ".join(lines)
            + ". Secrets belong in the environment: NEST_DATABASE for the database's address with its password, "
            "AWS_* for object storage, and the variables that the manual names for each service"
        )


def _secret_of(text: str) -> str | None:
    if _SHAPES.search(text):
        return "it has the form of an access token"
    if "://" not in text:
        return None
    try:
        parts = urlsplit(text)
        named = [name for name, value in parse_qsl(parts.query) if value and _SECRET_NAME.search(name)]
        if parts.password or (parts.username and parts.scheme in ("http", "https")):
            return "an address with a password or a token"
    except ValueError:  # no address at all, which is for its reader to say
        return "an address with a password or a token" if _USERINFO.search(text) else None
    return f"an address with {named[0]}= in it" if named else None


def _held(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in environment.items():
        if _SECRET_VARIABLE.search(name):
            yield value
        if name.upper().endswith("NOTIFY_URLS"):  # Apprise's addresses: token://token/token
            yield from value.split()
        if "://" in value and "@" in value:
            try:
                password = urlsplit(value).password
            except ValueError:
                continue  # no address, hence no password that a parser would find
            if password:
                yield from (password, unquote(password))
