"""Facts about operations and about what charge points report of them → rows of the site's file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chargemon_edge.site import operation_facts as facts
from chargemon_edge.site.facts import Fact
from chargemon_edge.store.event import event
from chargemon_edge.store.security_event import of_charge_point, security_event
from chargemon_edge.store.statement import Statement

_REQUESTED = (
    "INSERT INTO operation (number, asked_utc_ms, charge_point, action, asked_by, payload) VALUES (?, ?, ?, ?, ?, ?)"
)
_ENDED = "UPDATE operation SET ended_utc_ms = ?, result = ?, detail = ? WHERE number = ?"
_PROFILE = (
    "INSERT INTO charging_profile (profile_id, name, body, stored_utc_ms, stored_by) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (profile_id) DO UPDATE SET body = excluded.body, stored_utc_ms = excluded.stored_utc_ms, "
    "stored_by = excluded.stored_by"
)


def _requested(fact: facts.OperationRequested) -> tuple[Statement, ...]:
    row = (fact.number, fact.at.utc_ms, fact.charge_point, fact.action, fact.by, fact.payload)
    return (Statement(_REQUESTED, row),)


def _ended(fact: facts.OperationEnded) -> tuple[Statement, ...]:
    return (
        Statement(_ENDED, (fact.at.utc_ms, fact.result, fact.detail, fact.number)),
        event(fact, fact.charge_point, number=fact.number, action=fact.action, by=fact.by, result=fact.result),
    )


def _profile_stored(fact: facts.ChargingProfileStored) -> tuple[Statement, ...]:
    row = (fact.profile_id, fact.name, fact.body, fact.at.utc_ms, fact.by)
    report = event(fact, None, name=fact.name, profile_id=fact.profile_id, by=fact.by)
    return (Statement(_PROFILE, row), report)


def _profile_removed(fact: facts.ChargingProfileRemoved) -> tuple[Statement, ...]:
    row = (fact.profile_id, fact.name, None, fact.at.utc_ms, fact.by)
    report = event(fact, None, name=fact.name, profile_id=fact.profile_id, by=fact.by)
    return (Statement(_PROFILE, row), report)


def _diagnostics(fact: facts.DiagnosticsStatusReported) -> tuple[Statement, ...]:
    return (event(fact, fact.charge_point, status=fact.status),)


def _firmware(fact: facts.FirmwareStatusReported) -> tuple[Statement, ...]:
    return (event(fact, fact.charge_point, status=fact.status, signed=fact.signed, request_id=fact.request_id),)


def _log(fact: facts.LogStatusReported) -> tuple[Statement, ...]:
    return (event(fact, fact.charge_point, status=fact.status, request_id=fact.request_id),)


def _security_event(fact: facts.SecurityEventReported) -> tuple[Statement, ...]:
    told = event(fact, fact.charge_point, event=fact.event, reported_utc_ms=fact.reported_utc_ms, detail=fact.detail)
    source = of_charge_point(fact.charge_point)
    return (*security_event(fact, fact.event, source, fact.detail or "", fact.charge_point), told)


def _certificate_requested(fact: facts.CertificateRequested) -> tuple[Statement, ...]:
    return (event(fact, fact.charge_point, status=fact.status),)


ROWS: dict[type[Fact], Callable[[Any], tuple[Statement, ...]]] = {
    facts.OperationRequested: _requested,
    facts.OperationEnded: _ended,
    facts.ChargingProfileStored: _profile_stored,
    facts.ChargingProfileRemoved: _profile_removed,
    facts.DiagnosticsStatusReported: _diagnostics,
    facts.FirmwareStatusReported: _firmware,
    facts.LogStatusReported: _log,
    facts.SecurityEventReported: _security_event,
    facts.CertificateRequested: _certificate_requested,
}

STATEMENTS: tuple[str, ...] = (_REQUESTED, _ENDED, _PROFILE)
"""This file's SQL, in the order in which a group is written."""
