"""Real servers on this machine for tests: PostgreSQL, and object storage that speaks S3."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

_START_SECONDS = 30.0
_NOBODY = {"user": "nobody", "group": 65534} if os.geteuid() == 0 else {}  # PostgreSQL refuses to run as root


class Postgres:
    """A PostgreSQL server on loopback whose data lie in a temporary folder.

    Args:
        folder: Gets the data; owned by whoever the server runs as.
    """

    def __init__(self, folder: Path) -> None:
        self._data, self._programs = folder / "data", _programs(folder)
        self._folder, self.port = folder, _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        command = [
            "initdb",
            "--pgdata",
            str(self._data),
            "--username",
            "nest",
            "--auth",
            "trust",
            "--encoding",
            "UTF8",
            "--locale",
            "C.UTF-8",
            "--no-sync",
        ]
        subprocess.run([self._programs / command[0], *command[1:]], check=True, capture_output=True, cwd=folder, **_NOBODY)  # fmt: skip

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self._folder,
            "fsync": "off",
            "max_connections": 60,
        }
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", str(self._data), *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder, **_NOBODY,
            )  # fmt: skip
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                psycopg.connect(self._address("postgres"), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it as an administrator in a hurry does: connections are cut, what is not committed is rolled back."""
        assert self._process is not None
        self._process.send_signal(2)  # SIGINT: fast shutdown
        self._process.wait(_START_SECONDS)

    def new_database(self) -> str:
        """Create a database in which text is ordered as in English, where the server can, and return its URL for SQLAlchemy."""
        name = f"nest_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            icu = connection.execute("SELECT 1 FROM pg_collation WHERE collname = 'en-x-icu'").fetchone()
            language = " TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'" if icu else ""
            connection.execute(f"CREATE DATABASE {name}{language}")
        return f"postgresql+psycopg://nest@127.0.0.1:{self.port}/{name}"

    def cut_connections(self, database_url: str) -> int:
        """End all connections to a database and return how many there were."""
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            found = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
                [database_url.rpartition("/")[2]],
            )
            return len(found.fetchall())

    def _address(self, database: str) -> str:
        return f"postgresql://nest@127.0.0.1:{self.port}/{database}"


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """Yield a running server of its own."""
    folder = Path(tempfile.mkdtemp(prefix="nest-postgres-"))
    if _NOBODY:
        shutil.chown(folder, _NOBODY["user"], _NOBODY["group"])
    try:
        server = Postgres(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


@contextmanager
def object_storage() -> Iterator[str]:
    """Yield the address of an empty S3 service."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def _programs(folder: Path) -> Path:
    """Return the folder of PostgreSQL's programs: the system's, or a copy of those that the package ``pgserver`` brings.

    A copy, since whoever runs the server may not be able to look into the environment.
    """
    installed = shutil.which("initdb")
    if installed:
        return Path(installed).parent
    import pgserver

    package = Path(pgserver.__file__).parent
    # Programs look for their libraries beside the package they came with.
    if (libraries := package.with_name("pgserver.libs")).exists():
        shutil.copytree(libraries, folder / libraries.name)
    return shutil.copytree(package / "pginstall", folder / package.name / "pginstall", symlinks=True) / "bin"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
