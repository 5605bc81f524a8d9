"""What control asks of the certificate authority, and what it is told: values and one port."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol
from urllib.parse import quote, unquote

import msgspec

_IDENTITY_URI = "urn:chargemon-edge:charge-point:"


def identity_uri(identity: str) -> str:
    """What binds a certificate that is made here to the charge point *identity*, whatever its subject says.

    A charge point may be called by its serial number there, which it told us itself: no ground to let it in as another.
    """
    return _IDENTITY_URI + quote(identity, safe="")


def identity_bound(uris: Iterable[str]) -> str | None:
    """The charge point that a certificate with these URIs was made for here; None if it was made elsewhere."""
    for uri in uris:
        if uri.startswith(_IDENTITY_URI):
            return unquote(uri.removeprefix(_IDENTITY_URI))
    return None


class Certified(msgspec.Struct, frozen=True, kw_only=True):
    """A charge point's new certificate."""

    chain_pem: str
    serial: str
    """Hexadecimal, as OpenSSL shows it."""
    ends_utc_ms: int
    sha256: str
    """Fingerprint."""


class CertifyRefused(msgspec.Struct, frozen=True, kw_only=True):
    """It is not signed."""

    why: str


class CertificateStanding(msgspec.Struct, frozen=True, kw_only=True):
    """One certificate of this box."""

    use: str
    subject: str
    issuer: str
    serial: str
    ends_utc_ms: int
    warn_days: int
    """So long before its end it is time to tell."""
    sha256: str
    pem: str


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate that ends soon, or has ended."""

    use: str
    """This box's own, as :class:`CertificateStanding` calls it; of a charge point: its identity."""
    of_charge_point: bool
    ends_utc_ms: int


class Authority(Protocol):
    """The built-in certificate authority."""

    def certify(self, identity: str, serial_number: str | None, csr: str) -> Certified | CertifyRefused:
        """A certificate for the charge point *identity*, or why not. *serial_number*: as it gave it at its boot."""
        ...

    def server_root_pem(self, kind: str) -> str | None:
        """The root that a charger must install to trust this box's server certificate (``ecdsa`` or ``rsa``)."""
        ...

    def standing(self) -> tuple[CertificateStanding, ...]:
        """Every certificate of this box."""
        ...

    @property
    def trouble(self) -> tuple[str, ...]:
        """What does not work now, one sentence each."""
        ...
