"""The one polite HTTP client: robots, pace, conditional GET, consent, and a guard against private addresses."""

from nest_builder.web.client import PoliteClient
from nest_builder.web.consent import meta_opt_out
from nest_builder.web.exchange import (
    Consent,
    Exchange,
    FetchError,
    FetchFailed,
    FetchReason,
    FetchRejected,
    RobotsVerdict,
    Validators,
)
from nest_builder.web.settings import ClientSettings, Expect
from nest_builder.web.urls import canonical_url, host_of, join_url, normalise_url

__all__ = [
    "ClientSettings",
    "Consent",
    "Exchange",
    "Expect",
    "FetchError",
    "FetchFailed",
    "FetchReason",
    "FetchRejected",
    "PoliteClient",
    "RobotsVerdict",
    "Validators",
    "canonical_url",
    "host_of",
    "join_url",
    "meta_opt_out",
    "normalise_url",
]
