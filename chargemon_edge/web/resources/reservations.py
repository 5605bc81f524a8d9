"""Reservations and their states. They are made by the operation ReserveNow, and cancelled here or by operation."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec.structs import replace

from chargemon_edge.control.commands import Commands, Refused
from chargemon_edge.control.ports import Answered, Busy, CallErrored, Outcome, TimedOut, in_words
from chargemon_edge.control.reservations import Reservations
from chargemon_edge.log import masked
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site.cards import Reservation, ReservationState
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.endpoints import Answer, Call, Caller, Endpoint, Nothing, Reply, not_found, problem

_PATH = "/api/v1/reservations"
_Id = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1, description="OCPP's reservationId")]
_Identity = Annotated[str, msgspec.Meta(max_length=100)]


class WhichReservations(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which ones; left out: all."""

    charge_point: _Identity | None = None
    state: ReservationState | None = None


class OneReservation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which one; without a charge point the newest of that id."""

    reservation_id: _Id
    charge_point: _Identity | None = None


class ReservationsResource:
    """The handlers. Viewers see id tags masked."""

    def __init__(self, reservations: Reservations, commands: Commands) -> None:
        self._reservations = reservations
        self._commands = commands

    async def list(self, call: Call[WhichReservations, Nothing]) -> Answer:
        """Newest first."""
        wanted = call.parameters
        return Reply(
            [
                _seen_by(call.caller, one)
                for one in self._reservations.all()
                if wanted.charge_point in (None, one.charge_point) and wanted.state in (None, one.state)
            ]
        )

    async def show(self, call: Call[OneReservation, Nothing]) -> Answer:
        """One."""
        found = self._found(call.parameters)
        return not_found("such reservation") if found is None else Reply(_seen_by(call.caller, found))

    async def cancel(self, call: Call[OneReservation, Nothing]) -> Answer:
        """Ask its charge point to give it free."""
        found = self._found(call.parameters)
        if found is None:
            return not_found("such reservation")
        request = m.CancelReservationRequest(reservation_id=found.reservation_id)
        outcome = await self._commands.execute(found.charge_point, request, by=call.caller.name)
        if isinstance(outcome, Answered) and in_words(outcome) == "Accepted":
            after = self._reservations.find(found.reservation_id, found.charge_point)
            return Reply(_seen_by(call.caller, after or found))
        return _not_cancelled(outcome)

    def _found(self, wanted: OneReservation) -> Reservation | None:
        return self._reservations.find(wanted.reservation_id, wanted.charge_point)


def _not_cancelled(outcome: Outcome | Refused) -> Answer:
    if isinstance(outcome, Refused):
        return problem(409, "refused", outcome.reason)
    if isinstance(outcome, Answered | CallErrored):
        return problem(409, "not cancelled", f"the charge point answered {in_words(outcome)}")
    if isinstance(outcome, TimedOut):
        return problem(504, "no answer", "sent, and the charge point did not answer; it may have done it all the same")
    if isinstance(outcome, Busy):
        return problem(503, "busy", "too much waits for the charge point already; nothing was sent")
    return problem(409, "not connected", "the charge point is not connected; nothing was sent")


def _seen_by(caller: Caller, one: Reservation) -> Reservation:
    if caller.role.covers(Role.OPERATOR):
        return one
    parent = None if one.parent_id_tag is None else masked(one.parent_id_tag)
    return replace(one, id_tag=masked(one.id_tag), parent_id_tag=parent)


def endpoints(reservations: ReservationsResource) -> tuple[Endpoint[Any, Any], ...]:
    """Who may operate a charge point may cancel."""
    return (
        Endpoint(
            method="GET",
            path=_PATH,
            summary="List reservations, newest first",
            role=Role.VIEWER,
            parameters=WhichReservations,
            body=Nothing,
            answers={200: tuple[Reservation, ...]},
            handle=reservations.list,
        ),
        Endpoint(
            method="GET",
            path=f"{_PATH}/{{reservation_id}}",
            summary="Show a reservation",
            role=Role.VIEWER,
            parameters=OneReservation,
            body=Nothing,
            answers={200: Reservation},
            problems=(404,),
            handle=reservations.show,
        ),
        Endpoint(
            method="DELETE",
            path=f"{_PATH}/{{reservation_id}}",
            summary="Cancel a reservation at its charge point",
            role=Role.OPERATOR,
            parameters=OneReservation,
            body=Nothing,
            answers={200: Reservation},
            problems=(404, 409, 503, 504),
            handle=reservations.cancel,
        ),
    )
