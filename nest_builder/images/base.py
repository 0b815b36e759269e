"""What gathering pictures needs of the web."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from nest_builder.web.exchange import Exchange, FetchError, Validators
from nest_builder.web.settings import Expect


class PictureClient(Protocol):
    """Fetches many addresses politely; `nest_builder.web.client.PoliteClient` is the one."""

    def fetch_many(
        self,
        urls: Sequence[str],
        expect: Expect = ...,
        *,
        previous: Mapping[str, Validators] | None = None,
        max_bytes: int | None = None,
    ) -> list[Exchange | FetchError]:
        """Return an exchange or an error for each address, in the order of ``urls``."""
