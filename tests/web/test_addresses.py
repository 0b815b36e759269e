from __future__ import annotations

import pytest

from nest_builder.web.addresses import is_public, matches_host


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("not an address", False),
    ],
)
def test_is_public(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    ("host", "patterns", "matches"),
    [
        ("a.newsworld.test", ("*.newsworld.test",), True),
        ("newsworld.test", ("*.newsworld.test",), False),
        ("evil-newsworld.test", ("*.newsworld.test",), False),
        ("localhost", ("LOCALHOST",), True),
        ("a", (), False),
    ],
)
def test_matches_host(host: str, patterns: tuple[str, ...], matches: bool) -> None:
    assert matches_host(host, patterns) is matches
