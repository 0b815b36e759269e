"""Segmenters by name: a short name, an installed entry point, an address of a service, or ``package.module:attribute``."""

import inspect
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any, Final, cast

from nest_builder.annotate.models import load_attribute
from nest_builder.segmenters.base import ReferringSegmenter

GROUP: Final = "nest_builder.segmenters"
BUILT_IN: Final[Mapping[str, str]] = {
    "lisa": "nest_builder.segmenters.lisa:Lisa",
    "grounded-sam": "nest_builder.segmenters.grounded_sam:GroundedSam",
}
_REMOTE: Final = "remote:"


def load_segmenter(reference: str, options: Mapping[str, Any] | None = None) -> ReferringSegmenter:
    """Make a segmenter.

    Args:
        reference: ``lisa``, ``grounded-sam``, ``remote:http://host:port``, the name of an entry point of the group
            ``nest_builder.segmenters``, or ``package.module:attribute``. The attribute is a class or function that makes a
            segmenter, or a segmenter.
        options: Keyword arguments for what makes it.

    Raises:
        ValueError: There is none of that name, it cannot be imported or made, or it is no segmenter.
    """
    given = dict(options or {})
    if reference == _REMOTE.rstrip(":") or reference.startswith(_REMOTE):
        from nest_builder.segmenters.remote import RemoteSegmenter

        return RemoteSegmenter(reference.removeprefix(_REMOTE.rstrip(":")).removeprefix(":"), **given)
    found = _find(reference)
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


def _find(reference: str) -> Any:
    if ":" in reference:
        return load_attribute(reference)
    if reference in BUILT_IN:
        return load_attribute(BUILT_IN[reference])
    installed = {point.name: point for point in entry_points(group=GROUP)}
    if reference not in installed:
        names = ", ".join((*BUILT_IN, "remote:URL", *sorted(installed)))
        raise ValueError(
            f"no segmenter {reference!r}: choose one of {names}, or name your own as package.module:attribute"
        )
    try:
        return installed[reference].load()
    except (ImportError, AttributeError) as error:
        raise ValueError(f"the entry point {installed[reference].value!r} cannot be loaded: {error}") from error
