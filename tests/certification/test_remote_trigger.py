"""Remote trigger."""

from __future__ import annotations

import pytest

from tests.certification.charge_point import ChargePoint, now
from tests.certification.laboratory import Laboratory

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _trigger(
    laboratory: Laboratory, charge_point: ChargePoint, message: str, status: str = "Accepted", **changes: int
) -> None:
    await laboratory.sent_as_given(
        charge_point, "TriggerMessage", {"requestedMessage": message} | changes, status=status
    )


async def test_054_trigger_message(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await _trigger(laboratory, charge_point, "MeterValues", connectorId=1)
    sample = {"context": "Trigger", "measurand": "Energy.Active.Import.Register", "unit": "Wh", "value": "17"}
    values = {"connectorId": 1, "meterValue": [{"sampledValue": [sample], "timestamp": now()}]}
    assert await charge_point.call("MeterValues", **values) == {}

    await _trigger(laboratory, charge_point, "Heartbeat")
    assert list(await charge_point.call("Heartbeat")) == ["currentTime"]

    await _trigger(laboratory, charge_point, "StatusNotification", connectorId=1)
    await charge_point.status(1, "Available")
    assert await laboratory.states(charge_point) == {1: "available", 2: "unknown"}

    await _trigger(laboratory, charge_point, "DiagnosticsStatusNotification")
    assert await charge_point.call("DiagnosticsStatusNotification", status="Idle") == {}

    await _trigger(laboratory, charge_point, "FirmwareStatusNotification")
    assert await charge_point.call("FirmwareStatusNotification", status="Idle") == {}
    await _trigger(laboratory, charge_point, "FirmwareStatusNotification", "NotImplemented")


async def test_055_trigger_rejected_for_a_connector_there_is_not(
    laboratory: Laboratory, charge_point: ChargePoint
) -> None:
    """Revision 2024: NumberOfConnectors + 1; revision 2025 leaves the number to the central system."""
    await _trigger(laboratory, charge_point, "MeterValues", "Rejected", connectorId=3)
    await _trigger(laboratory, charge_point, "MeterValues", "Rejected", connectorId=100)
