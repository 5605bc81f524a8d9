"""What one listener for charge points admits: the security profiles it serves, and the TLS in front of it.

Security white paper: one profile for each connection and port. Profiles 0 and 1 share the plain one, since they differ
only in whether the charge point has a password.
"""

from __future__ import annotations

import ssl
from typing import Any

import msgspec

from chargemon_edge.control.certification import identity_bound

PLAIN_PROFILES = frozenset((0, 1))


class Listener(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One of the ports that charge points dial."""

    name: str
    profiles: frozenset[int]
    tls: ssl.SSLContext | None = None

    @property
    def descriptor_name(self) -> str:
        """What a socket unit calls it (FileDescriptorName=)."""
        return "chargers" if self.tls is None else f"chargers-{self.name}"


class ShownCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A charge point's certificate, whose chain and end TLS has checked already."""

    common_name: str | None
    bound_to: str | None
    """The charge point that our own authority made it for; None: somebody else's authority made it."""
    serial: str
    """Hexadecimal, without leading zeros."""

    def fault(self, identity: str) -> str | None:
        """Why it does not stand for *identity*; None: it does."""
        if self.bound_to is not None:
            return None if self.bound_to == identity else "its certificate was made for another charge point"
        return None if self.common_name == identity else "its certificate's common name is not the identity in the path"


def shown_certificate(peer: dict[str, Any] | None) -> ShownCertificate | None:
    """What :meth:`ssl.SSLObject.getpeercert` tells, as far as it matters here."""
    if not peer:
        return None
    names = [value for part in peer.get("subject", ()) for key, value in part if key == "commonName"]
    uris = [value for kind, value in peer.get("subjectAltName", ()) if kind == "URI"]
    return ShownCertificate(
        # two names would be two readings
        common_name=names[0] if len(names) == 1 else None,
        bound_to=identity_bound(uris),
        serial=str(peer.get("serialNumber", "")).lower().lstrip("0"),
    )
