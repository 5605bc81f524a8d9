"""Reservation."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.certification.charge_point import ChargePoint, now
from tests.certification.laboratory import OTHER_SIBLING, PARENT, SIBLING, VALID, Laboratory

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _reserve(
    laboratory: Laboratory, charge_point: ChargePoint, status: str, *, connector: int = 1, **changes: Any
) -> int:
    """ReserveNow, the daemon choosing the id; returns it."""
    wish = {"connectorId": connector, "expiryDate": now(minutes=5), "idTag": VALID} | changes
    operated = await laboratory.operate(charge_point, "ReserveNow", wish, status=status)
    reservation_id = operated.sent.payload["reservationId"]
    assert operated.sent.payload == wish | {"reservationId": reservation_id}
    order = ["connectorId", "expiryDate", "idTag", "parentIdTag", "reservationId"]
    assert list(operated.sent.payload) == [member for member in order if member in operated.sent.payload]
    assert isinstance(reservation_id, int)
    return reservation_id


async def test_046_reserve_and_charge(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    reservation_id = await _reserve(laboratory, charge_point, "Accepted")
    await charge_point.status(1, "Reserved")
    assert await laboratory.states(charge_point) == {1: "reserved", 2: "unknown"}
    assert await charge_point.authorize(VALID) == {"status": "Accepted"}
    await charge_point.status(1, "Preparing")
    transaction_id = await charge_point.begin(1, VALID, reservationId=reservation_id)
    await charge_point.status(1, "Charging")

    (record,) = await laboratory.transactions(charge_point)
    assert (record["transaction_id"], record["reservation_id"]) == (transaction_id, reservation_id)
    assert await laboratory.reservations(charge_point) == {reservation_id: "Used"}


async def test_047_reservation_expires(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    reservation_id = await _reserve(laboratory, charge_point, "Accepted", expiryDate=now(seconds=1))
    await charge_point.status(1, "Reserved")
    assert await laboratory.reservations(charge_point) == {reservation_id: "Accepted"}
    await asyncio.sleep(1.1)
    await charge_point.status(1, "Available")

    assert await laboratory.states(charge_point) == {1: "available", 2: "unknown"}
    assert await laboratory.reservations(charge_point) == {reservation_id: "Expired"}


async def _refused(laboratory: Laboratory, charge_point: ChargePoint, status: str) -> None:
    reservation_id = await _reserve(laboratory, charge_point, status)
    assert await laboratory.reservations(charge_point) == {reservation_id: status}


async def test_048_1_reserve_faulted(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await charge_point.status(1, "Faulted", error="GroundFailure")
    await _refused(laboratory, charge_point, "Faulted")


async def test_048_2_reserve_occupied(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await charge_point.begin(1, VALID)
    await charge_point.status(1, "Charging")
    await _refused(laboratory, charge_point, "Occupied")


async def test_048_3_reserve_unavailable(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    wish = {"connectorId": 1, "type": "Inoperative"}
    await laboratory.sent_as_given(charge_point, "ChangeAvailability", wish, status="Accepted")
    await charge_point.status(1, "Unavailable")
    await _refused(laboratory, charge_point, "Unavailable")


async def test_048_4_reserve_rejected(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await _refused(laboratory, charge_point, "Rejected")


async def test_049_reserve_the_whole_charge_point(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    reservation_id = await _reserve(laboratory, charge_point, "Accepted", connector=0)
    await charge_point.status(1, "Preparing")
    await charge_point.begin(1, VALID, reservationId=reservation_id)
    assert await laboratory.reservations(charge_point) == {reservation_id: "Used"}


async def test_051_cancel_a_reservation(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    reservation_id = await _reserve(laboratory, charge_point, "Accepted")
    await charge_point.status(1, "Reserved")
    cancel = {"reservationId": reservation_id}
    await laboratory.sent_as_given(charge_point, "CancelReservation", cancel, status="Accepted")
    await charge_point.status(1, "Available")
    assert await laboratory.reservations(charge_point) == {reservation_id: "Cancelled"}


async def test_052_cancel_rejected_of_an_id_never_issued(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    """The way of revision 2024."""
    reservation_id = await _reserve(laboratory, charge_point, "Accepted")
    cancel = {"reservationId": reservation_id + 1_000_000}
    await laboratory.sent_as_given(charge_point, "CancelReservation", cancel, status="Rejected")
    assert await laboratory.reservations(charge_point) == {reservation_id: "Accepted"}


async def test_052_cancel_rejected_of_an_id_that_was_issued(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    """The way of revision 2025."""
    reservation_id = await _reserve(laboratory, charge_point, "Accepted")
    cancel = {"reservationId": reservation_id}
    await laboratory.sent_as_given(charge_point, "CancelReservation", cancel, status="Rejected")
    assert await laboratory.reservations(charge_point) == {reservation_id: "Accepted"}


async def test_053_reserved_used_by_parent_group(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    reservation_id = await _reserve(laboratory, charge_point, "Accepted", idTag=SIBLING, parentIdTag=PARENT)
    await charge_point.status(1, "Reserved")
    info = await charge_point.authorize(OTHER_SIBLING)
    assert info == {"parentIdTag": PARENT, "status": "Accepted"}
    await charge_point.status(1, "Preparing")
    answer = await charge_point.start(1, OTHER_SIBLING, reservationId=reservation_id)
    assert answer["idTagInfo"] == {"parentIdTag": PARENT, "status": "Accepted"}
    await charge_point.status(1, "Charging")

    (record,) = await laboratory.transactions(charge_point)
    assert (record["id_tag"], record["reservation_id"]) == (OTHER_SIBLING, reservation_id)
    assert await laboratory.reservations(charge_point) == {reservation_id: "Used"}
