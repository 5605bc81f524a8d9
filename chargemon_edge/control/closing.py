"""Ending a transaction whose stop will not come, by a person's word. Must never end one that may still be charging.

A charger whose transaction is closed here gets no more limits for it, and is counted as if none ran: so there must be
no sign of a car any more, and no limit of ours still in force.
"""

from __future__ import annotations

import math

from chargemon_edge.balancing.command import LEASE_GRACE_S
from chargemon_edge.control.durable import make_durable
from chargemon_edge.control.ports import Clock, Journal, moment
from chargemon_edge.control.present import Present
from chargemon_edge.site.facts import TransactionStarted, TransactionStopped

# in these a linked charge point says that a car is there and its transaction goes on
_GOES_ON = frozenset({"Charging", "SuspendedEV", "SuspendedEVSE"})


class NotClosedError(Exception):
    """The transaction stays open; the text says why, for whoever asked."""


class Closing:
    """Closes stale transactions."""

    def __init__(self, present: Present, journal: Journal, clock: Clock) -> None:
        self._present = present
        self._journal = journal
        self._clock = clock

    async def close(self, transaction_id: int, by: str) -> bool:
        """End it, durable on return; False: there is no such transaction.

        Raises NotClosedError when it is not to be closed, and whatever the disk had against it.
        """
        found = self._journal.find_transaction(transaction_id)
        if found is None:
            return False
        started, stopped = found
        if stopped is not None:
            raise NotClosedError("it has ended already")
        objection = self._objection(started)
        if objection is not None:
            raise NotClosedError(objection)
        fact = TransactionStopped(
            at=moment(self._clock),
            charge_point=started.charge_point,
            connector=started.connector,
            transaction_id=transaction_id,
            meter_stop_wh=None,
            stopped_utc_ms=None,
            reason=f"closed by hand ({by})",
        )
        error = await make_durable(self._journal, self._present, [fact])
        if error is not None:
            raise error
        return True

    def _objection(self, started: TransactionStarted) -> str | None:
        now = self._present.picture.connector(started.charge_point, started.connector)
        if now.transaction is None or now.transaction.transaction_id != started.transaction_id:
            # a fault has left it open beside a newer one
            return None
        entry = self._present.picture.charge_points.get(started.charge_point)
        if entry is not None and entry.linked and now.status in _GOES_ON:
            return f"{started.charge_point} reports {now.status}: stop it with RemoteStopTransaction"
        if now.held is not None:
            rest_s = now.held.sent_mono_s + now.held.lease_s + LEASE_GRACE_S - self._clock.monotonic_s()
            if rest_s > 0 and not (entry is not None and entry.linked):
                return f"it may still draw what it was allowed last: try again in {math.ceil(rest_s)} s"
        return None
