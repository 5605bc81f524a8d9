"""Under which names a browser may ask: ours, and the address it came in at."""

from __future__ import annotations

import pytest

from chargemon_edge.web.hosts import host_name, is_allowed, names_of

NAMES = names_of("depot.example.org", ["charging.lan:8180", "Site-7"])


@pytest.mark.parametrize(
    ("header", "local_address", "allowed"),
    [
        ("localhost:8180", "127.0.0.1", True),
        ("LOCALHOST", "127.0.0.1", True),
        ("depot.example.org", "10.0.0.5", True),
        ("depot.local:8180", "10.0.0.5", True),
        ("charging.lan", "10.0.0.5", True),
        ("site-7:80", "10.0.0.5", True),
        ("10.0.0.5:8180", "10.0.0.5", True),
        ("[fd00::5]:8180", "fd00::5", True),
        ("[fe80::5]:8180", "fe80::5%eth0", True),
        ("10.0.0.5", "::ffff:10.0.0.5", True),
        ("localhost.:8180", "127.0.0.1", True),
        # a foreign page whose name was made to lead here
        ("evil.example:8180", "10.0.0.5", False),
        ("localhost.evil.example", "127.0.0.1", False),
        ("10.0.0.5.evil.example", "10.0.0.5", False),
        ("10.0.0.6", "10.0.0.5", False),
        ("0.0.0.0:8180", "127.0.0.1", False),
        ("", "127.0.0.1", False),
        ("[", "127.0.0.1", False),
        ("example.org", "10.0.0.5", False),
    ],
)
def test_only_our_own_names_are_answered(header: str, local_address: str, allowed: bool) -> None:
    assert is_allowed(header, NAMES, local_address) is allowed


def test_the_host_of_a_header_is_found() -> None:
    assert [host_name(text) for text in ("A:1", "[::1]:8180", "a.b.", " x ")] == ["a", "::1", "a.b", "x"]
