"""The site's templates, style sheet and scripts."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from nest_builder.digest import digest
from nest_builder.report.links import web_address
from nest_builder.templates import templates

_TEMPLATES: Final = Path(__file__).resolve().parent / "templates"
_STYLES: Final = ("base.css", "gallery.css", "detail.css", "sections.css")
# In the order in which they need each other. Pages from a disk may not load modules, so they are joined in one function's scope.
_SCRIPTS: Final = ("dom.js", "masks.js", "data.js", "filters.js", "cards.js", "detail.js", "main.js")
# What a stage's items are, for people.
_UNITS: Final = {
    "collect": "sources and pages",
    "extract": "pages",
    "recognize": "articles",
    "assess": "names",
    "gather": "figures",
    "annotate": "pictures",
    "ask": "annotations",
    "validate": "samples",
    "review": "all samples at once",
    "export": "editions",
}
# A verdict -> its class of colour and its name.
_VERDICTS: Final = {
    "solved_by_static": ("v-static", "static model"),
    "solved_by_search": ("v-search", "search"),
    "solved_by_rose": ("v-rose", "ROSE"),
    "unsolved": ("v-unsolved", "nobody"),
    "": ("v-none", "no verdict"),
}


def render(template: str, **told: Any) -> str:
    """Fill a template."""
    environment = templates(_TEMPLATES, autoescape=True)
    environment.filters.update(web=web_address, percent=_percent, day=_day, path=_path)
    return environment.get_template(template).render(units=_UNITS, **told)


@cache
def assets() -> Mapping[str, str]:
    """Return the files that stand beside a page, by name."""
    style = "\n".join(_read(name) for name in _STYLES)
    script = "\n".join(_read(name) for name in _SCRIPTS)
    return {
        "site.css": style,
        "site.js": f'"use strict";\n(() => {{\n{script}}})();\n',
        "theme.js": _read("theme.js"),
    }


@cache
def state_of_templates() -> str:
    """Return a digest that changes with any template, style sheet or script."""
    return digest([[file.name, file.read_bytes()] for file in sorted(_TEMPLATES.iterdir()) if file.is_file()])


def verdict_parts(labels: Mapping[str, int]) -> list[tuple[str, int, str, str]]:
    """Return the parts of a bar of verdicts: class, count, name, and the label that the gallery filters by."""
    return [(_VERDICTS[label][0], count, _VERDICTS[label][1], label) for label, count in labels.items()]


def _read(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f} %"


def _day(value: str | None) -> str:
    return value[:10] if value else "no date"


def _path(url: str) -> str:
    """Return what of an address tells a host's feeds from each other."""
    try:
        return urlsplit(url).path or "/"
    except ValueError:
        return url
