"""OCPP 1.6's Remote Trigger profile: ask a charge point to send a message of its own (§3.17, §5.17)."""

from __future__ import annotations

from typing import ClassVar, Literal

from chargemon_edge.ocpp.v16.types import ConnectorId, Pairs, Request, Response

MessageTrigger = Literal[
    "BootNotification",
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "MeterValues",
    "StatusNotification",
]


class TriggerMessageRequest(Request, frozen=True, kw_only=True):
    """Send that message now (§5.17, §6.51). Any connector: the charge point refuses one that it does not have."""

    action: ClassVar[str] = "TriggerMessage"
    requested_message: MessageTrigger
    connector_id: ConnectorId | None = None


class TriggerMessageResponse(Response, frozen=True, kw_only=True):
    """§6.52"""

    status: Literal["Accepted", "Rejected", "NotImplemented"]


FROM_CHARGE_POINT: Pairs = ()
TO_CHARGE_POINT: Pairs = ((TriggerMessageRequest, TriggerMessageResponse),)
