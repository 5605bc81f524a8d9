"""Where files are served, by what the chargers' listeners are."""

from __future__ import annotations

import pytest

from chargemon_edge.files import listeners

PLAIN, TLS, MUTUAL = ("0.0.0.0", 8887), ("0.0.0.0", 8888), ("0.0.0.0", 8889)


@pytest.mark.parametrize(
    ("addresses", "ports"),
    [
        ({"plain": PLAIN}, {"HTTP": 8887}),
        ({"plain": PLAIN, "tls": TLS, "mutual-tls": MUTUAL}, {"HTTP": 8887, "HTTPS": 8888}),
        ({"tls": TLS}, {"HTTPS": 8888}),
        ({"mutual-tls": MUTUAL}, {"HTTPS": 8889}),
    ],
)
def test_files_are_wherever_chargers_may_come_in(addresses: dict[str, tuple[str, int]], ports: dict[str, int]) -> None:
    assert listeners(addresses) == ports
