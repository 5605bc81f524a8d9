"""What charge points report of uploads, updates and their security: kept as facts, never doubted, always confirmed.

Which order and which omissions are sensible is no matter here: all are seen in the field (even ``Installed`` after the
reboot), and refusing a report only makes a charge point repeat it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chargemon_edge.control.handled import Handled
from chargemon_edge.ocpp import timestamps
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site import operation_facts as facts
from chargemon_edge.site.facts import Moment

Handler = Callable[[str, Any, Moment], Handled]
"""Identity of the charge point, its request, now."""


def _diagnostics(charge_point: str, request: m.DiagnosticsStatusNotificationRequest, at: Moment) -> Handled:
    reported = facts.DiagnosticsStatusReported(at=at, charge_point=charge_point, status=request.status)
    return Handled(m.DiagnosticsStatusNotificationResponse(), (reported,))


def _firmware(charge_point: str, request: m.FirmwareStatusNotificationRequest, at: Moment) -> Handled:
    reported = facts.FirmwareStatusReported(at=at, charge_point=charge_point, status=request.status)
    return Handled(m.FirmwareStatusNotificationResponse(), (reported,))


def _signed_firmware(charge_point: str, request: m.SignedFirmwareStatusNotificationRequest, at: Moment) -> Handled:
    reported = facts.FirmwareStatusReported(
        at=at, charge_point=charge_point, status=request.status, signed=True, request_id=request.request_id
    )
    return Handled(m.SignedFirmwareStatusNotificationResponse(), (reported,))


def _log(charge_point: str, request: m.LogStatusNotificationRequest, at: Moment) -> Handled:
    reported = facts.LogStatusReported(
        at=at, charge_point=charge_point, status=request.status, request_id=request.request_id
    )
    return Handled(m.LogStatusNotificationResponse(), (reported,))


def _security_event(charge_point: str, request: m.SecurityEventNotificationRequest, at: Moment) -> Handled:
    reported = facts.SecurityEventReported(
        at=at,
        charge_point=charge_point,
        event=request.type,
        reported_utc_ms=timestamps.parse(request.timestamp),
        detail=request.tech_info,
    )
    return Handled(m.SecurityEventNotificationResponse(), (reported,))


HANDLERS: Mapping[type[m.Request], Handler] = {
    m.DiagnosticsStatusNotificationRequest: _diagnostics,
    m.FirmwareStatusNotificationRequest: _firmware,
    m.LogStatusNotificationRequest: _log,
    m.SecurityEventNotificationRequest: _security_event,
    m.SignedFirmwareStatusNotificationRequest: _signed_firmware,
}
