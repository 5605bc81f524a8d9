"""The stops that matched nothing, settled by a person: each once, and then it waits no more. They are never deleted."""

from __future__ import annotations

from chargemon_edge.control.durable import make_durable
from chargemon_edge.control.ports import Clock, History, Journal, moment
from chargemon_edge.control.present import Present
from chargemon_edge.site.facts import StopSettled


class KeptStops:
    """Settles them."""

    def __init__(self, present: Present, journal: Journal, history: History, clock: Clock) -> None:
        self._present = present
        self._journal = journal
        self._history = history
        self._clock = clock
        # on their way: two people must not settle the same one, it would be counted twice
        self._pending: set[int] = set()

    async def settle(self, number: int, by: str) -> bool | Exception | None:
        """True: settled, durable on return. False: it was settled already. None: there is none of that number.

        An exception is what the disk had against it.
        """
        if number in self._pending:
            return False
        self._pending.add(number)
        try:
            found = await self._history.kept_stop(number)
            if found is None:
                return None
            if found.settled_utc_ms is not None:
                return False
            fact = StopSettled(at=moment(self._clock), number=number, by=by)
            error = await make_durable(self._journal, self._present, [fact])
            return True if error is None else error
        finally:
            self._pending.discard(number)
