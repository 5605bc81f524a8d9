"""Rows → how charge points get in, and what is known of their certificates. Reads only."""

from __future__ import annotations

import sqlite3

import msgspec

from chargemon_edge.site.access_facts import (
    AccessRecord,
    CertificateIssued,
    CertificateRevoked,
    CertificateTaken,
    InstalledCertificatesRead,
)
from chargemon_edge.site.facts import Fact, Moment
from chargemon_edge.store.transactions import moment_of


def restore_access(site: sqlite3.Connection) -> tuple[AccessRecord, ...]:
    """Every record."""
    return tuple(
        AccessRecord(
            charge_point=row[0],
            security_profile=row[1],
            password_hash=row[2],
            pending=msgspec.json.decode(row[3], type=tuple[str, ...]),
            raising_to=row[4],
            raise_step=row[5],
        )
        for row in site.execute(
            "SELECT charge_point, security_profile, password_hash, pending, raising_to, raise_step "
            "FROM charge_point_access"
        )
    )


def restore_revoked(site: sqlite3.Connection, now: Moment) -> tuple[CertificateRevoked, ...]:
    """Every certificate that opens nothing any more, by charge point and serial number."""
    return tuple(
        CertificateRevoked(at=moment_of(row[2], now), charge_point=row[0], serial=row[1], by=row[3])
        for row in site.execute(
            "SELECT charge_point, serial, revoked_utc_ms, revoked_by FROM revoked_certificate "
            "ORDER BY charge_point, serial"
        )
    )


def restore_certificates(site: sqlite3.Connection, now: Moment) -> tuple[Fact, ...]:
    """What was signed, taken and read, as the facts that told of it."""
    found: list[Fact] = []
    for serial, charge_point, ends_utc_ms, sha256, issued_utc_ms, taken_utc_ms in site.execute(
        "SELECT serial, charge_point, ends_utc_ms, sha256, issued_utc_ms, taken_utc_ms FROM issued_certificate "
        "ORDER BY issued_utc_ms, serial"
    ):
        at = moment_of(issued_utc_ms, now)
        found.append(
            CertificateIssued(at=at, charge_point=charge_point, serial=serial, ends_utc_ms=ends_utc_ms, sha256=sha256)
        )
        if taken_utc_ms is not None:
            found.append(CertificateTaken(at=moment_of(taken_utc_ms, now), charge_point=charge_point, serial=serial))
    for charge_point, use, read_utc_ms, hash_data in site.execute(
        "SELECT charge_point, use, read_utc_ms, hash_data FROM installed_certificate"
    ):
        rows = msgspec.json.decode(hash_data, type=tuple[tuple[str, str, str, str], ...])
        found.append(
            InstalledCertificatesRead(
                at=moment_of(read_utc_ms, now), charge_point=charge_point, use=use, hash_data=rows
            )
        )
    return tuple(found)
