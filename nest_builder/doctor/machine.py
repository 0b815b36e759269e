"""What the machine has to offer: Python, packages, room, time, ports."""

import datetime as dt
import shutil
import socket
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version

from nest_builder.config import DATA
from nest_builder.doctor.base import Found, Patient, State
from nest_builder.entities.knowledge import load_knowledge
from nest_builder.operations.disk import standing

CONSTRAINTS = DATA.parent / "constraints.txt"
# What breaks, or changes results, in other versions; constraints.txt gives the reasons.
PINNED = ("torch", "transformers", "prefect", "fastapi", "sqlalchemy", "spacy", "datasets")
PORTS = {4200: "Prefect's UI (make ui)", 8080: "Label Studio", 8765: "nest newsworld serve"}
LITTLE_BYTES, TOO_LITTLE_BYTES = 5_000_000_000, 1_000_000_000


def check_python(patient: Patient) -> Found:
    """Python's version."""
    good = sys.version_info >= (3, 11)
    said = ".".join(map(str, sys.version_info[:3]))
    yield "ok" if good else "problem", said, "" if good else "make the environment with Python 3.11 or newer"


def check_packages(patient: Patient) -> Found:
    """Versions of what matters, against the pins."""
    text = CONSTRAINTS.read_text(encoding="utf-8") if CONSTRAINTS.exists() else ""
    pins = dict(line.lower().split("==") for line in text.splitlines() if "==" in line and not line.startswith("#"))
    if not pins:
        yield "warning", f"no pins in {CONSTRAINTS}", "run from a checkout to compare versions with what was tested"
    for package in PINNED:
        try:
            installed = version(package).partition("+")[0]
        except PackageNotFoundError:
            yield "problem", f"{package} is missing", "run `make env`"
            continue
        if pins.get(package, installed) == installed:
            yield "ok", f"{package} {installed}", ""
        else:
            yield (
                "warning",
                f"{package} {installed}, tested with {pins[package]}",
                "pip install -c constraints.txt -e .",
            )


def check_workdir(patient: Patient) -> Found:
    """The work directory can be written and has room."""
    workdir = patient.settings.workdir.absolute()
    folder = standing(workdir)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        yield "problem", f"{folder}: {error.strerror}", "choose another place with --workdir"
        return
    yield "ok", f"{workdir} can be written", ""
    free = shutil.disk_usage(folder).free
    state: State = "problem" if free < TOO_LITTLE_BYTES else "warning" if free < LITTLE_BYTES else "ok"
    yield (
        state,
        f"{free / 1e9:.1f} GB free",
        "" if state == "ok" else "make room, or choose another place with --workdir",
    )


def check_clock(patient: Patient) -> Found:
    """The run's clock is aware and not before what is known already."""
    fixed, cutoff = patient.settings.now, patient.settings.entities.cutoff
    now = fixed or patient.clock()
    if now.tzinfo is None:
        yield "problem", f"{now} has no time zone", "write `now` in UTC, such as 2025-10-01T06:00:00Z"
        return
    try:
        known = load_knowledge(patient.settings.entities.snapshot).entities()
    except (OSError, ValueError) as error:
        yield "problem", f"knowledge snapshot: {error}", "correct entities.snapshot; empty means none"
        return
    dates = [day for entity in known for day in (entity.since, *(fact.since for fact in entity.facts))]
    newest = max(dates, default=cutoff.date())
    yield "ok", f"knowledge snapshot: {len(known)} entities, newest fact of {newest}" if known else "no snapshot", ""
    now = now.astimezone(dt.UTC)
    early = now < cutoff or now.date() < newest
    said = f"{now:%Y-%m-%d %H:%M} UTC{' (fixed by settings)' if fixed else ''}, knowledge ends {cutoff:%Y-%m-%d}"
    yield "problem" if early else "ok", said, "set the machine's clock, `now` or entities.cutoff right" if early else ""


def check_ports(patient: Patient) -> Found:
    """Loopback can be listened on, and the usual ports of the local services are free."""
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
    except OSError as error:
        yield "problem", f"nothing can listen on 127.0.0.1: {error.strerror}", "allow loopback, or leave this sandbox"
        return
    for port, service in PORTS.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that was just given back is free
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                yield "warning", f"{port} is taken", f"if that is not {service}, give it another port"
            else:
                yield "ok", f"{port} is free for {service}", ""
