"""The way of a command: judged, on disk, acknowledged, carried out once, answered; across restarts.

The order is what makes it happen at most once: the record is durable before the broker hears that we have it, and that
it begins is durable before anything is sent. Whoever asks again, with the same id and words, hears the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence

import msgspec
from msgspec import UNSET

from chargemon_edge.control.durable import make_durable
from chargemon_edge.control.ports import Clock, Journal, moment
from chargemon_edge.control.present import Present
from chargemon_edge.control.records import HistoryUnavailableError
from chargemon_edge.control.upstream_records import CommandLog, CommandRecord
from chargemon_edge.ocpp.timestamps import format_utc
from chargemon_edge.site.facts import Fact
from chargemon_edge.site.upstream_facts import CommandBegun, CommandEnded, CommandTaken
from chargemon_edge.upstream import command_rules as rules
from chargemon_edge.upstream.bodies import Result, ResultState, known
from chargemon_edge.upstream.command_rules import Asked, Refusal
from chargemon_edge.upstream.mqtt import ReplyTo
from chargemon_edge.upstream.operations import Operations, Verdict
from chargemon_edge.upstream.pacer import Allowance

log = logging.getLogger(__name__)

# so many may be under way; the broker keeps the others
UNDER_WAY_MAX = 200

_OWN = ("birth", "ping")
Say = Callable[[Result, ReplyTo | None], None]
"""Tells where a command stands, and where else that is asked for."""
Own = Callable[[str], Verdict]
"""Carries out one of our own operations, by its name."""


class CommandPath:
    """One upstream's commands."""

    def __init__(
        self,
        upstream: str,
        commands: Sequence[str],
        *,
        operations: Operations,
        own: Own,
        present: Present,
        journal: Journal,
        records: CommandLog,
        clock: Clock,
        clock_synced: Callable[[], bool],
        say: Say,
    ) -> None:
        self._upstream = upstream
        self._allowed = tuple(commands)
        self._operations = operations
        self._own = own
        self._present = present
        self._journal = journal
        self._records = records
        self._clock = clock
        self._clock_synced = clock_synced
        self._say = say
        self._tasks: asyncio.TaskGroup | None = None
        # of those under way: what was asked, and how far it is
        self._under_way: dict[str, tuple[bytes, ResultState]] = {}
        # of retained ones, which come again at every connection: said once
        self._retained: set[bytes] = set()
        self._allowance = Allowance(clock, rules.RATE_PER_S, rules.BURST)

    def start(self, tasks: asyncio.TaskGroup, unfinished: Sequence[CommandRecord]) -> None:
        """Work within *tasks*; go on with what a restart has left."""
        self._tasks = tasks
        self._under_way.clear()
        for record in unfinished:
            if record.upstream == self._upstream:
                self._under_way[record.id] = (record.digest, "accepted")
                tasks.create_task(self._guarded(self._resume(record)), name=f"command {record.id}")

    def received(
        self, payload: bytes, *, retained: bool, acknowledge: Callable[[], None], to: ReplyTo | None = None
    ) -> None:
        """A message on ``in/cmd``. *acknowledge* is called once it need not come again; *to* is where it wants to be
        answered, for as long as this run lasts."""
        assert self._tasks is not None
        if len(self._under_way) >= UNDER_WAY_MAX:
            # not acknowledged: it comes again
            return
        taking = self._take(payload, retained=retained, acknowledge=acknowledge, to=to)
        self._tasks.create_task(self._guarded(taking), name="command")

    async def _guarded(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception:
            # the edge: a mistake of ours costs one command; a restart says what is known of it
            log.exception("command failed upstream=%s", self._upstream)

    # ------------------------------------------------------------ judged

    async def _take(
        self, payload: bytes, *, retained: bool, acknowledge: Callable[[], None], to: ReplyTo | None
    ) -> None:
        began = moment(self._clock)
        found = rules.read(
            payload,
            retained=retained,
            commands=self._allowed,
            received_utc_ms=began.utc_ms,
            clock_synced=self._clock_synced(),
        )
        if isinstance(found, Refusal):
            acknowledge()
            if not (retained and self._was_said(payload)):
                self._refuse(found, to)
            return
        command = found.command
        before = await self._before(command.id, found.digest)
        if before is not None:
            acknowledge()
            self._say(before, to)
            return
        if self._allowance.take():
            acknowledge()
            self._say(self._result(command.id, "rejected", code="rate", message="more commands than may come"), to)
            return
        self._under_way[command.id] = (found.digest, "accepted")
        taken = CommandTaken(
            at=moment(self._clock),
            upstream=self._upstream,
            id=command.id,
            op=command.op,
            digest=found.digest,
            body=found.body,
            by=found.by,
        )
        if not await self._durable(taken):
            # not acknowledged: it comes again when the disk may be well
            del self._under_way[command.id]
            return
        acknowledge()
        self._say(self._result(command.id, "accepted"), to)
        await self._carry_out(found, began.mono_s, to)

    def _was_said(self, payload: bytes) -> bool:
        if payload in self._retained:
            return True
        if len(self._retained) < UNDER_WAY_MAX:
            self._retained.add(payload)
        return False

    async def _before(self, command_id: str, digest: bytes) -> Result | None:
        """What is to be said of a command that came before; None: it did not."""
        running = self._running(command_id, digest)
        if running is not None:
            return running
        try:
            record = await self._records.command(self._upstream, command_id)
        except HistoryUnavailableError:
            return self._result(command_id, "failed", code="not_stored", message="the disk cannot be read; ask again")
        if record is None:
            # another of the same id may have come while the disk was asked
            return self._running(command_id, digest)
        if record.digest != digest:
            return self._conflict(command_id)
        return self._result(
            command_id,
            msgspec.convert(record.state, ResultState),
            code=record.code,
            message=record.message,
            data=None if record.data is None else record.data.encode(),
        )

    def _running(self, command_id: str, digest: bytes) -> Result | None:
        running = self._under_way.get(command_id)
        if running is None:
            return None
        return self._result(command_id, running[1]) if running[0] == digest else self._conflict(command_id)

    def _conflict(self, command_id: str) -> Result:
        return self._result(
            command_id, "rejected", code="id_conflict", message="this id was used for another command; take a new one"
        )

    def _refuse(self, refusal: Refusal, to: ReplyTo | None) -> None:
        log.warning(
            "command refused upstream=%s id=%s op=%r code=%s", self._upstream, refusal.id, refusal.op, refusal.code
        )
        ended = CommandEnded(
            at=moment(self._clock),
            upstream=self._upstream,
            id=refusal.id,
            op=refusal.op,
            state=refusal.state,
            code=refusal.code,
            message=refusal.message,
            by=refusal.by,
        )
        self._journal.record((ended,))
        self._present.apply((ended,))
        self._say(self._result(refusal.id, refusal.state, code=refusal.code, message=refusal.message), to)

    # ------------------------------------------------------------ carried out

    async def _carry_out(self, asked: Asked, began_s: float, to: ReplyTo | None = None) -> None:
        command = asked.command
        if command.op in _OWN:
            verdict = self._own(command.op)
        else:
            by = f"upstream {self._upstream}" + (f" ({asked.by})" if asked.by else "")

            async def begin() -> bool:
                begun = CommandBegun(at=moment(self._clock), upstream=self._upstream, id=command.id)
                if not await self._durable(begun):
                    return False
                self._under_way[command.id] = (asked.digest, "running")
                self._say(self._result(command.id, "running"), to)
                return True

            verdict = await self._operations.run(asked, by, begin, lambda: self._clock.utc_ms() >= asked.expires_utc_ms)
        await self._end(command.id, command.op, verdict, asked.by, began_s, to)

    async def _resume(self, record: CommandRecord) -> None:
        """Go on with what was under way when we were stopped."""
        began_s = self._clock.monotonic_s()
        asked = None if record.body is None else rules.again(record.body, record.taken_utc_ms)
        if asked is None:
            verdict = Verdict(state="unknown", code="interrupted", message="this release cannot go on with it")
        elif record.state == "accepted" or asked.operation.after_crash == "repeat":
            await self._carry_out(asked, began_s)
            return
        else:
            verdict = self._operations.proven(asked, record.taken_utc_ms)
        await self._end(record.id, record.op, verdict, record.by, began_s)

    async def _end(
        self,
        command_id: str,
        op: str,
        verdict: Verdict,
        by: str | None,
        began_s: float,
        to: ReplyTo | None = None,
    ) -> None:
        data = None if verdict.data is None else verdict.data.decode()
        ended = CommandEnded(
            at=moment(self._clock),
            upstream=self._upstream,
            id=command_id,
            op=op,
            state=verdict.state,
            code=verdict.code,
            message=verdict.message,
            data=data,
            by=by,
        )
        took_ms = round((self._clock.monotonic_s() - began_s) * 1000)
        log.info(
            "command ended upstream=%s id=%s op=%s state=%s code=%s",
            self._upstream,
            command_id,
            op,
            verdict.state,
            verdict.code,
        )
        await self._durable(ended)
        self._under_way.pop(command_id, None)
        self._say(
            self._result(
                command_id, verdict.state, code=verdict.code, message=verdict.message, data=verdict.data, ms=took_ms
            ),
            to,
        )

    async def _durable(self, fact: Fact) -> bool:
        """Whether *fact* is on disk now."""
        error = await make_durable(self._journal, self._present, (fact,))
        if error is not None:
            log.error("command not recorded upstream=%s why=%r", self._upstream, str(error))
        return error is None

    def _result(
        self,
        command_id: str,
        state: ResultState,
        *,
        code: str | None = None,
        message: str | None = None,
        data: bytes | None = None,
        ms: int | None = None,
    ) -> Result:
        return Result(
            id=command_id,
            state=state,
            ts=format_utc(self._clock.utc_ms()),
            code=known(code),
            msg=known(message),
            data=UNSET if data is None else msgspec.Raw(data),
            ms=known(ms),
        )
