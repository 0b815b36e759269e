"""Segmenters by name: a short name, an installed entry point, an address of a service, or ``package.module:attribute``."""

import inspect
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any, Final, cast

from nest_builder.annotate.models import load_attribute
from nest_builder.config import DATA
from nest_builder.segmenters.base import ReferringSegmenter

GROUP: Final = "nest_builder.segmenters"
# Short name -> what it stands for, and the keyword that takes what follows the name's colon.
BUILT_IN: Final[Mapping[str, tuple[str, str]]] = {
    "lisa": ("nest_builder.segmenters.lisa:Lisa", "name"),
    "grounded-sam": ("nest_builder.segmenters.grounded_sam:GroundedSam", ""),
    "remote": ("nest_builder.segmenters.remote:RemoteSegmenter", "url"),
}
_DEFAULTS: Final = {"name": str(DATA / "models" / "lisa-tiny"), "url": ""}


def load_segmenter(reference: str, options: Mapping[str, Any] | None = None) -> ReferringSegmenter:
    """Make a segmenter.

    Args:
        reference: ``lisa`` (the embedded one), ``lisa:`` with a folder or a hub id, ``grounded-sam``, ``remote:http://host:port``,
            the name of an entry point of the group ``nest_builder.segmenters``, or ``package.module:attribute``. The attribute
            is a class or function that makes a segmenter, or a segmenter.
        options: Keyword arguments for what makes it.

    Raises:
        ValueError: There is none of that name, it cannot be imported or made, or it is no segmenter.
    """
    short, _, rest = reference.partition(":")
    given = dict(options or {})
    if short in BUILT_IN:
        target, keyword = BUILT_IN[short]
        found: Any = load_attribute(target)
        if keyword:
            given.setdefault(keyword, rest or _DEFAULTS[keyword])
        elif rest:
            raise ValueError(f"{short} takes nothing after its name, got {reference!r}")
    else:
        found = load_attribute(reference) if rest else _entry_point(reference)
    if inspect.isclass(found) or inspect.isroutine(found):
        try:
            found = found(**given)
        except (TypeError, OSError) as error:
            raise ValueError(f"segmenter {reference!r} cannot be made with the options {given}: {error}") from error
    elif given:
        raise ValueError(f"segmenter {reference!r} is made already and takes no options, got {given}")
    missing = [name for name in ("identity", "segment") if not callable(getattr(found, name, None))]
    if missing:
        raise ValueError(
            f"{reference!r} is no segmenter: it has no {' and no '.join(missing)}; see nest_builder/segmenters/base.py"
        )
    return cast(ReferringSegmenter, found)


def _entry_point(name: str) -> Any:
    installed = {point.name: point for point in entry_points(group=GROUP)}
    if name not in installed:
        names = ", ".join(("lisa", "grounded-sam", "remote:URL", *sorted(installed)))
        raise ValueError(f"no segmenter {name!r}: choose one of {names}, or name your own as package.module:attribute")
    try:
        return installed[name].load()
    except (ImportError, AttributeError) as error:
        raise ValueError(f"the entry point {installed[name].value!r} cannot be loaded: {error}") from error
