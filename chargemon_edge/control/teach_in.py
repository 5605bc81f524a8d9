"""Teach-in: for a short while the next unknown id tag that is presented becomes a record, as was said beforehand.

Opened by a person, for one charge point or for any; ends with the first card, by its time, or by hand. A restart ends
it too: nobody should find it open who did not open it.
"""

from __future__ import annotations

import logging

import msgspec

from chargemon_edge.control.ports import Clock, Journal, moment
from chargemon_edge.control.present import Present
from chargemon_edge.log import masked
from chargemon_edge.site import card_facts
from chargemon_edge.site.cards import IdTag
from chargemon_edge.site.facts import Fact, Moment

log = logging.getLogger(__name__)

SECONDS_MAX = 600.0


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the next unknown tag shall be."""

    tag: IdTag
    """All but its own number."""
    charge_point: str | None
    until_mono_s: float
    by: str


class TeachIn:
    """Open or shut, by the monotonic clock."""

    def __init__(self, *, present: Present, journal: Journal, clock: Clock) -> None:
        self._present = present
        self._journal = journal
        self._clock = clock
        self._wanted: Wanted | None = None
        # the record that the last teach-in has made; None: none since the daemon started
        self.last: card_facts.IdTagPut | None = None
        present.follow(self._folded, (card_facts.IdTagPut,))

    def open(self, tag: IdTag, *, charge_point: str | None, seconds: float, by: str) -> None:
        """Record the next unknown tag as *tag*; one that was open is replaced. Raises ValueError."""
        if not 0 < seconds <= SECONDS_MAX:
            raise ValueError(f"a teach-in can be open for up to {SECONDS_MAX:.0f} seconds, not {seconds:g}")
        at = moment(self._clock)
        self._wanted = Wanted(tag=tag, charge_point=charge_point, until_mono_s=at.mono_s + seconds, by=by)
        log.warning("teach-in opened cp=%s seconds=%.0f by=%s", charge_point or "any", seconds, by)
        self._note(card_facts.TeachInOpened(at=at, charge_point=charge_point, seconds=seconds, by=by))

    def close(self, reason: str = "closed by hand") -> None:
        """Shut it, if it is open."""
        if self._wanted is not None:
            self._wanted = None
            log.info("teach-in closed why=%r", reason)
            self._note(card_facts.TeachInClosed(at=moment(self._clock), reason=reason))

    def remaining_s(self) -> float:
        """How long it stays open; 0 when it is shut."""
        wanted = self._wanted
        if wanted is None:
            return 0.0
        left = wanted.until_mono_s - self._clock.monotonic_s()
        if left <= 0:
            self.close("nobody presented a card in time")
            return 0.0
        return left

    @property
    def wanted(self) -> Wanted | None:
        """What is waited for; None when it is shut."""
        return self._wanted if self.remaining_s() > 0 else None

    def take(self, charge_point: str, id_tag: str, at: Moment) -> card_facts.IdTagPut | None:
        """The record of the unknown *id_tag*, to be committed; None when nobody waits for it.

        It stays open until that record is folded in: a tag that could not be stored was not taught.
        """
        wanted = self.wanted
        if wanted is None or wanted.charge_point not in (None, charge_point):
            return None
        tag = msgspec.structs.replace(wanted.tag, id_tag=id_tag)
        return card_facts.IdTagPut(at=at, tag=tag, by=wanted.by, taught_at=charge_point)

    def _folded(self, fact: Fact) -> None:
        assert isinstance(fact, card_facts.IdTagPut)
        if fact.taught_at is not None:
            self._wanted = None
            self.last = fact
            log.warning(
                "teach-in done cp=%s tag=%s status=%s by=%s",
                fact.taught_at,
                masked(fact.tag.id_tag),
                fact.tag.status,
                fact.by,
            )

    def _note(self, fact: Fact) -> None:
        self._journal.record((fact,))
        self._present.apply((fact,))
