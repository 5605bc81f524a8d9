"""What somebody lets single connectors draw at most, by hand or from upstream. It only ever lowers what the balancer
gives; at its end, or when it is taken away, the balancer alone decides again."""

from __future__ import annotations

import asyncio

from chargemon_edge.control.durable import make_durable
from chargemon_edge.control.ports import Clock, Journal, moment
from chargemon_edge.control.present import Present
from chargemon_edge.site.layout import ConnectorKey
from chargemon_edge.site.site_limit import ConnectorCap
from chargemon_edge.site.upstream_facts import ConnectorCapped

# ends are looked at so often: the clock may be set meanwhile
LOOK_S = 5.0


class ConnectorCaps:
    """The limits of single connectors. Lives on the event loop."""

    def __init__(self, present: Present, journal: Journal, clock: Clock) -> None:
        self._present = present
        self._journal = journal
        self._clock = clock
        # somebody has put a limit that may end
        self._changed = asyncio.Event()

    def knows(self, charge_point: str, connector: int) -> bool:
        """Whether the balancer gives that connector its current."""
        return ConnectorKey(charge_point, connector) in self._present.site.connectors

    async def put(self, charge_point: str, connector: int, cap: ConnectorCap | None, by: str) -> Exception | None:
        """Put *cap* in force, or with None take away the one there is; returns why it is not on disk."""
        fact = ConnectorCapped(at=moment(self._clock), charge_point=charge_point, connector=connector, cap=cap, by=by)
        error = await make_durable(self._journal, self._present, (fact,))
        self._changed.set()
        return error

    async def run(self) -> None:
        """Let limits end, until cancelled."""
        while True:
            self._changed.clear()
            now_ms, waiting = self._clock.utc_ms(), False
            for key in self._present.site.connectors:
                cap = self._present.connector(key.charge_point, key.number).cap
                if cap is None or cap.until_utc_ms is None:
                    continue
                if cap.until_utc_ms <= now_ms:
                    await self.put(key.charge_point, key.number, None, "its end")
                else:
                    waiting = True
            try:
                async with asyncio.timeout(LOOK_S if waiting else None):
                    await self._changed.wait()
            except TimeoutError:
                pass  # time to look
