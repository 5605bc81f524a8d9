"""Facts about operations and about what charge points report of them → rows of the site's file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chargemon_edge.site import operation_facts as facts
from chargemon_edge.site.facts import Fact
from chargemon_edge.store.event import event
from chargemon_edge.store.statement import Statement


def _diagnostics(fact: facts.DiagnosticsStatusReported) -> tuple[Statement, ...]:
    return (event(fact, fact.charge_point, status=fact.status),)


def _firmware(fact: facts.FirmwareStatusReported) -> tuple[Statement, ...]:
    return (event(fact, fact.charge_point, status=fact.status, signed=fact.signed, request_id=fact.request_id),)


def _log(fact: facts.LogStatusReported) -> tuple[Statement, ...]:
    return (event(fact, fact.charge_point, status=fact.status, request_id=fact.request_id),)


def _security_event(fact: facts.SecurityEventReported) -> tuple[Statement, ...]:
    return (event(fact, fact.charge_point, event=fact.event, reported_utc_ms=fact.reported_utc_ms, detail=fact.detail),)


def _certificate_requested(fact: facts.CertificateRequested) -> tuple[Statement, ...]:
    return (event(fact, fact.charge_point, status=fact.status),)


ROWS: dict[type[Fact], Callable[[Any], tuple[Statement, ...]]] = {
    facts.DiagnosticsStatusReported: _diagnostics,
    facts.FirmwareStatusReported: _firmware,
    facts.LogStatusReported: _log,
    facts.SecurityEventReported: _security_event,
    facts.CertificateRequested: _certificate_requested,
}

STATEMENTS: tuple[str, ...] = ()
"""This file's SQL, in the order in which a group is written."""
