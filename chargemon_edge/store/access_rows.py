"""Facts about charge points' access and certificates → rows of the site's file. No event tells a hash."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from chargemon_edge.site import access_facts as facts
from chargemon_edge.site.facts import Fact
from chargemon_edge.store.event import event
from chargemon_edge.store.security_event import security_event
from chargemon_edge.store.statement import Statement

_RECORDED = (
    "INSERT INTO charge_point_access (charge_point, security_profile, password_hash, pending, raising_to, raise_step, "
    "changed_utc_ms) VALUES (?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (charge_point) DO UPDATE SET security_profile = excluded.security_profile, "
    "password_hash = excluded.password_hash, pending = excluded.pending, raising_to = excluded.raising_to, "
    "raise_step = excluded.raise_step, changed_utc_ms = excluded.changed_utc_ms"
)
_REMOVED = "DELETE FROM charge_point_access WHERE charge_point = ?"
_ISSUED = (
    "INSERT INTO issued_certificate (serial, charge_point, ends_utc_ms, sha256, issued_utc_ms) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (serial) DO NOTHING"
)
_TAKEN = "UPDATE issued_certificate SET taken_utc_ms = ? WHERE serial = ?"
_REVOKED = (
    "INSERT INTO revoked_certificate (charge_point, serial, revoked_utc_ms, revoked_by) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (charge_point, serial) DO NOTHING"
)
_INSTALLED = (
    "INSERT INTO installed_certificate (charge_point, use, read_utc_ms, hash_data) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (charge_point, use) DO UPDATE SET read_utc_ms = excluded.read_utc_ms, hash_data = excluded.hash_data"
)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _recorded(fact: facts.AccessRecorded) -> tuple[Statement, ...]:
    record = fact.record
    row = (
        record.charge_point,
        record.security_profile,
        record.password_hash,
        _json(record.pending),
        record.raising_to,
        record.raise_step,
        fact.at.utc_ms,
    )
    told = event(
        fact,
        record.charge_point,
        security_profile=record.security_profile,
        raising_to=record.raising_to,
        raise_step=record.raise_step,
        keys_pending=len(record.pending),
        why=fact.why,
        by=fact.by,
    )
    noted = security_event(fact, "access changed", fact.by, fact.why, record.charge_point)
    return (Statement(_RECORDED, row), *noted, told)


def _removed(fact: facts.AccessRemoved) -> tuple[Statement, ...]:
    noted = security_event(fact, "access record removed", fact.by, "the configuration alone counts", fact.charge_point)
    return (Statement(_REMOVED, (fact.charge_point,)), *noted, event(fact, fact.charge_point, by=fact.by))


def _issued(fact: facts.CertificateIssued) -> tuple[Statement, ...]:
    row = (fact.serial, fact.charge_point, fact.ends_utc_ms, fact.sha256, fact.at.utc_ms)
    told = event(fact, fact.charge_point, serial=fact.serial, ends_utc_ms=fact.ends_utc_ms, sha256=fact.sha256)
    noted = security_event(fact, "certificate signed", "this system", f"serial {fact.serial}", fact.charge_point)
    return (Statement(_ISSUED, row), *noted, told)


def _taken(fact: facts.CertificateTaken) -> tuple[Statement, ...]:
    return (Statement(_TAKEN, (fact.at.utc_ms, fact.serial)), event(fact, fact.charge_point, serial=fact.serial))


def _revoked(fact: facts.CertificateRevoked) -> tuple[Statement, ...]:
    row = (fact.charge_point, fact.serial, fact.at.utc_ms, fact.by)
    noted = security_event(fact, "certificate revoked", fact.by, f"serial {fact.serial}", fact.charge_point)
    return (Statement(_REVOKED, row), *noted, event(fact, fact.charge_point, serial=fact.serial, by=fact.by))


def _installed(fact: facts.InstalledCertificatesRead) -> tuple[Statement, ...]:
    return (Statement(_INSTALLED, (fact.charge_point, fact.use, fact.at.utc_ms, _json(fact.hash_data))),)


ROWS: dict[type[Fact], Callable[[Any], tuple[Statement, ...]]] = {
    facts.AccessRecorded: _recorded,
    facts.AccessRemoved: _removed,
    facts.CertificateIssued: _issued,
    facts.CertificateTaken: _taken,
    facts.CertificateRevoked: _revoked,
    facts.InstalledCertificatesRead: _installed,
}

# a record is changed or removed only once its last change is durable, so the two never share a group
STATEMENTS = (_REMOVED, _RECORDED, _ISSUED, _TAKEN, _REVOKED, _INSTALLED)
