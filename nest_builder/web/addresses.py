"""The guard at the socket: no connection to an address that is not public, whatever a name resolves to."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

Resolver = Callable[[str, int], list[str]]
"""(host, port) -> addresses; `socket.gaierror` where the name has none."""


class AddressRefused(Exception):  # noqa: N818 - named for what happened, like FetchRejected
    """A host resolves to no public address."""


def system_resolver(host: str, port: int) -> list[str]:
    """Returns the host's addresses in the system's order, without doubles."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: str) -> bool:
    """Whether an address is one of the open internet's (not private, loopback, link-local, multicast, reserved)."""
    try:
        parsed: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        # An IPv4 address in IPv6 clothes reaches the IPv4 host, so the rules for that one hold.
        embedded = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo[1] if parsed.teredo else None)
        if embedded is not None:
            parsed = embedded
        elif parsed in ipaddress.ip_network("64:ff9b::/96"):
            parsed = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved


def matches_host(host: str, patterns: Sequence[str]) -> bool:
    """Whether a lower-case host matches one of the shell patterns (`*.example.org`, `localhost`)."""
    return any(fnmatchcase(host, pattern.lower()) for pattern in patterns)


class AddressGuard:
    """Opens sockets for the connection pool, to vetted addresses only, and can cut them from another thread.

    The name is resolved once and the socket is connected to the very address that was checked, so that a name that
    answers differently the second time (DNS rebinding) gains nothing.

    Args:
        allow_hosts: host patterns whose addresses are not checked.
        resolver: name resolution.
    """

    def __init__(self, allow_hosts: Sequence[str], resolver: Resolver = system_resolver) -> None:
        self._allow_hosts = tuple(allow_hosts)
        self._resolver = resolver
        self._local = threading.local()

    def vetted(self, host: str, port: int) -> list[str]:
        """Returns the addresses of a host that may be connected to.

        Raises:
            AddressRefused: where any of its addresses is not public: a public name has no reason to give one.
            socket.gaierror: where the name does not resolve.
        """
        bare = host.strip("[]").lower()
        addresses = self._resolver(bare, port)
        if matches_host(bare, self._allow_hosts):
            return addresses
        refused = [address for address in addresses if not is_public(address)]
        if refused or not addresses:
            raise AddressRefused(f"{host} resolves to {', '.join(refused) or 'nothing'}")
        return addresses

    def open(self, connection: HTTPConnection) -> socket.socket:
        """Returns a connected socket for urllib3's connection; its errors are urllib3's own."""
        host, port = connection.host, int(connection.port or connection.default_port)
        try:
            addresses = self.vetted(host, port)
        except socket.gaierror as error:
            raise NameResolutionError(host, connection, error) from error
        timeout = connection.timeout if isinstance(connection.timeout, (int, float)) else None
        failure: OSError = OSError("no address")
        for address in addresses:
            try:
                opened = socket.create_connection((address, port), timeout=timeout)
            except OSError as error:
                failure = error
                continue
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return opened
        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError(connection, f"{host} did not answer within {timeout} s") from failure
        raise NewConnectionError(connection, f"{host}: {failure}") from failure

    def in_use(self, handle: socket.socket) -> None:
        """Notes a handle on the socket that this thread's request goes over (see `deadline`)."""
        watch = getattr(self._local, "watch", None)
        if watch is not None:
            watch.handle = handle
            if watch.expired:
                _cut(handle)

    @contextmanager
    def deadline(self, seconds: float) -> Iterator[_Watch]:
        """Cuts this thread's connection after `seconds`; the yielded watch's `expired` says whether it did.

        A socket's timeout starts anew with every byte, so a server that sends one byte a second, in the headers or in
        a chunk's length, would hold a thread for hours. Nothing but another thread can end that.
        """
        watch = _Watch()
        timer = threading.Timer(seconds, watch.expire)
        timer.daemon = True
        self._local.watch = watch
        timer.start()
        try:
            yield watch
        finally:
            timer.cancel()
            self._local.watch = None


class _Watch:
    """What a deadline's timer holds: the socket to cut, and whether it has."""

    def __init__(self) -> None:
        self.handle: socket.socket | None = None
        self.expired = False

    def expire(self) -> None:
        self.expired = True
        if self.handle is not None:
            _cut(self.handle)


def _cut(handle: socket.socket) -> None:
    try:
        handle.shutdown(socket.SHUT_RDWR)
    except OSError:
        # The other side, or our own close, was first: there is nothing left to cut.
        return


class GuardedAdapter(HTTPAdapter):
    """requests' transport with every socket opened by an `AddressGuard`; it never retries by itself.

    Args:
        guard: opens the sockets.
        pool_size: connections kept a host.
    """

    def __init__(self, guard: AddressGuard, pool_size: int) -> None:
        self._guard = guard
        super().__init__(pool_connections=pool_size, pool_maxsize=pool_size, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        """Builds the pool manager, with connection classes bound to the guard."""
        super().init_poolmanager(connections, maxsize, block, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = _pool_classes(self._guard)


def _pool_classes(guard: AddressGuard) -> dict[str, type[HTTPConnectionPool]]:
    """Returns urllib3's pool classes with `_new_conn`, the one place where it opens a socket, replaced."""

    class _Guarded(HTTPConnection):
        """Opens through the guard, and shows the guard a second handle on the socket for each request."""

        _handle: socket.socket | None = None

        def _new_conn(self) -> socket.socket:
            opened = guard.open(self)
            # A duplicate stays valid when TLS takes the first one over, and shutting it down ends them both.
            self._handle = opened.dup()
            guard.in_use(self._handle)
            return opened

        def request(self, *args: Any, **kwargs: Any) -> None:
            if self._handle is not None:
                guard.in_use(self._handle)
            super().request(*args, **kwargs)

        def close(self) -> None:
            handle, self._handle = self._handle, None
            if handle is not None:
                handle.close()
            super().close()

    class _GuardedTLS(_Guarded, HTTPSConnection):
        pass

    class _Pool(HTTPConnectionPool):
        ConnectionCls = _Guarded

    class _PoolTLS(HTTPSConnectionPool):
        ConnectionCls = _GuardedTLS

    return {"http": _Pool, "https": _PoolTLS}
