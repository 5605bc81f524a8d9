"""Reservations at a simulated charger (OCPP 1.6 §3.12): ReserveNow, CancelReservation, expiry, and who may come in."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    # the charger holds one of these; this file needs only its type
    from chargemon_edge.sim.charger import Charger

Payload = dict[str, Any]


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """A connector kept for a card; connector 0: any one of them."""

    number: int
    connector: int
    id_tag: str
    parent_id_tag: str | None

    def admits(self, id_tag: str, parent_id_tag: str | None) -> bool:
        """Whether that card may use it: the same one, or one of the same parent."""
        if id_tag.casefold() == self.id_tag.casefold():
            return True
        return None not in (self.parent_id_tag, parent_id_tag) and self.parent_id_tag == parent_id_tag


class Reservations:
    """All that stand, by their number."""

    def __init__(self, charger: Charger) -> None:
        self._charger = charger
        self.standing: dict[int, Reservation] = {}

    def reserve(self, payload: Payload) -> str:
        """ReserveNow; the answer's status (§5.13)."""
        charger, connector = self._charger, payload["connectorId"]
        if charger.personality.reservations == "rejects":
            return "Rejected"
        outlets = charger.outlets_of(connector)
        if not outlets:
            return "Rejected"
        self.cancel(payload["reservationId"])
        states = {outlet.status for outlet in outlets}
        if "Available" not in states:
            return next((one for one in ("Faulted", "Unavailable") if states == {one}), "Occupied")
        expires_s = datetime.datetime.fromisoformat(payload["expiryDate"]).timestamp()
        left_s = expires_s - charger.now_utc_s()
        if left_s <= 0:
            return "Rejected"
        one = Reservation(
            number=payload["reservationId"],
            connector=connector,
            id_tag=payload["idTag"],
            parent_id_tag=payload.get("parentIdTag"),
        )
        self.standing[one.number] = one
        charger.timers.after(f"reservation {one.number}", left_s, lambda: self._end(one.number))
        if connector:
            outlets[0].set_reserved(True)
        return "Accepted"

    def cancel(self, number: int) -> bool:
        """CancelReservation; whether there was one."""
        known = number in self.standing
        self._end(number)
        return known

    def number_for(self, connector: int, id_tag: str, parent_id_tag: str | None) -> int | None:
        """The reservation that this card uses up by starting on *connector*."""
        for one in self._at(connector):
            if one.admits(id_tag, parent_id_tag):
                self._end(one.number)
                return one.number
        return None

    def keeps_out(self, connector: int, id_tag: str, parent_id_tag: str | None) -> bool:
        """Whether *connector* is kept for somebody else."""
        ours = [one for one in self._at(connector) if one.connector == connector]
        return bool(ours) and not any(one.admits(id_tag, parent_id_tag) for one in ours)

    def _at(self, connector: int) -> list[Reservation]:
        return [one for one in self.standing.values() if one.connector in (connector, 0)]

    def _end(self, number: int) -> None:
        one = self.standing.pop(number, None)
        if one is None:
            return
        self._charger.timers.cancel(f"reservation {number}")
        for outlet in self._charger.outlets_of(one.connector):
            outlet.set_reserved(False)
