"""Reads every charge point's configuration keys after contact, and brings what differs into line, one step at a time.

The steps are :mod:`.configuration_plan`'s; here they are only taken. Limits go first on every link, nothing is asked of
a quiet charge point, and whoever does not answer is left alone for an hour.
"""

from __future__ import annotations

import asyncio
import logging

from chargemon_edge.control import configuration_plan as plan
from chargemon_edge.control.configuration_memory import ConfigurationMemory
from chargemon_edge.control.ports import (
    Answered,
    Busy,
    CallErrored,
    ChargePoints,
    Clock,
    Journal,
    Offline,
    Outcome,
    QuirksOf,
    in_words,
    moment,
)
from chargemon_edge.control.present import Present
from chargemon_edge.control.redaction import is_secret
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site import facts
from chargemon_edge.site.charger_model import Quirks
from chargemon_edge.site.device_facts import ConfigurationPaused, ConfigurationRead, KeyRead, KeyWritten
from chargemon_edge.site.facts import Fact

log = logging.getLogger(__name__)

# the fail-safe, the first statuses and the first limits come before
SETTLE_S = 20.0
CALLS_APART_S = 1.0
_DEADLINE_S = 10.0
RESTART_BLAMED_S = 180.0
"""A restart so soon after a write counts as caused by it."""
PAUSE_AFTER_RESTART_MS = 6 * 3_600_000
PAUSE_AFTER_SILENCE_MS = 3_600_000
PAUSE_WHEN_BUSY_MS = 300_000
_SHORTEST_WAIT_S = 60.0
_AT_ONCE = 4
"""Charge points that are asked at the same time: after a power cut all of them come back together."""
_CHUNK = 20
"""Keys asked for by name in one message, unless the charge point says what it takes."""

_OCCASIONS = (facts.LinkOpened, facts.ChargePointBooted)


