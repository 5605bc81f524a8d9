"""One fact of each kind about cards, reservations and local lists."""

from __future__ import annotations

from typing import Any

from chargemon_edge.site import card_facts as facts
from chargemon_edge.site.cards import HeldList, IdTag, Reservation
from chargemon_edge.site.facts import Fact, Moment

UTC_MS = 1_800_000_000_000
AT = Moment(1000.0, UTC_MS)


def reservation(reservation_id: int = 31, **changes: Any) -> Reservation:
    members: dict[str, Any] = {
        "reservation_id": reservation_id,
        "charge_point": "CP1",
        "connector": 1,
        "id_tag": "04D4E5F6",
        "parent_id_tag": "FLEET",
        "expiry_utc_ms": UTC_MS + 600_000,
        "state": "Requested",
        "requested_utc_ms": UTC_MS,
        "changed_utc_ms": UTC_MS,
        "by": "operator",
    }
    return Reservation(**{**members, **changes})


def tag(id_tag: str = "04C0FFEE", **changes: Any) -> IdTag:
    members: dict[str, Any] = {
        "id_tag": id_tag,
        "expiry_utc_ms": UTC_MS + 1,
        "parent_id_tag": "FLEET",
        "single_transaction": True,
        "name": "Anna",
        "note": "blue card",
    }
    return IdTag(**{**members, **changes})


CARDS: tuple[Fact, ...] = (
    facts.IdTagPut(at=AT, tag=tag(), by="operator", taught_at="CP1"),
    facts.IdTagRemoved(at=AT, id_tag="GONE1234", by="operator"),
    facts.TeachInOpened(at=AT, charge_point=None, seconds=60.0, by="operator"),
    facts.TeachInClosed(at=AT, reason="closed by hand"),
    facts.ReservationMade(at=AT, reservation=reservation()),
    facts.ReservationChanged(at=AT, reservation=reservation(state="Used", transaction_id=7)),
    facts.ReservationPassedOver(at=AT, charge_point="CP1", connector=1, reservation_id=31, transaction_id=8),
    facts.LocalListRefused(at=AT, charge_point="CP1", outcome="Failed"),
    facts.LocalListUnsupported(at=AT, charge_point="CP1", firmware_version="1.2.3"),
    facts.LocalListHeld(at=AT, charge_point="CP1", held=HeldList(version=4, entries={"a1": "b2"})),
    facts.CacheCleared(at=AT, charge_point="CP1"),
)
