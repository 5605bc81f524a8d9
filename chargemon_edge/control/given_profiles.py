"""Withdraws profiles that people gave to running transactions, once the balancing allows less than they do.

A TxProfile on a higher stack level than ours takes its place. The guard lets it out only if it allows no more than the
balancing does at that moment; when that changes, it is cleared by its id, and our own profile rules again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator

import msgspec

from chargemon_edge.control import guard
from chargemon_edge.control.ports import Answered, ChargePoints, Clock, GivenProfile, in_words
from chargemon_edge.control.present import Present
from chargemon_edge.ocpp.v16 import codec
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site.facts import Fact, TransactionStopped
from chargemon_edge.site.layout import ConnectorKey

log = logging.getLogger(__name__)

_DEADLINE_S = 10.0
# a charge point that did not clear it is asked again; meanwhile the balancer counts what the car draws
_AGAIN_S = 60.0
_GONE = ("Accepted", "Unknown")


class _Given(msgspec.Struct, gc=False):
    """One of them."""

    profile_id: int
    connectors: tuple[ConnectorKey, ...]
    """Those that it may be for."""
    peak_ma: int
    again_s: float = float("-inf")
    """Not asked to clear it again before this."""


class GivenProfiles:
    """Knows what was given, and looks at each new plan."""

    def __init__(
        self, present: Present, charge_points: ChargePoints, clock: Clock, restored: Iterable[GivenProfile]
    ) -> None:
        self._present = present
        self._charge_points = charge_points
        self._clock = clock
        self._given: dict[tuple[str, int], _Given] = {}
        self._some = asyncio.Event()
        for one in restored:
            self._take_restored(one)
        present.follow(self._stopped, (TransactionStopped,))

    def answered(self, charge_point: str, request: m.Request, response: m.Response) -> None:
        """A charge point has answered an operation: for :meth:`.commands.Commands.follow`."""
        if getattr(response, "status", None) == "Accepted":
            self._take(charge_point, request)

    async def run(self) -> None:
        """Withdraw what has become too much, until cancelled."""
        while True:
            await self._some.wait()
            version = self._present.version
            await self._withdraw()
            if self._given:
                await self._present.changed(version)
            else:
                self._some.clear()

    # --- what is known

    def _take_restored(self, one: GivenProfile) -> None:
        try:
            request = codec.decode_command(one.action, one.payload.encode())
        except codec.PayloadError as error:
            # a record keeps no list that is longer than a schedule may be
            log.warning("given profile not read cp=%s why=%r", one.charge_point, error.description)
            return
        self._take(one.charge_point, request)

    def _take(self, charge_point: str, request: m.Request) -> None:
        given = guard.given_profile(request)
        balanced = self._present.site.charge_point_by_identity.get(charge_point)
        if given is None or balanced is None or balanced.quiet:
            return
        connector, profile = given
        peak_ma = guard.highest_ma(profile.charging_schedule)
        if profile.charging_profile_purpose != "TxProfile" or peak_ma is None:
            return
        one = None if connector is None else balanced.connector(connector)
        concerned = balanced.connectors if one is None else (one,)
        self._given[charge_point, profile.charging_profile_id] = _Given(
            profile_id=profile.charging_profile_id,
            connectors=tuple(ConnectorKey(charge_point, each.number) for each in concerned),
            peak_ma=peak_ma,
        )
        self._some.set()

    def _stopped(self, fact: Fact) -> None:
        """A TxProfile ends with its transaction (OCPP 1.6 §3.13.1)."""
        assert isinstance(fact, TransactionStopped)
        stopped = ConnectorKey(fact.charge_point, fact.connector)
        for key, given in list(self._given.items()):
            if stopped in given.connectors and not any(self._runs(each) for each in given.connectors):
                del self._given[key]

    def _runs(self, key: ConnectorKey) -> bool:
        return self._present.connector(key.charge_point, key.number).transaction is not None

    # --- what is too much

    async def _withdraw(self) -> None:
        now_s = self._clock.monotonic_s()
        due = [
            (charge_point, given)
            for (charge_point, _), given in self._given.items()
            if now_s >= given.again_s and self._charge_points.linked(charge_point) and any(self._too_much(given))
        ]
        async with asyncio.TaskGroup() as asking:
            for charge_point, given in due:
                given.again_s = now_s + _AGAIN_S
                asking.create_task(self._clear(charge_point, given))

    def _too_much(self, given: _Given) -> Iterator[bool]:
        plan = self._present.plan
        if plan is None:
            return
        for key in given.connectors:
            limit = plan.limits.get(key)
            yield self._runs(key) and limit is not None and limit.limit_ma < given.peak_ma

    async def _clear(self, charge_point: str, given: _Given) -> None:
        request = m.ClearChargingProfileRequest(id=given.profile_id)
        outcome = await self._charge_points.call(charge_point, request, _DEADLINE_S)
        words = in_words(outcome)
        log.warning(
            "profile withdrawn cp=%s id=%d peak=%.1fA answer=%r: the balancing allows less now",
            charge_point,
            given.profile_id,
            given.peak_ma / 1000,
            words,
        )
        if isinstance(outcome, Answered) and words in _GONE:
            self._given.pop((charge_point, given.profile_id), None)