class Configuration:
    """One conversation per charge point, begun anew by each link and each boot."""

    def __init__(
        self,
        *,
        present: Present,
        memory: ConfigurationMemory,
        charge_points: ChargePoints,
        journal: Journal,
        clock: Clock,
        models: QuirksOf,
    ) -> None:
        self._present = present
        self.memory = memory
        self._charge_points = charge_points
        self._journal = journal
        self._clock = clock
        self._models = models
        self._due: set[str] = set()
        self._someone_due = asyncio.Event()
        self._talks: dict[str, asyncio.Task[None]] = {}
        self._turns = asyncio.Semaphore(_AT_ONCE)
        # charge points whose keys may have changed since they were read: they booted, or were written to
        self._unsettled: set[str] = set()
        # the last write of each, until a boot can no longer be blamed on it
        self._last_write: dict[str, KeyWritten] = {}
        present.follow(self._followed, _OCCASIONS)

    async def run(self) -> None:
        """Keep the configuration of whoever appears, until cancelled."""
        async with asyncio.TaskGroup() as talks:
            while True:
                await self._someone_due.wait()
                self._someone_due.clear()
                due, self._due = self._due, set()
                for identity in sorted(due):
                    talk = self._talks.pop(identity, None)
                    if talk is not None:
                        talk.cancel()
                    if self._may_be_asked(identity):
                        self._talks[identity] = talks.create_task(self._talk(identity, SETTLE_S))

    def quirks(self, charge_point: str) -> Quirks:
        """What counts in what is wanted of it."""
        return self._models.quirks(charge_point)

    def read_again(self, charge_point: str) -> str | None:
        """Somebody wants to know: read all keys anew, soon. Or the reason why not."""
        if not self._charge_points.linked(charge_point):
            return "the charge point is not connected"
        if not self._may_be_asked(charge_point):
            return "the daemon itself asks a quiet or unknown charge point nothing; the operation GetConfiguration does"
        self._unsettled.add(charge_point)
        self.look_again(charge_point)
        return None

    def look_again(self, charge_point: str) -> None:
        """What is wanted of it may have changed."""
        self._due.add(charge_point)
        self._someone_due.set()

    def answered(self, charge_point: str, request: m.Request, response: m.Response) -> None:
        """An operation of a person was answered (:meth:`.commands.Commands.follow`): keys may be known better now."""
        if isinstance(request, m.GetConfigurationRequest) and isinstance(response, m.GetConfigurationResponse):
            self._note(self._as_read(charge_point, tuple(request.key or ()), response))
        elif isinstance(request, m.ResetRequest | m.UpdateFirmwareRequest | m.SignedUpdateFirmwareRequest):
            # the restart that follows is wanted
            self._last_write.pop(charge_point, None)
        elif isinstance(request, m.ChangeConfigurationRequest):
            outcome = str(getattr(response, "status", "answered"))
            self._note(self._written(charge_point, request.key, request.value, outcome, by_person=True))
            if outcome in plan.GOOD and not is_secret(request.key):
                self._note(self._assumed(charge_point, request.key, request.value))

    # --- occasions

    def _followed(self, fact: Fact) -> None:
        assert isinstance(fact, _OCCASIONS)
        identity = fact.charge_point
        if isinstance(fact, facts.ChargePointBooted):
            self._unsettled.add(identity)
            self._blame(identity)
        if identity in self._talks or self._present.site.may_be_asked(identity):
            self.look_again(identity)

    def _blame(self, identity: str) -> None:
        """It restarted: was it our last write?"""
        last = self._last_write.pop(identity, None)
        if last is None or self._clock.monotonic_s() - last.at.mono_s > RESTART_BLAMED_S:
            return
        if last.outcome == "RebootRequired" or last.key in (self._models.quirks(identity).restart_keys or ()):
            return
        self._note(self._written(identity, last.key, last.value, plan.RESTARTED))
        self._pause(identity, f"restarted after {last.key} was written", PAUSE_AFTER_RESTART_MS)

    def _may_be_asked(self, identity: str) -> bool:
        return self._present.site.may_be_asked(identity) and self._charge_points.linked(identity)

    # --- the conversation

    async def _talk(self, identity: str, settle_s: float) -> None:
        await asyncio.sleep(settle_s)
        while self._may_be_asked(identity):
            now_utc_ms = self._clock.utc_ms()
            step = plan.next_step(
                self._models.quirks(identity),
                self.memory.read(identity),
                self.memory.history(identity),
                now_utc_ms,
                settled=identity not in self._unsettled,
            )
            if isinstance(step, plan.Done):
                return
            if isinstance(step, plan.Wait):
                await asyncio.sleep(max(_SHORTEST_WAIT_S, (step.until_utc_ms - now_utc_ms) / 1000))
                continue
            async with self._turns:
                if isinstance(step, plan.Read):
                    linked = await self._read(identity, step.keys)
                else:
                    linked = await self._write(identity, step)
            if not linked:
                return
            await self._pace(identity)

    async def _read(self, identity: str, keys: tuple[str, ...]) -> bool:
        """Read all keys, or those named in as many messages as it takes; False without a link."""
        most = self._most_at_once(identity)
        for asked in [keys[start : start + most] for start in range(0, len(keys), most)] or [()]:
            outcome = await self._ask(identity, m.GetConfigurationRequest(key=asked or None))
            if isinstance(outcome, Answered):
                assert isinstance(outcome.response, m.GetConfigurationResponse)
                self._note(self._as_read(identity, asked, outcome.response))
            elif isinstance(outcome, CallErrored) and not asked:
                # some cannot list all; what is wanted is asked for by name, and nothing else is known of it
                self._note(
                    ConfigurationRead(at=moment(self._clock), charge_point=identity, keys=(), unknown=(), whole=True)
                )
            else:
                return self._left_alone(identity, outcome, "GetConfiguration")
        if not keys:
            self._unsettled.discard(identity)
        return True

    async def _write(self, identity: str, step: plan.Write) -> bool:
        """Write one key and read it back; False without a link."""
        request = m.ChangeConfigurationRequest(key=step.key, value=step.value)
        outcome = await self._ask(identity, request)
        if isinstance(outcome, Offline):
            return False
        words = in_words(outcome)
        written = self._written(identity, step.key, step.value, words)
        self._last_write[identity] = written
        self._note(written)
        log.info("configuration cp=%s key=%s value=%r answer=%s", identity, step.key, _shown(step), words)
        if not isinstance(outcome, Answered | CallErrored):
            return self._left_alone(identity, outcome, f"ChangeConfiguration of {step.key}")
        if words != "Accepted":
            return True
        return await self._read_back(identity, step)

    async def _read_back(self, identity: str, step: plan.Write) -> bool:
        await self._pace(identity)
        if not await self._read(identity, (step.key,)):
            return False
        if self._clock.utc_ms() < self.memory.history(identity).paused_until_utc_ms:
            # it did not tell
            return True
        now = self.memory.read(identity).keys.get(step.key)
        if now is not None and now.value is not None and plan.plain(now.value) != plan.plain(step.value):
            self._note(self._written(identity, step.key, step.value, plan.NOT_KEPT))
            log.warning("configuration cp=%s key=%s: accepted, and not kept", identity, step.key)
        return True

    async def _pace(self, identity: str) -> None:
        apart_s = self._models.quirks(identity).calls_apart_s
        await asyncio.sleep(CALLS_APART_S if apart_s is None else apart_s)

    def _left_alone(self, identity: str, outcome: Outcome, what: str) -> bool:
        """It did not answer as it should: nothing more for an hour. Without a link there is nobody to go on with."""
        if isinstance(outcome, Offline):
            return False
        if isinstance(outcome, Busy):
            # not even sent: other questions wait for their answers
            self._pause(identity, f"{what}: busy", PAUSE_WHEN_BUSY_MS)
        else:
            self._pause(identity, f"{what}: {in_words(outcome)}", PAUSE_AFTER_SILENCE_MS)
        return True

    async def _ask(self, identity: str, request: m.Request) -> Outcome:
        return await self._charge_points.call(identity, request, _DEADLINE_S)

    def _most_at_once(self, identity: str) -> int:
        said = self.memory.read(identity).keys.get("GetConfigurationMaxKeys")
        if said is None or said.value is None or not said.value.strip().isdecimal():
            return _CHUNK
        return max(1, int(said.value))

    # --- facts

    def _as_read(self, identity: str, asked: tuple[str, ...], response: m.GetConfigurationResponse) -> Fact:
        keys = tuple(
            KeyRead(key=one.key, value=None if is_secret(one.key) else one.value, readonly=one.readonly)
            for one in response.configuration_key or ()
        )
        there = {one.key for one in keys}
        unknown = {*(response.unknown_key or ()), *asked} - there
        return ConfigurationRead(
            at=moment(self._clock), charge_point=identity, keys=keys, unknown=tuple(sorted(unknown)), whole=not asked
        )

    def _assumed(self, identity: str, key: str, value: str) -> Fact:
        """A key that a person wrote reads back as it was written, as far as we know."""
        return ConfigurationRead(
            at=moment(self._clock),
            charge_point=identity,
            keys=(KeyRead(key=key, value=value, readonly=False),),
            whole=False,
        )

    def _written(self, identity: str, key: str, value: str, outcome: str, *, by_person: bool = False) -> KeyWritten:
        return KeyWritten(
            at=moment(self._clock),
            charge_point=identity,
            key=key,
            value="" if is_secret(key) else value,
            outcome=outcome,
            firmware=self.memory.firmware(identity),
            by_person=by_person,
        )

    def _pause(self, identity: str, reason: str, pause_ms: int) -> None:
        log.warning(
            "configuration paused cp=%s reason=%r: nothing more is written for %.0f min",
            identity,
            reason,
            pause_ms / 60_000,
        )
        self._note(
            ConfigurationPaused(
                at=moment(self._clock),
                charge_point=identity,
                reason=reason,
                until_utc_ms=self._clock.utc_ms() + pause_ms,
            )
        )

    def _note(self, fact: Fact) -> None:
        self._journal.record((fact,))
        self._present.apply((fact,))


def _shown(step: plan.Write) -> str:
    return "…" if is_secret(step.key) else step.value
