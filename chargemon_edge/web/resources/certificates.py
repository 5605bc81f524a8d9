"""Certificates: this box's own, and what is known of the charge points'. Private keys are nowhere here."""

from __future__ import annotations

from typing import Any

import msgspec

from chargemon_edge.control.access_book import AccessBook
from chargemon_edge.control.certificates import Certificates
from chargemon_edge.control.certification import Authority, CertificateStanding
from chargemon_edge.control.records import Identity
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.endpoints import Answer, Call, Endpoint, Nothing, Reply


class ChargerCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A charge point's own, as it last accepted it."""

    charge_point: str
    serial: str
    ends_utc_ms: int
    sha256: str


class RevokedCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """One that opens its charge point's link no more."""

    charge_point: str
    serial: str
    revoked_utc_ms: int
    revoked_by: str


class CertificatesView(msgspec.Struct, frozen=True, kw_only=True):
    """All of them."""

    own: tuple[CertificateStanding, ...]
    """Roots and server certificates; empty without a listener that has TLS."""
    trouble: tuple[str, ...]
    """What does not work now."""
    charge_points: tuple[ChargerCertificate, ...]
    revoked: tuple[RevokedCertificate, ...]


class HashData(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """As DeleteCertificate wants it back."""

    hash_algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str


class InstalledView(msgspec.Struct, frozen=True, kw_only=True):
    """Roots that a charge point has, as it last told (operation GetInstalledCertificateIds)."""

    certificate_type: str
    read_utc_ms: int
    certificates: tuple[HashData, ...]


class OneChargePoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which one."""

    identity: Identity


class CertificatesResource:
    """The handlers."""

    def __init__(self, certificates: Certificates, authority: Authority | None, book: AccessBook) -> None:
        self._certificates = certificates
        self._book = book
        self._authority = authority

    async def list(self, _call: Call[Nothing, Nothing]) -> Answer:
        """All of them."""
        own = () if self._authority is None else self._authority.standing()
        trouble = () if self._authority is None else self._authority.trouble
        theirs = tuple(
            ChargerCertificate(charge_point=identity, serial=one.serial, ends_utc_ms=one.ends_utc_ms, sha256=one.sha256)
            for identity, one in sorted(self._certificates.taken().items())
        )
        revoked = tuple(
            RevokedCertificate(
                charge_point=fact.charge_point, serial=fact.serial, revoked_utc_ms=fact.at.utc_ms, revoked_by=fact.by
            )
            for fact in self._book.revocations()
        )
        return Reply(CertificatesView(own=own, trouble=trouble, charge_points=theirs, revoked=revoked))

    async def installed(self, call: Call[OneChargePoint, Nothing]) -> Answer:
        """What a charge point trusts."""
        return Reply(
            tuple(
                InstalledView(
                    certificate_type=fact.use,
                    read_utc_ms=fact.at.utc_ms,
                    certificates=tuple(
                        HashData(
                            hash_algorithm=one[0], issuer_name_hash=one[1], issuer_key_hash=one[2], serial_number=one[3]
                        )
                        for one in fact.hash_data
                    ),
                )
                for fact in self._certificates.installed(call.parameters.identity)
            )
        )


def endpoints(resource: CertificatesResource) -> tuple[Endpoint[Any, Any], ...]:
    """Public by nature."""
    return (
        Endpoint(
            method="GET",
            path="/api/v1/certificates",
            summary="List this box's certificates and the charge points', with their ends",
            role=Role.VIEWER,
            parameters=Nothing,
            body=Nothing,
            answers={200: CertificatesView},
            handle=resource.list,
        ),
        Endpoint(
            method="GET",
            path="/api/v1/charge-points/{identity}/installed-certificates",
            summary="Show which roots a charge point has, as it last told",
            role=Role.VIEWER,
            parameters=OneChargePoint,
            body=Nothing,
            answers={200: tuple[InstalledView, ...]},
            handle=resource.installed,
        ),
    )
