"""How large an edition will be, before it is written."""

from collections.abc import Callable
from typing import Final

import orjson

from nest_builder.export.publish import Draft

_ASKED: Final = 1_000  # samples that are measured at most: on an object store each picture's size is a request
_COPIES: Final = 2  # of what stands beside a picture: in Parquet and in COCO's form


def estimated_bytes(draft: Draft, size_of: Callable[[str], int] | None) -> int:
    """Return about how many bytes an edition will have; a picture is in each of its rows.

    Args:
        draft: What it will hold.
        size_of: Gives the size of a picture's file by its SHA-256; None for an edition of links.

    Raises:
        FileNotFoundError: A picture is not there.
    """
    some = draft.records[:: max(1, -(-len(draft.records) // _ASKED))]
    size = sum(_COPIES * len(orjson.dumps(record.sample)) for record in some)
    if size_of is not None:
        size += sum(size_of(record.sample["image_sha256"]) for record in some)
    return size * len(draft.records) // max(1, len(some))
