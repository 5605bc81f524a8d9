"""The composition root: builds every room from the settings and runs them in one TaskGroup.

Order of start: store, present, balancer, listeners, meters. Order of stop: listeners, balancer, connections, store. A
value that tests and the simulated site build just as the command line does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from msgspec.structs import replace

from chargemon_edge import __version__
from chargemon_edge.access import Access
from chargemon_edge.balancing.regulator import Regulator
from chargemon_edge.clock.site_clock import SiteClock
from chargemon_edge.config import Settings
from chargemon_edge.control.balance import Balance
from chargemon_edge.control.cards import Cards
from chargemon_edge.control.charger_models import ChargerModels
from chargemon_edge.control.charging_profiles import ChargingProfiles
from chargemon_edge.control.closing import Closing
from chargemon_edge.control.collecting import Collecting
from chargemon_edge.control.commands import Commands
from chargemon_edge.control.commissioning import Commissioning
from chargemon_edge.control.configuration import Configuration
from chargemon_edge.control.configuration_memory import ConfigurationMemory
from chargemon_edge.control.connector_caps import ConnectorCaps
from chargemon_edge.control.contact import Contact
from chargemon_edge.control.desired import Desired
from chargemon_edge.control.erasing import Erasing
from chargemon_edge.control.kept_stops import KeptStops
from chargemon_edge.control.not_taken import Instead, NotTaken
from chargemon_edge.control.ports import ChargePoints, Clock
from chargemon_edge.control.present import Present
from chargemon_edge.control.remote_start import RemoteStart
from chargemon_edge.control.requests import Requests
from chargemon_edge.control.rollout import Rollout
from chargemon_edge.control.site_limits import SiteLimits
from chargemon_edge.control.timekeeping import Timekeeping, resume
from chargemon_edge.control.tokens import Tokens
from chargemon_edge.csms.directory import Directory
from chargemon_edge.csms.server import ChargerServer
from chargemon_edge.files import file_desk
from chargemon_edge.files import listeners as listeners_of_files
from chargemon_edge.firmware.desk import FileDesk
from chargemon_edge.meters.poll import MeterPoll
from chargemon_edge.meters.polls import MeterPolls
from chargemon_edge.reload import Running, reload
from chargemon_edge.site.facts import ChargePointBooted, Fact
from chargemon_edge.store.journal import Store, open_store
from chargemon_edge.systemd import Notifier, watchdog_period_s
from chargemon_edge.updates import rollout
from chargemon_edge.upstream.bridge import BridgeRooms
from chargemon_edge.upstream.uplink import Uplink
from chargemon_edge.web.alarms import NEXT_STEPS
from chargemon_edge.web.server import WebAddresses, WebServer
from chargemon_edge.web.table import Rooms

log = logging.getLogger(__name__)

# beyond this the loop is considered stuck: no limit would reach a charger in time
LOOP_LAG_MAX_S = 5.0
# what the writer may take for one commit before the disk counts as dead
WRITER_ANSWER_MAX_S = 20.0


# the writer and the reader may take so long for what was flushed
TELEMETRY_LAG_S = 10.0


class Addresses(NamedTuple):
    """Where the daemon listens."""

    chargers: tuple[str, int]
    """The plain listener's, or, where that is off, that of the first with TLS."""
    page: tuple[str, int]
    unix: str | None
    chargers_tls: tuple[str, int] | None = None
    chargers_mutual_tls: tuple[str, int] | None = None


