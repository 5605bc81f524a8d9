"""One upstream: its connections one after the other, and what goes over each.

Whatever happens here costs this connection at most: another upstream, the chargers and the fuses do not notice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from chargemon_edge.control.charging_profiles import ChargingProfiles
from chargemon_edge.control.commands import Commands
from chargemon_edge.control.connector_caps import ConnectorCaps
from chargemon_edge.control.desired import Desired
from chargemon_edge.control.ports import Clock, Journal, moment
from chargemon_edge.control.present import Present
from chargemon_edge.control.records import HistoryUnavailableError
from chargemon_edge.control.site_limits import SiteLimits
from chargemon_edge.control.upstream_records import (
    CommandLog,
    CommandRecord,
    DesiredRecord,
    EventLog,
    Heard,
    MeasuredLog,
    UpstreamStanding,
)
from chargemon_edge.site.upstream_facts import UpstreamHeard
from chargemon_edge.upstream import greeting, site_states
from chargemon_edge.upstream.answers import Answers
from chargemon_edge.upstream.bodies import Why
from chargemon_edge.upstream.command_path import CommandPath
from chargemon_edge.upstream.desired_states import DesiredStates
from chargemon_edge.upstream.dial import DialError, dial
from chargemon_edge.upstream.event_stream import EventStream
from chargemon_edge.upstream.flow import Flow
from chargemon_edge.upstream.home_assistant import HomeAssistant
from chargemon_edge.upstream.inbox import Inbox
from chargemon_edge.upstream.link_life import Abilities, Ending, LinkLife, in_words, window
from chargemon_edge.upstream.log_lines import LogLines
from chargemon_edge.upstream.mqtt import Incoming, Link, Outgoing, Will
from chargemon_edge.upstream.operations import Operations, Verdict
from chargemon_edge.upstream.replay import Replays
from chargemon_edge.upstream.retained import Retained
from chargemon_edge.upstream.settings import UpstreamSettings
from chargemon_edge.upstream.stored import StoredEvents
from chargemon_edge.upstream.telemetry import TelemetrySource, TelemetryStream
from chargemon_edge.upstream.topics import Topics

log = logging.getLogger(__name__)

# how far an upstream has heard is written down so often: flash wears out
CURSOR_S = 2.0
# heads that move are said so often
HEADS_S = 60.0
GOODBYE_MAX_S = 2.0


class BridgeRooms(msgspec.Struct, frozen=True, kw_only=True):
    """What a bridge looks into."""

    present: Present
    clock: Clock
    journal: Journal
    events: EventLog
    measured: MeasuredLog
    command_log: CommandLog
    commands: Commands
    profiles: ChargingProfiles
    limits: SiteLimits
    caps: ConnectorCaps
    desired: Desired
    restored_desired: Sequence[DesiredRecord]
    roll: Callable[[], float]
    """A random number between 0 and 1."""
    clock_synced: Callable[[], bool]
    telemetry_lag_s: float
    """So long after a minute its values are on disk."""


class Bridge:
    """One upstream, running."""

    def __init__(self, settings: UpstreamSettings, rooms: BridgeRooms, heard: Heard, stored: int = 0) -> None:
        """*heard*: how far the broker has acknowledged; *stored*: up to where events are stored behind it."""
        self.settings = settings
        self._rooms = rooms
        self._clock = rooms.clock
        self._topics = Topics(site=settings.site, prefix=settings.prefix, group=settings.group)
        self._life = LinkLife()
        rhythm = self._rhythm = site_states.RHYTHMS[settings.pace]
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
        source = TelemetrySource(rooms.measured, lambda: rooms.present.site)
        self._telemetry = TelemetryStream(
            source,
            rooms.clock,
            self._topics,
            heard=heard.minute,
            step_s=rhythm.telemetry_s,
            lag_s=rooms.telemetry_lag_s,
            moved=self._moved,
        )
        self._retained = Retained(rooms.present, rooms.clock, self._topics, rhythm, retain=settings.retain)
        self._replays = Replays(rooms.events, source, rooms.clock, self._topics, settings.events)
        self._answers = Answers(self._topics, retain=settings.retain, below=settings.answers_below)
        self._stored = StoredEvents(
            settings.name, rooms.events, rooms.clock, number=stored, wanted=settings.retain_until_ack
        )
        self._inbox = self._made_inbox()
        self._home: HomeAssistant | None = None
        if settings.home_assistant is not None:
            self._home = HomeAssistant(lambda: rooms.present.site, settings, rooms.roll)
        self._log_lines = LogLines(rooms.clock, self._tags) if settings.log else None
        self._birth_wanted = asyncio.Event()
        self._cursor_timer: asyncio.TimerHandle | None = None
        self._flow: Flow | None = None
        self._link: Link | None = None
        self._sessions = 0
        self._since_utc_ms: int | None = None
        self._oldest_utc_ms: int | None = None
        self._first: int | None = None
        self._error: str | None = None
        self._poisoned = False
        self._last_refusal: tuple[str, int] | None = None
        # of connections that have ended
        self._refused: Counter[int] = Counter()
        self._unheard = 0

    def _made_inbox(self) -> Inbox:
        """What takes messages from upstream."""
        rooms, settings = self._rooms, self.settings
        self._commands = CommandPath(
            settings.name,
            settings.commands,
            operations=Operations(rooms.present, rooms.commands, rooms.profiles, rooms.caps),
            own=self._own,
            present=rooms.present,
            journal=rooms.journal,
            records=rooms.command_log,
            clock=rooms.clock,
            clock_synced=rooms.clock_synced,
            say=self._answers.result,
        )
        self._desired = DesiredStates(
            settings.name,
            settings.desired,
            desired=rooms.desired,
            present=rooms.present,
            journal=rooms.journal,
            clock=rooms.clock,
            say=self._answers.reported,
            restored=rooms.restored_desired,
        )
        return Inbox(
            settings.name,
            self._topics,
            commands=self._commands,
            limits=rooms.limits,
            replays=self._replays,
            desired=self._desired,
            stored=self._stored,
            stored_more=self._moved,
            clock=rooms.clock,
            say=self._answers.result,
        )

    # ------------------------------------------------------------ life

    async def run(self, unfinished: Sequence[CommandRecord] = ()) -> None:
        """Be connected, and again, until cancelled; then say goodbye. Goes on with *unfinished* commands."""
        unfollow = [self._rooms.events.follow(self._events.written), self._retained.follow()]
        if self._log_lines is not None:
            unfollow.append(self._log_lines.follow())
        try:
            async with asyncio.TaskGroup() as tasks:
                self._inbox.start(tasks)
                self._commands.start(tasks, unfinished)
                tasks.create_task(self._desired.run())
                await self._connections()
        finally:
            for end in unfollow:
                end()
            self._write_cursor()

    async def _connections(self) -> None:
        await asyncio.sleep(self._life.first_delay_s(self._rooms.roll()))
        while True:
            begun_s = self._clock.monotonic_s()
            ending, lasted_s = await self._connection(begun_s)
            self._poisoned = ending.poisoned
            delay_s = self._life.delay_s(ending, lasted_s, self._clock.monotonic_s(), self._rooms.roll())
            self._lost(ending, delay_s)
            await asyncio.sleep(delay_s)

    async def _connection(self, begun_s: float) -> tuple[Ending, float]:
        """One connection from its beginning to its end; how it ended, and for how long it stood."""
        try:
            ready, password = await dial(self.settings)
        except DialError as error:
            return Ending(words=error.words, unknown_broker=error.unknown_broker), 0.0
        link = Link(
            ready,
            self.settings,
            password,
            Will(topic=self._topics.status, payload=self._status("lost"), retain=self.settings.retain),
            self._life.version(begun_s),
            clean=self._poisoned,
            received=self._received,
            acknowledged=self._acknowledged,
        )
        # what the broker has kept comes right behind its CONNACK
        self._link = link
        try:
            opened = await link.open()
            if isinstance(opened, Ending):
                return opened, 0.0
            if opened.qos_max < 1:
                words = "the broker offers no delivery at least once (Maximum QoS 0): events could be lost"
                return Ending(words=words, answered=True), 0.0
            stood_s = self._clock.monotonic_s()
            await self._serve(link, opened)
            return self._explained(link.ended.result()), self._clock.monotonic_s() - stood_s
        finally:
            self._link = None
            link.close(Ending(words="closed"))

    async def _serve(self, link: Link, abilities: Abilities) -> None:
        """All that goes over one connection, until it ends."""
        self._sessions += 1
        flow = Flow(abilities, link.publish, self._clock)
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
            # the edge: a mistake of ours costs this connection
            log.exception("uplink failed upstream=%s", self.settings.name)
            link.close(Ending(words="a mistake of our own; the log has the details", answered=True))
        finally:
            flow.close()
            self._last_refusal = flow.last_refusal
            self._refused.update(flow.refused)
            self._unheard += flow.unheard
            self._flow = None

    def _explained(self, ending: Ending) -> Ending:
        """Some brokers hang up on whoever publishes where it may not."""
        if ending.code is not None or self._last_refusal is None:
            return ending
        topic, code = self._last_refusal
        return msgspec.structs.replace(ending, words=f"{ending.words} after it refused {topic}: {in_words(code)}")

    async def _greet(self, link: Link, flow: Flow) -> None:
        """In this order: hear, say that we are here, who we are, what is so; then what has happened."""
        refused = [code for code in await link.subscribe(self._filters) if code >= 0x80]
        await self._say(flow, self._topics.status, self._status("connected"))
        self._since_utc_ms = self._clock.utc_ms()
        self._error = None
        log.info(
            "uplink connected upstream=%s broker=%s:%d mqtt=%s session=%s window=%d",
            self.settings.name,
            self.settings.host,
            self.settings.port,
            _mqtt(flow.abilities),
            "kept" if flow.abilities.session_present else "new",
            window(flow.abilities),
        )
        if refused:
            self._error = f"may not subscribe to {' and '.join(self._filters)}: {in_words(refused[0])}"
            log.warning("uplink hears nothing upstream=%s why=%r", self.settings.name, self._error)
        settings = self.settings
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._births(flow))
            tasks.create_task(self._events.run(flow, start_after_s=self._rooms.roll() * settings.drain_spread_s))
            tasks.create_task(self._heads(flow))
            tasks.create_task(self._replays.run(flow))
            tasks.create_task(self._answers.run(flow))
            if self._home is not None:
                tasks.create_task(self._home.run(flow))
            if self._log_lines is not None:
                tasks.create_task(self._log_lines.run(flow, self._topics.log, partial(link.publish, qos=0)))
            if settings.state:
                tasks.create_task(self._retained.run(flow))
            if settings.telemetry:
                tasks.create_task(self._telemetry.run(flow, self._rooms.roll()))

    @property
    def _filters(self) -> tuple[str, ...]:
        return (*self._topics.filters, *(() if self._home is None else self._home.filters))

    async def _watch(self, link: Link, flow: Flow) -> None:
        """A broker that acknowledges nothing is as good as none."""
        while True:
            await asyncio.sleep(1.0)
            if flow.overdue():
                link.close(Ending(words="the broker does not acknowledge what it is sent", answered=True))

    async def _goodbye(self, link: Link, flow: Flow) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_MAX_S):
                await self._say(flow, self._topics.status, self._status("stopping"))
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
        return await flow.deliver(Outgoing(topic=topic, payload=payload, retain=self.settings.retain))

    async def _births(self, flow: Flow) -> None:
        """Who we are; again, and all that is so, when somebody asks."""
        while True:
            self._birth_wanted.clear()
            info = greeting.info(self._rooms.present.site, self.settings, self._clock.utc_ms())
            await self._say(flow, self._topics.info, info)
            self._retained.again()
            await self._birth_wanted.wait()

    async def _heads(self, flow: Flow) -> None:
        """Say again that we are here: when heads have moved, and from time to time."""
        said_s, said = self._clock.monotonic_s(), (self._events.head, self._events.done)
        while True:
            await asyncio.sleep(HEADS_S)
            await self._look_back()
            heads = self._events.head, self._events.done
            now_s = self._clock.monotonic_s()
            if heads != said or now_s - said_s >= self._rhythm.status_refresh_s:
                await self._say(flow, self._topics.status, self._status("refresh"))
                said_s, said = now_s, heads

    async def _look_back(self) -> None:
        """What the oldest event is that waits, and the oldest that is kept."""
        self._oldest_utc_ms = None
        with contextlib.suppress(HistoryUnavailableError):
            self._first = (await self._rooms.events.bounds()).first
            if self._events.head > self._events.done:
                self._oldest_utc_ms = await self._rooms.events.time_of(self._events.done + 1)

    def _status(self, why: Why) -> bytes:
        return greeting.status(
            why,
            session=self._sessions + (1 if why == "lost" else 0),
            heads=greeting.Heads(
                first=self._first,
                head=self._events.head,
                done=self._events.done,
                oldest_utc_ms=self._oldest_utc_ms,
                minute=self._telemetry.heard if self.settings.telemetry else None,
            ),
            epochs=self._rooms.events.epochs,
            now=moment(self._clock),
            started=self._rooms.present.picture.started,
            clock_synced=self._rooms.clock_synced(),
        )

    # ------------------------------------------------------------ what comes in

    def _received(self, message: Incoming) -> None:
        link, home = self._link, self._home
        if home is not None and home.concerns(message.topic):
            home.received(message)
            if link is not None:
                link.acknowledge(message)
            return
        self._inbox.received(message, lambda: None if link is None else link.acknowledge(message))

    def _tags(self) -> set[str]:
        """Of the cards that charge now."""
        connectors = (
            one
            for charge_point in self._rooms.present.picture.charge_points.values()
            for one in charge_point.connectors.values()
        )
        return {one.transaction.id_tag for one in connectors if one.transaction is not None}

    def _acknowledged(self, mid: int, code: int) -> None:
        if self._flow is not None:
            self._flow.acknowledged(mid, code)

    def _own(self, op: str) -> Verdict:
        """Operations of our own."""
        if op == "birth":
            self._birth_wanted.set()
        return Verdict(state="done")

    # ------------------------------------------------------------ how far it has heard

    @property
    def heard(self) -> Heard:
        """How far."""
        return Heard(self._events.heard, self._telemetry.heard)

    @property
    def stored(self) -> int:
        """Up to where it says that it has stored the events."""
        return self._stored.number

    def note_head(self, head: int) -> None:
        """The newest event there is, for as long as nobody is sent any."""
        self._events.head = max(self._events.head, head)

    def _moved(self) -> None:
        if self._cursor_timer is None:
            self._cursor_timer = asyncio.get_running_loop().call_later(CURSOR_S, self._write_cursor)

    def _write_cursor(self) -> None:
        if self._cursor_timer is None:
            return
        self._cursor_timer.cancel()
        self._cursor_timer = None
        number, minute = self.heard
        heard = UpstreamHeard(at=moment(self._clock), upstream=self.settings.name, number=number, minute=minute)
        self._rooms.journal.record((heard, *self._stored.to_write()))

    def standing(self) -> UpstreamStanding:
        """How it stands now."""
        epochs, events, flow = self._rooms.events.epochs, self._events, self._flow
        refused = self._refused + (Counter() if flow is None else flow.refused)
        error = self._error
        if flow is not None and events.held is not None:
            error = f"events are held: {in_words(events.held)}"
        return UpstreamStanding(
            name=self.settings.name,
            broker=f"{self.settings.host}:{self.settings.port}",
            connected=flow is not None and self._since_utc_ms is not None,
            since_utc_ms=self._since_utc_ms,
            mqtt=None if flow is None else _mqtt(flow.abilities),
            head=epochs.place(events.head),
            acknowledged=epochs.place(events.done),
            backlog=events.backlog,
            oldest_utc_ms=self._oldest_utc_ms,
            connections=self._sessions,
            refused={in_words(code): count for code, count in sorted(refused.items())},
            without_subscriber=self._unheard + (0 if flow is None else flow.unheard),
            error=error,
            rival=self._life.rival,
        )


def _mqtt(abilities: Abilities) -> str:
    return "5" if abilities.version == 5 else "3.1.1"
