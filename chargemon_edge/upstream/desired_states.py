"""Desired states of one upstream: retained at the broker, taken over once for each version, and reported.

A broker says them again at every connection; only a new version, or other words under the same, is taken.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

import msgspec

from chargemon_edge.control.desired import Desired, Reached, State
from chargemon_edge.control.durable import make_durable
from chargemon_edge.control.ports import Clock, Journal, moment
from chargemon_edge.control.present import Present
from chargemon_edge.control.upstream_records import DesiredRecord
from chargemon_edge.ocpp.timestamps import format_utc
from chargemon_edge.site.upstream_facts import DesiredReached
from chargemon_edge.upstream import requests
from chargemon_edge.upstream.bodies import Reported, known

log = logging.getLogger(__name__)

LOOK_S = 15.0


class DesiredStates:
    """What one upstream wants to be."""

    def __init__(
        self,
        upstream: str,
        names: Sequence[str],
        *,
        desired: Desired,
        present: Present,
        journal: Journal,
        clock: Clock,
        say: Callable[[str, Reported], None],
        restored: Sequence[DesiredRecord],
    ) -> None:
        self._upstream = upstream
        self._names = tuple(names)
        self._desired = desired
        self._present = present
        self._journal = journal
        self._clock = clock
        self._say = say
        self._records = {one.name: one for one in restored if one.upstream == upstream}

    async def run(self) -> None:
        """Take up what was desired before a restart, and tell how far everything is; until cancelled."""
        for record in list(self._records.values()):
            if record.name in self._names and record.state != "rejected":
                reached = await self._desired.take(record.name, _body(record), self._by(record), again=True)
                await self._reached(record, reached)
        while True:
            await asyncio.sleep(LOOK_S)
            for record in list(self._records.values()):
                if record.state == "pending":
                    await self._reached(record, self._desired.standing(record.name, _body(record), self._by(record)))

    async def received(self, name: str, payload: bytes) -> None:
        """``in/desired/{name}``."""
        if not payload:
            # no wish any more: what was taken stays as it is
            return
        if name not in self._names:
            self._say(name, self._refusal(f"{name} is not desired from here (desired = [...])"))
            return
        wish = requests.read(payload, requests.Desired)
        if isinstance(wish, str):
            self._say(name, self._refusal(wish))
            return
        body = msgspec.json.encode(wish.body, order="deterministic").decode()
        before = self._records.get(name)
        if before is not None and (before.version, before.body) == (wish.ver, body):
            self._say(name, self._of(before))
            return
        record = DesiredRecord(
            upstream=self._upstream, name=name, version=wish.ver, state="pending", body=body, error=None
        )
        log.info("desired state taken upstream=%s name=%s version=%s", self._upstream, name, wish.ver)
        self._records[name] = record
        await self._reached(record, await self._desired.take(name, wish.body, self._by(record)), new=True)

    async def _reached(self, record: DesiredRecord, reached: Reached, *, new: bool = False) -> None:
        after = msgspec.structs.replace(record, state=reached.state, error=reached.error)
        if self._records.get(record.name) is not record or (after == record and not new):
            return
        self._records[record.name] = after
        if new or after.state != record.state:
            fact = DesiredReached(
                at=moment(self._clock),
                upstream=self._upstream,
                name=record.name,
                version=record.version,
                state=after.state,
                body=record.body,
                error=after.error,
            )
            await make_durable(self._journal, self._present, (fact,))
        self._say(record.name, self._of(after))

    def _of(self, record: DesiredRecord) -> Reported:
        state = msgspec.convert(record.state, State)
        have = record.version if record.state == "applied" else None
        return Reported(
            ts=format_utc(self._clock.utc_ms()),
            want=record.version,
            state=state,
            have=known(have),
            err=known(record.error),
        )

    def _refusal(self, error: str) -> Reported:
        return Reported(ts=format_utc(self._clock.utc_ms()), want="-", state="rejected", err=error)

    def _by(self, record: DesiredRecord) -> str:
        return f"upstream {self._upstream} desired {record.version}"


def _body(record: DesiredRecord) -> dict[str, object]:
    found: dict[str, object] = msgspec.json.decode(record.body)
    return found