class App:
    """The whole daemon, not yet started."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        inline_writer: bool = False,
        sockets: Mapping[str, Sequence[socket.socket]] | None = None,
        not_taken: NotTaken | None = None,
    ) -> None:
        """*sockets*: listening ones that systemd opened, by name: ``chargers``, ``page``.

        *not_taken*: what is wrong with the configuration's files, where *settings* are others than theirs.
        """
        self.settings = settings
        self.clock = clock
        # one that is watched is also judged; any other is believed whatever it says
        self._kept = clock if isinstance(clock, SiteClock) else None
        self._inline_writer = inline_writer
        self._sockets = sockets or {}
        self._not_taken = not_taken
        self._killed = False
        self._notifier = Notifier()
        # set by run(); unset before
        self.present: Present | None = None
        self.store: Store | None = None
        self.files: FileDesk | None = None
        self.updates: Rollout | None = None
        self._running: Running | None = None

    async def run(self, ready: Callable[[Addresses], None] | None = None) -> None:
        """Serve until cancelled; raises StoreError or OSError when the store or a listener cannot be opened."""
        notifier, settings, clock = self._notifier, self.settings, self.clock
        store = self.store = _open(settings, clock, self._kept, inline=self._inline_writer)
        try:
            present = self.present = Present(settings.site, store.restored.picture)
            commissioning = Commissioning(clock)
            directory = Directory(clock, limit_deadline_s=settings.chargers.limit_deadline_s)
            keys = ConfigurationMemory(present, store.restored.devices)
            models = ChargerModels(settings.catalogue, settings.models, present, keys)
            cards = _cards(settings, store, present, models, keys, directory, clock)
            access = Access(settings, store, present, directory, clock)
            timekeeping = _timekeeping(self._kept, store, present, access)
            requests = _requests(settings, store, present, cards, commissioning, access, clock)
            inline = self._inline_writer
            files = self.files = file_desk(settings, store, present, directory, models, keys, access, clock, inline)
            chargers = access.server(requests, models, files=files.http, inline=inline)
            present.follow(partial(_booted, chargers), (ChargePointBooted,))
            commands = _commands(store, present, directory, cards, access, clock)
            contact, configuration, remote_start = _conversations(store, present, directory, models, keys, clock)
            commands.follow(configuration.answered)
            updates = self.updates = rollout(store, present, directory, files, commands, cards, models, keys, clock)
            desired = Desired(cards, models, configuration, keys, updates.campaigns, files.image)
            uplink = _uplink(settings, store, present, commands, desired, clock)
            page = _page(
                *(settings, store, present, commissioning, models, configuration, chargers, cards, access, uplink),
                *(timekeeping, files, updates, clock),
            )
            page.replace_not_taken(self._not_taken)
            balance = _balance(settings, store, present, directory, models, clock)
            async with contextlib.AsyncExitStack() as listeners:
                listeners.push_async_callback(page.stop)
                operators = await page.start(self._sockets.get("page", ()))
                listeners.push_async_callback(chargers.stop)
                listeners.push_async_callback(files.stop)
                await chargers.start(self._sockets)
                await files.start(listeners_of_files(chargers.addresses), settings.chargers.host)
                addresses = _addresses(chargers, operators)
                async with asyncio.TaskGroup() as rooms:
                    meters = MeterPolls(rooms, lambda one: MeterPoll(one, clock, _reporter(store, present)))
                    meters.replace(settings.meters)
                    access.start(rooms)
                    for room in (contact, configuration, remote_start, cards, files, commands, updates, balance):
                        rooms.create_task(room.run(), name=type(room).__name__)
                    store.start(rooms)
                    uplink.start(rooms, settings.upstreams)
                    if timekeeping is not None:
                        rooms.create_task(timekeeping.run(), name="timekeeping")
                    rooms.create_task(_watch(notifier, store, self._status), name="watchdog")
                    self._running = Running(
                        present, cards, balance, contact, chargers, page, meters, models, configuration, uplink
                    )
                    _announce(settings, present, addresses)
                    notifier.ready(self._status())
                    listeners.callback(notifier.stopping)
                    if ready is not None:
                        ready(addresses)
        finally:
            store.close(flush=not self._killed)

    def reload(self, read: Callable[[], Settings]) -> bool:
        """Take the settings of *read* as far as a running daemon can, and tell; *read* may raise ConfigError.

        True: all of them are in force now.
        """
        if self._running is None:
            return False
        self._notifier.reloading()
        done = reload(self.settings, self._running, read)
        self.settings = done.settings
        if done.mistakes:
            # what a start went back to, or what was in force since: that has not changed now
            before = self._not_taken or NotTaken(mistakes=(), in_force=Instead.BEFORE)
            self._not_taken = replace(before, mistakes=done.mistakes)
        else:
            self._not_taken = None
        self._running.page.replace_not_taken(self._not_taken)
        self._notifier.ready(self._status())
        return not done.mistakes and not done.waiting

    def _status(self) -> str:
        words = "starting" if self.present is None or self.store is None else _status(self.present, self.store)
        return words if self._not_taken is None else f"{self._not_taken.summary}: {words}"

    def kill(self) -> None:
        """Make the coming end of :meth:`run` that of a crash: what is not on disk yet is lost. For simulations."""
        self._killed = True


def _requests(
    settings: Settings,
    store: Store,
    present: Present,
    cards: Cards,
    commissioning: Commissioning,
    access: Access,
    clock: Clock,
) -> Requests:
    return Requests(
        present=present,
        journal=store.journal,
        authorisation=cards.authorisation,
        commissioning=commissioning,
        clock=clock,
        next_transaction_id=store.restored.next_transaction_id,
        heartbeat_interval_s=settings.chargers.heartbeat_interval_s,
        signer=access.certificates,
    )


def _open(settings: Settings, clock: Clock, kept: SiteClock | None, *, inline: bool) -> Store:
    if kept is None:
        return open_store(settings.store, clock, inline=inline)
    return open_store(settings.store, clock, inline=inline, resume=partial(resume, kept), may_age=lambda: kept.settled)


def _timekeeping(kept: SiteClock | None, store: Store, present: Present, access: Access) -> Timekeeping | None:
    if kept is None:
        return None
    timekeeping = Timekeeping(kept, present, store.journal, store)
    timekeeping.corrected.append(access.time_corrected)
    timekeeping.begin()
    return timekeeping


def _cards(
    settings: Settings,
    store: Store,
    present: Present,
    models: ChargerModels,
    keys: ConfigurationMemory,
    charge_points: ChargePoints,
    clock: Clock,
) -> Cards:
    return Cards(
        settings.authorisation,
        present,
        charge_points,
        store.journal,
        clock,
        store.restored.cards,
        rules_of=models.tag_rules,
        keys=keys.read,
    )


def _addresses(chargers: ChargerServer, operators: WebAddresses) -> Addresses:
    of = chargers.addresses
    return Addresses(next(iter(of.values())), operators.page, operators.unix, of.get("tls"), of.get("mutual-tls"))


def _commands(
    store: Store, present: Present, charge_points: ChargePoints, cards: Cards, access: Access, clock: Clock
) -> Commands:
    commands = Commands(
        present=present,
        charge_points=charge_points,
        journal=store.journal,
        clock=clock,
        restored=store.restored.operations,
    )
    commands.keep(cards.reservations)
    access.follow(commands)
    return commands


def _conversations(
    store: Store,
    present: Present,
    charge_points: ChargePoints,
    models: ChargerModels,
    keys: ConfigurationMemory,
    clock: Clock,
) -> tuple[Contact, Configuration, RemoteStart]:
    """What the daemon asks charge points by itself, beside limits and lists."""
    contact = Contact(present=present, charge_points=charge_points, journal=store.journal, clock=clock, models=models)
    configuration = Configuration(
        present=present,
        memory=keys,
        charge_points=charge_points,
        journal=store.journal,
        clock=clock,
        models=models,
    )
    remote_start = RemoteStart(
        present=present, charge_points=charge_points, clock=clock, models=models, rules_of=models.tag_rules
    )
    return contact, configuration, remote_start


def _balance(
    settings: Settings, store: Store, present: Present, charge_points: ChargePoints, models: ChargerModels, clock: Clock
) -> Balance:
    return Balance(
        present=present,
        regulator=Regulator(settings.site, settings.balancing),
        charge_points=charge_points,
        journal=store.journal,
        clock=clock,
        policy=settings.balancing,
        models=models,
    )


def _uplink(
    settings: Settings, store: Store, present: Present, commands: Commands, desired: Desired, clock: Clock
) -> Uplink:
    # spreads a fleet in time; nobody's secret
    roll = random.random
    rooms = BridgeRooms(
        present=present,
        clock=clock,
        journal=store.journal,
        events=store.outbox,
        measured=store.measured,
        command_log=store.commands,
        commands=commands,
        profiles=ChargingProfiles(present, store.journal, clock, store.restored.operations),
        limits=SiteLimits(present, store.journal, clock, roll, store.restored.upstream.limits),
        caps=ConnectorCaps(present, store.journal, clock),
        desired=desired,
        restored_desired=store.restored.upstream.desired,
        roll=roll,
        clock_synced=lambda: present.picture.clock.trusted,
        telemetry_lag_s=settings.store.samples_flush_s + TELEMETRY_LAG_S,
    )
    return Uplink(rooms, store.restored.upstream)


def _page(
    settings: Settings,
    store: Store,
    present: Present,
    commissioning: Commissioning,
    models: ChargerModels,
    configuration: Configuration,
    chargers: ChargerServer,
    cards: Cards,
    access: Access,
    uplink: Uplink,
    timekeeping: Timekeeping | None,
    files: FileDesk,
    updates: Rollout,
    clock: Clock,
) -> WebServer:
    rooms = Rooms(
        present=present,
        clock=clock,
        timekeeping=timekeeping,
        commissioning=commissioning,
        models=models,
        configuration=configuration,
        collecting=Collecting(uplink.rooms.commands, files),
        frames=chargers.recorder,
        history=store.history,
        keeping=store,
        erasing=Erasing(present, cards, store, store.journal, clock),
        kept_stops=KeptStops(present, store.journal, store.history, clock),
        cards=cards,
        tokens=Tokens(present, store.journal, clock, store.restored.tokens),
        commands=uplink.rooms.commands,
        charging_profiles=uplink.rooms.profiles,
        upstreams=uplink,
        closing=Closing(present, store.journal, clock),
        charger_access=access.charger_access,
        certificates=access.certificates,
        authority=access.authority,
        files=files,
        campaigns=updates.campaigns,
    )
    stale_s = settings.balancing.meter_stale_s
    return WebServer(settings.page, rooms, _reporter(store, present), meter_stale_s=stale_s)


def _booted(chargers: ChargerServer, fact: Fact) -> None:
    assert isinstance(fact, ChargePointBooted)
    chargers.set_quirks(fact.charge_point)


def _announce(settings: Settings, present: Present, addresses: Addresses) -> None:
    log.info(
        "ready version=%s site=%r chargers=%s://%s:%d page=http://%s:%d circuits=%d charge_points=%d adopted=%d",
        __version__,
        settings.site.name,
        "ws" if settings.chargers.plain else "wss",
        *addresses.chargers,
        *addresses.page,
        len(settings.site.circuits),
        len(settings.site.charge_points),
        _adopted(present),
    )
    if not settings.site.circuits and not settings.site.charge_points:
        log.warning("the site is not described yet and nobody may connect: %s", NEXT_STEPS)


def _reporter(store: Store, present: Present) -> Callable[[Fact], None]:
    def report(fact: Fact) -> None:
        facts: Iterable[Fact] = (fact,)
        store.journal.record(facts)
        present.apply(facts)

    return report


async def _watch(notifier: Notifier, store: Store, status: Callable[[], str]) -> None:
    """Feed systemd's watchdog, but only while the loop turns in time and the writer still answers."""
    period_s = watchdog_period_s() or 10.0
    loop = asyncio.get_running_loop()
    while True:
        due_s = loop.time() + period_s
        await asyncio.sleep(period_s)
        lag_s = loop.time() - due_s
        if lag_s > LOOP_LAG_MAX_S:
            log.error("the event loop was late by %.1f s; the watchdog is not fed", lag_s)
            continue
        if not store.alive(WRITER_ANSWER_MAX_S):
            log.error("the writer stands, or has not answered for %.0f s; the watchdog is not fed", WRITER_ANSWER_MAX_S)
            continue
        notifier.alive()
        notifier.status(status())


def _status(present: Present, store: Store) -> str:
    linked = sum(entry.linked for entry in present.picture.charge_points.values())
    charging = sum(
        connector.transaction is not None
        for entry in present.picture.charge_points.values()
        for connector in entry.connectors.values()
    )
    state = "starting" if present.plan is None else present.plan.why
    disk = "" if store.trouble is None else f"; disk: {store.trouble}"
    return f"{linked} of {len(present.site.charge_points)} chargers connected, {charging} transactions, {state}{disk}"


def _adopted(present: Present) -> int:
    return sum(
        connector.transaction is not None and connector.transaction.adopted
        for entry in present.picture.charge_points.values()
        for connector in entry.connectors.values()
    )
