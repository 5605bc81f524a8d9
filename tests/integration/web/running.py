"""A running server on loopback, on free ports, showing the example site."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from chargemon_edge.config.charger_models import catalogue
from chargemon_edge.control.access_book import AccessBook
from chargemon_edge.control.authorisation import AuthorisationSettings
from chargemon_edge.control.campaigns import Campaigns
from chargemon_edge.control.cards import Cards
from chargemon_edge.control.certificates import Certificates
from chargemon_edge.control.charger_access import ChargerAccess
from chargemon_edge.control.charger_models import ChargerModels
from chargemon_edge.control.charging_profiles import ChargingProfiles
from chargemon_edge.control.closing import Closing
from chargemon_edge.control.collecting import Collecting
from chargemon_edge.control.commands import Commands
from chargemon_edge.control.commissioning import Commissioning
from chargemon_edge.control.configuration import Configuration
from chargemon_edge.control.configuration_memory import ConfigurationMemory
from chargemon_edge.control.erasing import Erasing
from chargemon_edge.control.kept_stops import KeptStops
from chargemon_edge.control.key_rotation import KeyRotation
from chargemon_edge.control.ports import LinkEnds, RestoredOperations
from chargemon_edge.control.present import Present
from chargemon_edge.control.raising import Raising
from chargemon_edge.control.tokens import Tokens
from chargemon_edge.csms.recorder import Recorder
from chargemon_edge.files import Signatures
from chargemon_edge.firmware.desk import FileDesk, Surroundings
from chargemon_edge.firmware.settings import FilesSettings
from chargemon_edge.site.cards import IdTag, RestoredCards
from chargemon_edge.site.facts import Fact
from chargemon_edge.site.token_facts import Role
from chargemon_edge.store.journal import Store, open_store
from chargemon_edge.store.settings import StoreSettings
from chargemon_edge.web.server import WebAddresses, WebServer
from chargemon_edge.web.settings import WebSettings
from chargemon_edge.web.table import Rooms
from tests.unit.control.fakes import FakeChargePoints, FakeUpstreams
from tests.unit.store.site_facts import Faults
from tests.unit.web.example import NOW, PLAN, SITE, picture, story


class ExampleClock:
    """The loop's time, beginning at the example's now."""

    def __init__(self) -> None:
        self._began_s = asyncio.get_running_loop().time()

    def _passed_s(self) -> float:
        return asyncio.get_running_loop().time() - self._began_s

    def monotonic_s(self) -> float:
        """Seconds."""
        return NOW.mono_s + self._passed_s()

    def utc_ms(self) -> int:
        """Milliseconds."""
        return NOW.utc_ms + round(self._passed_s() * 1000)


class Nowhere:
    """No charge point has a link."""

    def ends(self, charge_point: str) -> LinkEnds | None:
        """None."""
        return None


class Running:
    """The server and what it shows."""

    def __init__(self, settings: WebSettings, store: Store, clock: ExampleClock, folder: Path) -> None:
        self.clock = clock
        self.store = store
        self.present = Present(SITE, picture())
        self.present.set_plan(PLAN)
        self.commissioning = Commissioning(self.clock)
        store.journal.record(story())
        self.tokens = Tokens(self.present, store.journal, self.clock, store.restored.tokens)
        # set *code*, and the disk fails
        self.disk = Faults()
        # what the server noticed
        self.noticed: list[Fact] = []
        self.charge_points = FakeChargePoints({})
        commands = Commands(
            present=self.present,
            charge_points=self.charge_points,
            journal=store.journal,
            clock=clock,
            restored=RestoredOperations(next_number=500),
        )
        keys = ConfigurationMemory(self.present, store.restored.devices)
        self.cards = Cards(
            AuthorisationSettings(id_tags=(IdTag(id_tag="CONFIGURED"),)),
            self.present,
            self.charge_points,
            store.journal,
            clock,
            RestoredCards(),
            keys=keys.read,
        )
        commands.keep(self.cards.reservations)
        models = ChargerModels(catalogue(), {}, self.present, keys)
        self.recorder = Recorder(clock)
        self.files = FileDesk(
            FilesSettings(),
            folder / "files",
            Surroundings(
                present=self.present,
                journal=store.journal,
                clock=clock,
                whereabouts=Nowhere(),
                models=models,
                keys=keys,
                signatures=Signatures(None, clock, inline=True),
                tls=None,
            ),
            store.restored.files,
            free_min_percent=1,
            inline=True,
        )
        self.campaigns = Campaigns(
            present=self.present,
            journal=store.journal,
            clock=clock,
            take_number=commands.take_number,
            restored=store.restored.campaigns,
        )
        certificates = Certificates(
            present=self.present,
            journal=store.journal,
            charge_points=self.charge_points,
            clock=clock,
            authority=None,
            knows=lambda _: True,
            renew_days=60,
        )
        book = AccessBook(self.present, store.journal, clock, store.restored.access)
        rotation = KeyRotation(book, self.charge_points)
        raising = Raising(
            present=self.present,
            charge_points=self.charge_points,
            book=book,
            rotation=rotation,
            certificates=certificates,
            authority=None,
            configured={one.identity: 1 for one in SITE.charge_points}.get,
            served=frozenset((0, 1, 2)),
        )
        self.charger_access = ChargerAccess(book, rotation, raising, self.charge_points, certificates)
        # the operators above the site, as a test wants them to stand
        self.upstreams = FakeUpstreams()
        rooms = Rooms(
            present=self.present,
            clock=clock,
            upstreams=self.upstreams,
            history=store.history,
            keeping=store,
            erasing=Erasing(self.present, self.cards, store, store.journal, clock),
            kept_stops=KeptStops(self.present, store.journal, store.history, clock),
            cards=self.cards,
            models=models,
            collecting=Collecting(commands, self.files),
            frames=self.recorder,
            configuration=Configuration(
                present=self.present,
                memory=keys,
                charge_points=self.charge_points,
                journal=store.journal,
                clock=clock,
                models=models,
            ),
            commissioning=self.commissioning,
            tokens=self.tokens,
            commands=commands,
            charging_profiles=ChargingProfiles(self.present, store.journal, clock, RestoredOperations()),
            closing=Closing(self.present, store.journal, clock),
            charger_access=self.charger_access,
            certificates=certificates,
            authority=None,
            files=self.files,
            campaigns=self.campaigns,
        )
        self.server = WebServer(settings, rooms, self.noticed.append)
        self.addresses = WebAddresses(("", 0), None)

    @property
    def port(self) -> int:
        """Of the page."""
        return self.addresses.page[1]

    async def token(self, role: Role, name: str = "somebody") -> str:
        """A token of that role."""
        token = await self.tokens.issue(name, role, None, "a test")
        assert isinstance(token, str)
        return token

    @property
    def url(self) -> str:
        """Of the page, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def unix(self) -> str:
        """The socket file."""
        assert self.addresses.unix is not None
        return self.addresses.unix


@asynccontextmanager
async def running(folder: Path | None = None, **settings: object) -> AsyncIterator[Running]:
    """Serve until the end of the block; the Unix socket lies in *folder*."""
    unix = None if folder is None else str(folder / "control.sock")
    fields: dict[str, object] = {"port": 0, "unix_socket": unix} | settings
    clock = ExampleClock()
    with tempfile.TemporaryDirectory() as directory:
        on_disk = StoreSettings(directory=directory, reserve_kb=64, record_flush_s=0.1, samples_flush_s=0.1)
        faults = Faults()
        store = open_store(on_disk, clock, inline=True, before_flush=faults)
        try:
            site = Running(WebSettings(**fields), store, clock, Path(directory))  # type: ignore[arg-type]  # fields are given by name
            site.disk = faults
            site.addresses = await site.server.start()
            await site.files.start({}, "127.0.0.1")
            try:
                yield site
            finally:
                await site.files.stop()
                await site.server.stop()
        finally:
            store.close()
