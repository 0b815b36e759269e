"""The services that ROSE asks: search, language, and static models on other machines."""

import os
from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

from nest_builder.doctor.base import Found, Patient
from nest_builder.doctor.models import needed, static_models

QUERY = "news"


def check_services(patient: Patient) -> Found:
    """Services are named in full; with ``--network`` each is asked once."""
    rose, worst = patient.settings.rose, needed(patient.settings)
    for name in static_models(patient.settings):
        if name.startswith("remote:"):
            url = name.partition(":")[2]
            yield from _service(patient, f"segmenter at {url}", url, partial(_remote, url))
    if rose.language_url:
        if rose.language_model:
            yield from _service(
                patient, f"language model at {rose.language_url}", rose.language_url, lambda: _language(patient)
            )
        else:
            yield (
                worst,
                "rose.language_url names an endpoint, rose.language_model no model",
                "name the model's name there",
            )
    if rose.search == "articles":
        yield "ok", "search: the pipeline's own articles", ""
    elif rose.search == "brave" and not os.environ.get("BRAVE_API_KEY"):
        yield worst, "search: Brave needs a key", "set BRAVE_API_KEY, or choose another rose.search"
    elif rose.search == "searxng" and not rose.search_url:
        yield worst, "search: no SearxNG instance is named", 'set rose.search_url, or rose.search = "articles"'
    else:
        yield from _service(
            patient, f"search: {rose.search} {rose.search_url}".strip(), rose.search_url, lambda: _search(patient)
        )


def _service(patient: Patient, name: str, url: str, ask: Callable[[], None]) -> Found:
    """Look at a service's address, and ask it where that is wanted."""
    from nest_builder.rose.base import SearchError

    worst = needed(patient.settings)
    if url and urlsplit(url).scheme not in ("http", "https"):
        yield worst, f"{name}: {url!r} is no web address", "write http:// or https:// in front"
    elif patient.settings.newsworld.enabled and (urlsplit(url).hostname or "").endswith(".newsworld.test"):
        yield "ok", f"{name}, part of the simulated web", ""
    elif not patient.network:
        yield "ok", f"{name} (ask it with --network)", ""
    else:
        try:
            ask()
        except (OSError, SearchError) as error:
            yield (
                worst,
                f"{name}: {error}",
                "start it, or correct the setting; until then samples wait for their verdicts",
            )
        else:
            yield "ok", f"{name} answers", ""


def _search(patient: Patient) -> None:
    """Search for a common word.

    Raises:
        SearchError: The service gives no usable answer.
    """
    from nest_builder.rose.search import Brave, SearxNG
    from nest_builder.web import PoliteClient

    rose = patient.settings.rose
    with PoliteClient(patient.settings.web, clock=patient.clock) as client:
        if rose.search == "searxng":
            SearxNG(client, rose.search_url).pages(QUERY, None, 1)
        else:
            (Brave(client, rose.search_url) if rose.search_url else Brave(client)).pages(QUERY, None, 1)


def _language(patient: Patient) -> None:
    """Have a word said. Raises OSError."""
    from nest_builder.rose.language import OpenAICompatible

    OpenAICompatible(patient.settings.rose.language_url, patient.settings.rose.language_model).complete(
        "Answer OK.", ""
    )


def _remote(url: str) -> None:
    """Ask a segmenter who it is. Raises OSError."""
    from nest_builder.segmenters.remote import RemoteSegmenter

    RemoteSegmenter(url, timeout_seconds=10.0).identity()
