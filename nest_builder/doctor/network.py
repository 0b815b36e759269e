"""What answers: each source with what it gives, the encyclopedia, and their clocks; asked only with ``--network``."""

import datetime as dt
from collections.abc import Sequence
from typing import Final

from nest_builder.doctor.base import Found, Patient, State
from nest_builder.web import Exchange, Expect, FetchError, PoliteClient

_SKEW, _FAR_SKEW = dt.timedelta(seconds=30), dt.timedelta(minutes=5)
_MOVED: Final = "look at it in a browser; feeds move"

Answer = Exchange | FetchError


def check_network(patient: Patient) -> Found:
    """Sources and encyclopedia answer, feeds have fresh entries, and this machine's clock is theirs."""
    if not patient.network:
        return
    settings = patient.settings
    if settings.newsworld.enabled:
        yield "ok", "the simulated web needs none", ""
        return
    with PoliteClient(settings.web, clock=patient.clock) as client:
        feeds = _ask(client, settings.sources.feeds, Expect.FEED)
        sites = _ask(client, settings.sources.sites, Expect.HTML)
        others = {url: _service(client, url) for url in (settings.entities.encyclopedia,) if url}
    for url, answer in feeds.items():
        yield _feed(patient, url, answer)
    for url, answer in (sites | others).items():
        if isinstance(answer, Exchange):
            yield "ok", f"{url} answers ({len(answer.body):,} bytes)", ""
        else:
            yield "warning", f"{url}: {answer}", "look at it in a browser; correct or remove it"
    answers = [*feeds.values(), *sites.values(), *others.values()]
    if answers and all(isinstance(answer, FetchError) for answer in answers):
        yield "problem", "nothing answers", "check the connection; proxies of the environment are not used, on purpose"
    yield from _clock(patient, answers)


def _ask(client: PoliteClient, urls: Sequence[str], expect: Expect) -> dict[str, Answer]:
    return dict(zip(urls, client.fetch_many(urls, expect), strict=True))


def _service(client: PoliteClient, url: str) -> Answer:
    try:
        return client.fetch(url, service=True)
    except FetchError as error:
        return error


def _feed(patient: Patient, url: str, answer: Answer) -> tuple[State, str, str]:
    """Say what a feed gives."""
    from nest_builder.news.feeds import FeedError, parse_feed

    sources = patient.settings.sources
    if isinstance(answer, FetchError):
        return "warning", f"{url}: {answer}", _MOVED
    try:
        entries = parse_feed(answer.body, answer.responded_url, answer.charset, sources.max_entries).entries
    except FeedError as error:
        return "warning", f"{url}: no feed: {error}", _MOVED
    dates = [entry.published_at for entry in entries if entry.published_at is not None]
    said = (
        f"{url}: {len(entries)} entries, newest of {max(dates):%Y-%m-%d}" if dates else f"{url}: {len(entries)} entries"
    )
    if answer.consent.opt_out:
        return "warning", f"{said}; opted out ({answer.consent.reason})", "remove it: nothing of it is used"
    if not entries:
        return "warning", f"{url}: an empty feed", _MOVED
    now = patient.settings.now or patient.clock()
    if dates and now - max(dates) > dt.timedelta(days=sources.window_days):
        return "warning", f"{said}, older than sources.window_days", "remove it, or take a longer window"
    return "ok", said, ""


def _clock(patient: Patient, answers: Sequence[Answer]) -> Found:
    """Compare this machine's clock with the servers'. A cache's Date is old, so the server that is nearest is believed."""
    times = [(one.fetched_at, one.server_time) for one in answers if isinstance(one, Exchange) and one.server_time]
    if not times:
        return
    skew = min((ours - theirs for ours, theirs in times), key=abs)
    said = f"this machine's clock is {abs(skew).total_seconds():.0f} s {'ahead of' if skew > dt.timedelta() else 'behind'} the servers'"
    if abs(skew) <= _SKEW:
        yield "ok", said, ""
    else:
        yield "problem" if abs(skew) > _FAR_SKEW else "warning", said, "set the clock: timedatectl set-ntp true"
