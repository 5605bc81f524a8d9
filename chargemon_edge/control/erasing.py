"""A person's card is forgotten: its record, then every trace of it on the disk, then the backups that still know it."""

from __future__ import annotations

from chargemon_edge.control.cards import Cards
from chargemon_edge.control.keeping import BackupError, Erased, Keeping
from chargemon_edge.control.ports import Clock, Journal, moment
from chargemon_edge.control.present import Present
from chargemon_edge.site.cards import HOLDING, key_of
from chargemon_edge.site.facts import SecurityEvent


class Erasing:
    """Transactions stay, since they are billing records, but name nobody any more."""

    def __init__(self, present: Present, cards: Cards, keeping: Keeping, journal: Journal, clock: Clock) -> None:
        self._present = present
        self._cards = cards
        self._keeping = keeping
        self._journal = journal
        self._clock = clock

    def refusal(self, id_tag: str) -> str | None:
        """Why it cannot be forgotten now; None: it can."""
        key = key_of(id_tag)
        known = self._cards.id_tags.find(key)
        if known is not None and known.source == "configuration":
            return "it is in the configuration: take it out there first"
        for identity, charge_point in self._present.picture.charge_points.items():
            for number, connector in charge_point.connectors.items():
                if connector.transaction is not None and key_of(connector.transaction.id_tag) == key:
                    return f"a transaction of it runs at {identity}/{number}"
        for reservation in self._cards.reservations.all():
            if reservation.state in (*HOLDING, "Requested") and key_of(reservation.id_tag) == key:
                return f"it has reserved {reservation.charge_point}/{reservation.connector}: cancel that first"
        return None

    async def erase(self, id_tag: str, by: str) -> Erased | Exception:
        """Forget it, on *by*'s wish. Ask :meth:`refusal` first. An exception is what the disk had against it."""
        if self._cards.id_tags.find(key_of(id_tag)) is not None:
            error = await self._cards.remove(id_tag, by)
            if error is not None:
                return error
        try:
            done = await self._keeping.erase(id_tag)
        except (BackupError, OSError) as error:
            return error
        told = f"an id tag was erased from {done.rows} rows and {done.backups_deleted} backups"
        fact = SecurityEvent(at=moment(self._clock), event="personal data erased", source=by, detail=told)
        self._journal.record([fact])
        self._present.apply([fact])
        return done
