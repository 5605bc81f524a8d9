"""What comes from upstream, sorted: commands, limits, questions for a replay. Never trusted, always acknowledged in the
end, since what cannot be understood would come again for ever."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine

from msgspec import UNSET, UnsetType

from chargemon_edge.control.ports import Clock
from chargemon_edge.control.site_limits import LimitWish as SiteLimitWish
from chargemon_edge.control.site_limits import SiteLimits
from chargemon_edge.ocpp import timestamps
from chargemon_edge.site.site_limit import Source
from chargemon_edge.site.units import PerPhase, milliamperes_from_amperes
from chargemon_edge.upstream.bodies import Result, ResultState, known
from chargemon_edge.upstream.command_path import CommandPath
from chargemon_edge.upstream.desired_states import DesiredStates
from chargemon_edge.upstream.mqtt import Incoming
from chargemon_edge.upstream.replay import Replays
from chargemon_edge.upstream.requests import LimitWish, ReplayWish, read
from chargemon_edge.upstream.stored import StoredEvents
from chargemon_edge.upstream.topics import Place, Topics

log = logging.getLogger(__name__)

_WHY = {
    "not_allowed": "this upstream may not limit the site",
    "old_number": "n is not above the last one",
    "expired": "until has passed",
    "empty": "neither a nor p is given",
}


class Inbox:
    """One upstream's messages to us."""

    def __init__(
        self,
        upstream: str,
        topics: Topics,
        *,
        commands: CommandPath,
        limits: SiteLimits,
        replays: Replays,
        desired: DesiredStates,
        stored: StoredEvents,
        stored_more: Callable[[], None],
        clock: Clock,
        say: Callable[[Result], None],
    ) -> None:
        self._upstream = upstream
        self._topics = topics
        self._commands = commands
        self._limits = limits
        self._replays = replays
        self._desired = desired
        self._stored = stored
        self._stored_more = stored_more
        self._clock = clock
        self._say = say
        self._tasks: asyncio.TaskGroup | None = None

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Work within *tasks*."""
        self._tasks = tasks

    def received(self, message: Incoming, acknowledge: Callable[[], None]) -> None:
        """One message; *acknowledge* lets the broker forget it."""
        place = self._topics.place(message.topic)
        if place.kind == "cmd":
            self._commands.received(
                message.payload, retained=message.retain, acknowledge=acknowledge, to=message.reply_to
            )
            return
        if place.kind in ("limit", "group limit"):
            kind: Source = "group" if place.kind == "group limit" else "upstream"
            source = f"group {place.name}" if kind == "group" else f"upstream {self._upstream}"
            self._begin(self._limit(message, source, kind, acknowledge), place)
            return
        acknowledge()
        if place.kind == "desired":
            self._begin(self._desired.received(place.name, message.payload), place)
        elif place.kind == "ack":
            self._begin(self._acknowledged(message.payload), place)
        elif place.kind == "replay" and not message.retain:
            self._replay(message.payload)
        elif place.kind == "unknown" and message.payload:
            log.info("message on a strange topic upstream=%s topic=%r", self._upstream, message.topic[:100])

    def _begin(self, work: Coroutine[None, None, None], place: Place) -> None:
        assert self._tasks is not None
        self._tasks.create_task(self._guarded(work, place), name=f"{place.kind} from upstream")

    async def _guarded(self, work: Coroutine[None, None, None], place: Place) -> None:
        try:
            await work
        except Exception:
            # the edge: a mistake of ours costs one message
            log.exception("message failed upstream=%s kind=%s name=%s", self._upstream, place.kind, place.name)

    def _replay(self, payload: bytes) -> None:
        wish = read(payload, ReplayWish)
        if isinstance(wish, str):
            self._answer("unknown", "rejected", "malformed", wish)
            return
        if not self._replays.ask(wish):
            self._answer(wish.id, "rejected", "busy", "other replays are under way; ask again later")

    async def _acknowledged(self, payload: bytes) -> None:
        before = self._stored.number
        wrong = await self._stored.told(payload)
        if wrong is not None:
            self._answer("ack", "rejected", "malformed", wrong)
        elif self._stored.number != before:
            self._stored_more()

    async def _limit(self, message: Incoming, source: str, kind: Source, acknowledge: Callable[[], None]) -> None:
        if not message.payload:
            # a retained one was removed: what it has said holds until its end
            acknowledge()
            return
        wish = _limit_wish(message.payload, source, kind)
        if isinstance(wish, str):
            acknowledge()
            self._answer("limit", "rejected", "malformed", wish)
            return
        why = await self._limits.take(wish)
        acknowledge()
        if why is None:
            self._answer(f"limit-{wish.n}", "done", None, None)
        elif not (message.retain and why in ("old_number", "expired")):
            # a retained one comes again at every connection
            self._answer(f"limit-{wish.n}", "rejected", why, _WHY[why])

    def _answer(self, about: str, state: ResultState, code: str | None, words: str | None) -> None:
        ts = timestamps.format_utc(self._clock.utc_ms())
        self._say(Result(id=about, state=state, ts=ts, code=known(code), msg=known(words)))


def _limit_wish(payload: bytes, source: str, kind: Source) -> SiteLimitWish | str:
    """The limit that is wished for, or what is wrong with it."""
    wish = read(payload, LimitWish)
    if isinstance(wish, str):
        return wish
    until_utc_ms = timestamps.parse(wish.until)
    if until_utc_ms is None:
        return "until is no time"
    current_ma = None
    if not isinstance(wish.a, UnsetType):
        if len(wish.a) != 3:
            return "a needs a current for each of L1, L2, L3"
        current_ma = PerPhase(*(milliamperes_from_amperes(one) for one in wish.a))
    return SiteLimitWish(
        source=source,
        kind=kind,
        n=wish.n,
        until_utc_ms=until_utc_ms,
        current_ma=current_ma,
        power_w=None if isinstance(wish.p, UnsetType) else wish.p,
        by=None if wish.by is UNSET else str(wish.by),
    )
