"""What happens to cards, reservations and the lists that charge points keep of them."""

from __future__ import annotations

from chargemon_edge.site.cards import HeldList, IdTag, Reservation
from chargemon_edge.site.facts import Fact


class IdTagPut(Fact, frozen=True, kw_only=True, gc=False):
    """A record of an id tag was made, or takes the place of an earlier one."""

    tag: IdTag
    by: str
    """Who put it."""
    taught_at: str | None = None
    """The charge point where it was tapped during a teach-in."""


class IdTagRemoved(Fact, frozen=True, kw_only=True, gc=False):
    """The record is gone, and the tag is masked in past events. Its transactions remain as they are."""

    id_tag: str
    by: str


class TeachInOpened(Fact, frozen=True, kw_only=True, gc=False):
    """The next unknown id tag that is presented will be recorded."""

    charge_point: str | None
    """None: at any charge point."""
    seconds: float
    by: str


class TeachInClosed(Fact, frozen=True, kw_only=True, gc=False):
    """It was ended before a card came, by a person or by its time."""

    reason: str


class ReservationMade(Fact, frozen=True, kw_only=True, gc=False):
    """A reservation is about to be asked of its charge point."""

    reservation: Reservation


class ReservationChanged(Fact, frozen=True, kw_only=True, gc=False):
    """It was answered, cancelled, used or has expired; *reservation* is how it stands since."""

    reservation: Reservation


class ReservationPassedOver(Fact, frozen=True, kw_only=True, gc=False):
    """A charge point let a car charge on a connector that it holds for somebody else."""

    charge_point: str
    connector: int
    reservation_id: int
    transaction_id: int


class LocalListHeld(Fact, frozen=True, kw_only=True, gc=False):
    """The charge point accepted an update of its local authorisation list."""

    charge_point: str
    held: HeldList


class LocalListRefused(Fact, frozen=True, kw_only=True, gc=False):
    """It did not: what it holds is unknown, the next update is a full one."""

    charge_point: str
    outcome: str


class LocalListUnsupported(Fact, frozen=True, kw_only=True, gc=False):
    """It says that it supports no local list: not asked again until its firmware changes."""

    charge_point: str
    firmware_version: str
    """Empty: it never named one."""


class CacheCleared(Fact, frozen=True, kw_only=True, gc=False):
    """The charge point has emptied its authorisation cache."""

    charge_point: str
