"""Jinja templates, under the same rules wherever a text is made from one."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def templates(folder: Path, *, autoescape: bool) -> Environment:
    """Return the templates of a folder. A name that nobody gave is an error, and a block leaves no blank line.

    Args:
        folder: Holds the templates.
        autoescape: Whether values are escaped for HTML. Whoever says no has to make outside text harmless by a filter.
    """
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
