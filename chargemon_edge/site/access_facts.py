"""How charge points may come in, as it is changed while the daemon runs; and what is known of their certificates."""

from __future__ import annotations

import msgspec

from chargemon_edge.site.facts import Fact


class AccessRecord(msgspec.Struct, frozen=True, kw_only=True):
    """How one charge point gets in, beside or beyond what the configuration says. Holds hashes, never a password."""

    charge_point: str
    security_profile: int | None = None
    """0 to 3; None: as configured. Counts only where it is higher than the configuration's."""
    password_hash: str | None = None
    """Of the password in force; then the configuration's password file no longer is."""
    pending: tuple[str, ...] = ()
    """Of keys that were or will be sent to the charge point, oldest first. Each opens, until one of them was used."""
    raising_to: int | None = None
    """This profile is open as well: the charge point is on its way there."""
    raise_step: str | None = None
    """Where its raise stands, in the words of control/raise_steps.py."""


class AccessRecorded(Fact, frozen=True, kw_only=True, gc=False):
    """How a charge point gets in was changed; the record is whole."""

    record: AccessRecord
    by: str
    why: str
    """What changed, in words; never a secret."""


class AccessRemoved(Fact, frozen=True, kw_only=True, gc=False):
    """Its record is gone: the configuration alone counts."""

    charge_point: str
    by: str


class CertificateIssued(Fact, frozen=True, kw_only=True, gc=False):
    """A certificate was signed for a charge point."""

    charge_point: str
    serial: str
    ends_utc_ms: int
    sha256: str


class CertificateTaken(Fact, frozen=True, kw_only=True, gc=False):
    """The charge point accepted it (CertificateSigned, security white paper)."""

    charge_point: str
    serial: str


class CertificateRevoked(Fact, frozen=True, kw_only=True, gc=False):
    """That certificate opens the charge point's link no more, whoever signed it and whenever it ends."""

    charge_point: str
    serial: str
    """Hexadecimal, in lower case, without leading zeros."""
    by: str


class InstalledCertificatesRead(Fact, frozen=True, kw_only=True, gc=False):
    """GetInstalledCertificateIds: the root certificates of one use that a charge point has, exactly as it told."""

    charge_point: str
    use: str
    hash_data: tuple[tuple[str, str, str, str], ...]
    """Algorithm, hash of the issuer's name, hash of its key, serial number."""
