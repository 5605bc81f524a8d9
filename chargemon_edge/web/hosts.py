"""Which Host a browser may name: against DNS rebinding, where a foreign page's name is made to lead here. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable


def host_name(header: str) -> str:
    """The host of a ``Host`` header (RFC 9110 §7.2), lower case, without port, brackets and trailing dot."""
    text = header.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0].rstrip(".")


def names_of(machine: str, configured: Iterable[str]) -> frozenset[str]:
    """Every name that is allowed on a machine that calls itself *machine*."""
    short = machine.lower().partition(".")[0]
    own = {"localhost", machine.lower(), short, f"{short}.local"} - {"", ".local"}
    return frozenset(own | {host_name(name) for name in configured})


def is_allowed(header: str, names: frozenset[str], local_address: str) -> bool:
    """Whether a request that reached us at *local_address* may call us so.

    The address it came in at is ours by proof, so no list of this machine's addresses is needed.
    """
    host = host_name(header)
    if host in names:
        return True
    try:
        return ipaddress.ip_address(host) == _plain(local_address)
    except ValueError:
        return False


def _plain(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return parsed if mapped is None else mapped
