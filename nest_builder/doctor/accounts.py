"""Servers where we are known: Label Studio, Prefect and the Hugging Face Hub; asked only with ``--network``."""

import os

import httpx

from nest_builder.doctor.base import Found, Patient

_SECONDS = 10.0


def check_accounts(patient: Patient) -> Found:
    """Label Studio, Prefect and the Hub know us, where we have a token or an address for them."""
    yield from _label_studio(patient)
    yield from _prefect(patient)
    yield from _hub(patient)


def _label_studio(patient: Patient) -> Found:
    from nest_builder.review.client import connect
    from nest_builder.review.wire import ReviewError

    review = patient.settings.review
    if not os.environ.get(review.token_variable, "").strip():
        yield "ok", f"Label Studio: no token in {review.token_variable}, nothing is reviewed", ""
    elif not patient.network:
        yield "ok", f"Label Studio at {review.url} (ask it with --network)", ""
    else:
        try:
            with connect(review.model_copy(update={"timeout_seconds": _SECONDS})) as server:
                yield "ok", f"Label Studio at {review.url} knows {server.whoami()}", ""
        except ReviewError as error:
            yield (
                "warning",
                f"Label Studio: {error}",
                f"start it (nest review start), or correct review.url or {review.token_variable}",
            )


def _prefect(patient: Patient) -> Found:
    url = os.environ.get("PREFECT_API_URL", "")
    if not url:
        yield "ok", "Prefect: no server is configured, a run starts its own", ""
    elif not patient.network:
        yield "ok", f"Prefect at {url} (ask it with --network)", ""
    else:
        try:
            httpx.get(f"{url.rstrip('/')}/health", timeout=_SECONDS).raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            yield "problem", f"Prefect at {url}: {error or type(error).__name__}", "start it, or unset PREFECT_API_URL"
        else:
            yield "ok", f"Prefect at {url} is well", ""


def _hub(patient: Patient) -> Found:
    token, endpoint = os.environ.get("HF_TOKEN", ""), os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    if not token:
        yield "ok", "Hub: no HF_TOKEN, nothing is pushed", ""
    elif not patient.network:
        yield "ok", f"Hub at {endpoint} (ask it with --network)", ""
    else:
        try:
            answer = httpx.get(
                f"{endpoint.rstrip('/')}/api/whoami-v2", headers={"authorization": f"Bearer {token}"}, timeout=_SECONDS
            )
            answer.raise_for_status()
            name = str(answer.json()["name"])[:100]
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
            said = (
                f"status {error.response.status_code}"
                if isinstance(error, httpx.HTTPStatusError)
                else type(error).__name__
            )
            yield "warning", f"Hub at {endpoint}: {said}", "make a new token there, and export it as HF_TOKEN"
        else:
            yield "ok", f"Hub at {endpoint} knows {name}", ""
