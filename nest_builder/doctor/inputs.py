"""What a run works with: store, sources, and who may be asked."""

import tomllib
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

from nest_builder.config import DATA
from nest_builder.doctor.base import Found, Patient
from nest_builder.web.addresses import matches_host

FEEDS = DATA / "feeds.toml"


def check_store(patient: Patient) -> Found:
    """The store answers and has a schema that this version knows; nothing is migrated here."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.exc import SQLAlchemyError

    scripts = ScriptDirectory(str(files("nest_builder.store") / "migrations"))
    newest, known = scripts.get_current_head(), {script.revision for script in scripts.walk_revisions()}
    try:
        url = make_url(patient.settings.database_url)
        if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
            yield "ok", "not made yet", ""  # connecting would make it
            return
        engine = create_engine(url)
        with engine.connect() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
        engine.dispose()
    except (SQLAlchemyError, ImportError, OSError) as error:
        yield (
            "problem",
            f"{type(error).__name__}: {str(error).partition(chr(10))[0]}",
            "start it, or correct `database`",
        )
        return
    if current == newest:
        yield "ok", f"schema {current}", ""
    elif current is None or current in known:
        yield "warning", f"schema {current}, newest {newest}", "the next `nest build` migrates it: back it up first"
    else:
        yield "problem", f"schema {current} is unknown here", "a newer version made it: use that one"


def check_sources(patient: Patient) -> Found:
    """The list of feeds parses, and the settings name sources that can be asked."""
    try:
        listed = [str(feed["url"]) for feed in tomllib.loads(FEEDS.read_text(encoding="utf-8"))["feed"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield "problem", f"{FEEDS.name}: {type(error).__name__}: {error}", "restore it: git checkout data/feeds.toml"
        listed = []
    sources = [*patient.settings.sources.feeds, *patient.settings.sources.sites]
    wrong = [url for url in (*listed, *sources) if urlsplit(url).scheme not in ("http", "https")]
    for url in wrong:
        yield "problem", f"{url!r} is no web address", "write http:// or https:// in front"
    if not sources:
        yield "warning", "no feeds and no sites: nothing to collect", "copy some of data/feeds.toml to [sources] feeds"
    elif not wrong:
        yield "ok", f"{len(sources)} sources ({len(listed)} feeds to choose from)", ""


def check_guard(patient: Patient) -> Found:
    """Private addresses are refused, but for hosts that are ours."""
    web, simulated = patient.settings.web, patient.settings.newsworld.enabled
    if matches_host("example.org", web.allow_hosts):
        yield "problem", f"web.allow_hosts {list(web.allow_hosts)} lets any page reach this network", "name your hosts"
    elif web.allow_hosts and not simulated:
        yield "warning", f"may be at private addresses: {', '.join(web.allow_hosts)}", "allow only hosts of your own"
    else:
        yield "ok", f"private addresses are refused{' outside the simulated web' if simulated else ''}", ""
    for pattern, origin in web.resolve.items():
        yield "warning", f"{pattern} is answered by {origin}", "take it out of web.resolve before going live"
    if not web.respect_opt_out:
        yield "warning", "opt-outs are not respected", "set web.respect_opt_out = true before publishing anything"
