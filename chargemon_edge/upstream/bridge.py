"""One upstream: its connections one after the other, and what goes over each.

Whatever happens here costs this connection at most: another upstream, the chargers and the fuses do not notice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable

import msgspec
from msgspec import UNSET

from chargemon_edge import __version__
from chargemon_edge.control.ports import Clock, Journal, moment
from chargemon_edge.control.present import Present
from chargemon_edge.control.records import HistoryUnavailableError
from chargemon_edge.control.upstream_records import EventLog, Heard, Place, UpstreamStanding
from chargemon_edge.ocpp.timestamps import format_utc
from chargemon_edge.site.upstream_facts import UpstreamHeard
from chargemon_edge.upstream import contract, site_states
from chargemon_edge.upstream.bodies import Backlog, EventHeads, Info, Limits, Position, Status, Streams, Why
from chargemon_edge.upstream.dial import DialError, dial
from chargemon_edge.upstream.event_stream import EventStream
from chargemon_edge.upstream.flow import Flow
from chargemon_edge.upstream.link_life import Abilities, Ending, LinkLife, in_words
from chargemon_edge.upstream.mqtt import INCOMING_MAX_BYTES, Incoming, Link, Outgoing, Will
from chargemon_edge.upstream.retained import Retained
from chargemon_edge.upstream.settings import UpstreamSettings
from chargemon_edge.upstream.topics import Topics

log = logging.getLogger(__name__)

# how far an upstream has heard is written down so often: flash wears out
CURSOR_S = 2.0
# heads that move are said so often
HEADS_S = 60.0
GOODBYE_MAX_S = 2.0

_encode = msgspec.json.Encoder().encode


class BridgeRooms(msgspec.Struct, frozen=True, kw_only=True):
    """What a bridge looks into."""

    present: Present
    clock: Clock
    journal: Journal
    events: EventLog
    roll: Callable[[], float]
    """A random number between 0 and 1."""
    clock_synced: Callable[[], bool]


class Bridge:
    """One upstream, running."""

    def __init__(self, settings: UpstreamSettings, rooms: BridgeRooms, heard: Heard) -> None:
        self.settings = settings
        self._rooms = rooms
        self._clock = rooms.clock
        self._topics = Topics(site=settings.site, prefix=settings.prefix, group=settings.group)
        self._life = LinkLife()
        self._rhythm = site_states.RHYTHMS[settings.pace]
        self._events = EventStream(
            rooms.events,
            rooms.clock,
            self._topics.events,
            settings.events,
            heard=heard.number,
            moved=self._moved,
            drain_per_s=settings.drain_per_s,
            hold_if_no_subscriber=settings.hold_if_no_subscriber,
        )
        self._retained = Retained(rooms.present, rooms.clock, self._topics, self._rhythm, retain=settings.retain)
        self._cursor_timer: asyncio.TimerHandle | None = None
        self._flow: Flow | None = None
        self._link: Link | None = None
        self._sessions = 0
        self._since_utc_ms: int | None = None
        self._oldest_utc_ms: int | None = None
        self._error: str | None = None
        # of connections that have ended
        self._refused: Counter[int] = Counter()
        self._unheard = 0
        self._info = b""

    # ------------------------------------------------------------ life

    async def run(self) -> None:
        """Be connected, and again, until cancelled; then say goodbye."""
        unfollow = [self._rooms.events.follow(self._events.written), self._retained.follow()]
        try:
            await asyncio.sleep(self._life.first_delay_s(self._rooms.roll()))
            while True:
                begun_s = self._clock.monotonic_s()
                ending, lasted_s = await self._connection(begun_s)
                delay_s = self._life.delay_s(ending, lasted_s, self._clock.monotonic_s(), self._rooms.roll())
                self._lost(ending, delay_s)
                await asyncio.sleep(delay_s)
        finally:
            for end in unfollow:
                end()
            self._write_cursor()

    async def _connection(self, begun_s: float) -> tuple[Ending, float]:
        """One connection from its beginning to its end; how it ended, and for how long it stood."""
        try:
            ready, password = await dial(self.settings)
        except DialError as error:
            return Ending(words=error.words, unknown_broker=error.unknown_broker), 0.0
        version = self._life.version(begun_s)
        will = Will(
            topic=self._topics.status, payload=_encode(self._status("lost", online=False)), retain=self.settings.retain
        )
        link = Link(
            ready,
            self.settings,
            password,
            will,
            version,
            received=self._received,
            acknowledged=lambda mid, code: self._flow.acknowledged(mid, code) if self._flow is not None else None,
        )
        try:
            opened = await link.open()
            if isinstance(opened, Ending):
                return opened, 0.0
            if opened.qos_max < 1:
                words = "the broker offers no delivery at least once (Maximum QoS 0): events could be lost"
                return Ending(words=words, answered=True), 0.0
            stood_s = self._clock.monotonic_s()
            await self._serve(link, opened)
            return link.ended.result(), self._clock.monotonic_s() - stood_s
        finally:
            link.close(Ending(words="closed"))

    async def _serve(self, link: Link, abilities: Abilities) -> None:
        """All that goes over one connection, until it ends."""
        self._sessions += 1
        self._link, flow = link, Flow(abilities, link.publish, self._clock)
        self._flow = flow
        try:
            async with asyncio.TaskGroup() as tasks:
                work = [tasks.create_task(one) for one in (self._greet(link, flow), self._watch(link, flow))]
                await asyncio.wait((link.ended,))
                for task in work:
                    task.cancel()
        except asyncio.CancelledError:
            await self._goodbye(link, flow)
            raise
        except Exception:
            log.exception("uplink failed upstream=%s", self.settings.name)
            link.close(Ending(words="a mistake of our own; the log has the details", answered=True))
        finally:
            flow.close()
            self._refused.update(flow.refused)
            self._unheard += flow.unheard
            self._flow = self._link = None

    async def _greet(self, link: Link, flow: Flow) -> None:
        """In this order: hear, say that we are here, who we are, what is so; then what has happened."""
        refused = [code for code in await link.subscribe(self._topics.filters) if code >= 0x80]
        self._error = None
        if refused:
            self._error = f"may not subscribe to {' and '.join(self._topics.filters)}: {in_words(refused[0])}"
        await self._say(flow, self._topics.status, _encode(self._status("connected", online=True)))
        self._since_utc_ms = self._clock.utc_ms()
        log.info(
            "uplink connected upstream=%s broker=%s:%d mqtt=%s session=%s window=%d",
            self.settings.name,
            self.settings.host,
            self.settings.port,
            "5" if flow.abilities.version == 5 else "3.1.1",
            "kept" if flow.abilities.session_present else "new",
            min(20, flow.abilities.receive_max),
        )
        if self._error is not None:
            log.warning("uplink upstream=%s %s", self.settings.name, self._error)
        await self._say(flow, self._topics.info, self.birth())
        async with asyncio.TaskGroup() as tasks:
            start_after_s = self._rooms.roll() * self.settings.drain_spread_s
            tasks.create_task(self._events.run(flow, start_after_s=start_after_s))
            tasks.create_task(self._heads(flow))
            if self.settings.state:
                tasks.create_task(self._retained.run(flow))

    async def _watch(self, link: Link, flow: Flow) -> None:
        """A broker that acknowledges nothing is as good as none."""
        while True:
            await asyncio.sleep(1.0)
            if flow.overdue():
                link.close(Ending(words="the broker does not acknowledge what it is sent", answered=True))

    async def _goodbye(self, link: Link, flow: Flow) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_MAX_S):
                await self._say(flow, self._topics.status, _encode(self._status("stopping", online=False)))
        link.disconnect()

    def _lost(self, ending: Ending, delay_s: float) -> None:
        """One line when the state changes; what is said at each try stays in the standing."""
        was_connected = ending.answered and self._since_utc_ms is not None
        if was_connected or ending.words != self._error:
            log.warning(
                "uplink not connected upstream=%s why=%r next_try_s=%.0f", self.settings.name, ending.words, delay_s
            )
        self._error = ending.words
        if was_connected:
            self._since_utc_ms = self._clock.utc_ms()

    # ------------------------------------------------------------ what goes out

    async def _say(self, flow: Flow, topic: str, payload: bytes) -> int:
        retain = self.settings.retain and flow.abilities.retain
        return await flow.deliver(Outgoing(topic=topic, payload=payload, retain=retain))

    async def _heads(self, flow: Flow) -> None:
        """Say again that we are here: when heads have moved, and from time to time."""
        said_s = self._clock.monotonic_s()
        said = self._events.head, self._events.done
        while True:
            await asyncio.sleep(HEADS_S)
            await self._look_back()
            heads = self._events.head, self._events.done
            now_s = self._clock.monotonic_s()
            if heads != said or now_s - said_s >= self._rhythm.status_refresh_s:
                await self._say(flow, self._topics.status, _encode(self._status("refresh", online=True)))
                said_s, said = now_s, heads

    async def _look_back(self) -> None:
        """When the oldest event that waits has happened."""
        self._oldest_utc_ms = None
        if self._events.head > self._events.done:
            with contextlib.suppress(HistoryUnavailableError):
                self._oldest_utc_ms = await self._rooms.events.time_of(self._events.done + 1)

    def _status(self, why: Why, *, online: bool) -> Status:
        epochs, events = self._rooms.events.epochs, self._events
        now = moment(self._clock)
        oldest_ts = UNSET if self._oldest_utc_ms is None else format_utc(self._oldest_utc_ms)
        return Status(
            online=online,
            why=why,
            ts=format_utc(now.utc_ms),
            sess=self._sessions + (1 if why == "lost" else 0),
            ep=epochs.newest,
            ver=__version__,
            clk="synced" if self._rooms.clock_synced() else "unsynced",
            up=max(0, int(now.mono_s - self._rooms.present.picture.started.mono_s)),
            streams=Streams(
                ev=EventHeads(head=_position(epochs.place(events.head)), sent=_position(epochs.place(events.done)))
            ),
            outbox=Backlog(ev=max(0, events.head - events.done), oldest_ts=oldest_ts),
        )

    def birth(self) -> bytes:
        """What the site is."""
        site, settings = self._rooms.present.site, self.settings
        return _encode(
            Info(
                ts=format_utc(self._clock.utc_ms()),
                site=settings.site,
                name=site.name,
                ver=__version__,
                schema=contract.digest(),
                circuits=site_states.circuits(site),
                cps=site_states.charge_points(site),
                ops=(),
                desired=(),
                limits=Limits(payload=INCOMING_MAX_BYTES, rate=10.0, burst=50),
                takes_limit=settings.limit,
            )
        )

    # ------------------------------------------------------------ what comes in

    def _received(self, message: Incoming) -> None:
        if self._link is not None:
            self._link.acknowledge(message)

    # ------------------------------------------------------------ how far it has heard

    def _moved(self) -> None:
        if self._cursor_timer is None:
            self._cursor_timer = asyncio.get_running_loop().call_later(CURSOR_S, self._write_cursor)

    def _write_cursor(self) -> None:
        if self._cursor_timer is None:
            return
        self._cursor_timer.cancel()
        self._cursor_timer = None
        at = moment(self._clock)
        heard = UpstreamHeard(at=at, upstream=self.settings.name, number=self._events.heard, minute=0)
        self._rooms.journal.record((heard,))

    @property
    def heard(self) -> Heard:
        """How far."""
        return Heard(self._events.heard, 0)

    def note_head(self, head: int) -> None:
        """The newest event there is, for as long as nobody is sent any."""
        self._events.head = max(self._events.head, head)

    def standing(self) -> UpstreamStanding:
        """How it stands now."""
        epochs, events, flow = self._rooms.events.epochs, self._events, self._flow
        refused = self._refused + (Counter() if flow is None else flow.refused)
        connected = flow is not None and self._since_utc_ms is not None
        error = self._error
        if connected and events.held is not None:
            error = f"events are held: {in_words(events.held)}"
        return UpstreamStanding(
            name=self.settings.name,
            broker=f"{self.settings.host}:{self.settings.port}",
            connected=connected,
            since_utc_ms=self._since_utc_ms,
            mqtt=None if flow is None else ("5" if flow.abilities.version == 5 else "3.1.1"),
            head=epochs.place(events.head),
            acknowledged=epochs.place(events.done),
            backlog=max(0, events.head - events.done),
            oldest_utc_ms=self._oldest_utc_ms,
            connections=self._sessions,
            refused={in_words(code): count for code, count in sorted(refused.items())},
            without_subscriber=self._unheard + (0 if flow is None else flow.unheard),
            error=error,
            rival=self._life.rival,
        )


def _position(place: Place) -> Position:
    return Position(ep=place.ep, s=place.s)
