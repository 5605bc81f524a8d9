"""The uplink of the example site on a real store, without the rest of the daemon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from chargemon_edge.clock import SystemClock
from chargemon_edge.config.charger_models import catalogue
from chargemon_edge.control.authorisation import AuthorisationSettings
from chargemon_edge.control.campaigns import Campaigns
from chargemon_edge.control.cards import Cards
from chargemon_edge.control.charger_models import ChargerModels
from chargemon_edge.control.charging_profiles import ChargingProfiles
from chargemon_edge.control.commands import Commands
from chargemon_edge.control.configuration import Configuration
from chargemon_edge.control.configuration_memory import ConfigurationMemory
from chargemon_edge.control.connector_caps import ConnectorCaps
from chargemon_edge.control.desired import Desired
from chargemon_edge.control.ports import Clock, Journal, moment
from chargemon_edge.control.present import Present
from chargemon_edge.control.site_limits import SiteLimits
from chargemon_edge.site import facts
from chargemon_edge.site.facts import Fact
from chargemon_edge.site.rollout import RestoredCampaigns
from chargemon_edge.store.journal import Store, open_store
from chargemon_edge.store.settings import StoreSettings
from chargemon_edge.upstream.bridge import BridgeRooms
from chargemon_edge.upstream.settings import UpstreamSettings
from chargemon_edge.upstream.uplink import Uplink
from tests.unit.control.fakes import FakeChargePoints
from tests.unit.store.file_samples import image
from tests.unit.web.example import SITE


def settings(port: int, **changes: Any) -> UpstreamSettings:
    """An upstream on a broker of this machine that is in a hurry."""
    members: dict[str, Any] = {
        "name": "operator",
        "host": "127.0.0.1",
        "port": port,
        "site": "hof-7",
        "tls": False,
        "drain_spread_s": 0.0,
        "drain_per_s": 10_000.0,
        "keepalive_s": 5,
    }
    return UpstreamSettings(**{**members, **changes})


class Running:
    """What runs."""

    directory: Path

    def __init__(
        self, store: Store, upstreams: Sequence[UpstreamSettings], roll: float, clock: Clock, journal: Journal
    ) -> None:
        self.clock = clock
        self.store = store
        self.present = Present(SITE, store.restored.picture)
        self.charge_points = FakeChargePoints({})
        self.charge_points.links = {one.identity for one in SITE.charge_points}
        restored = store.restored
        self.limits = SiteLimits(
            self.present, store.journal, self.clock, roll=lambda: roll, restored=restored.upstream.limits
        )
        keys = ConfigurationMemory(self.present, restored.devices)
        models = ChargerModels(catalogue(), {}, self.present, keys)
        self.cards = Cards(
            AuthorisationSettings(), self.present, self.charge_points, store.journal, self.clock, restored.cards
        )
        self.commands = Commands(
            present=self.present,
            charge_points=self.charge_points,
            journal=store.journal,
            clock=self.clock,
            restored=restored.operations,
        )
        configuration = Configuration(
            present=self.present,
            memory=keys,
            charge_points=self.charge_points,
            journal=store.journal,
            clock=self.clock,
            models=models,
        )
        self.models = models
        self.campaigns = Campaigns(
            present=self.present,
            journal=store.journal,
            clock=self.clock,
            take_number=self.commands.take_number,
            restored=RestoredCampaigns(),
        )
        library = {"image-1": image()}
        desired = Desired(self.cards, models, configuration, keys, self.campaigns, library.get)
        self.uplink = Uplink(
            BridgeRooms(
                present=self.present,
                clock=self.clock,
                journal=journal,
                events=store.outbox,
                measured=store.measured,
                command_log=store.commands,
                commands=self.commands,
                profiles=ChargingProfiles(self.present, store.journal, self.clock, restored.operations),
                limits=self.limits,
                caps=ConnectorCaps(self.present, store.journal, self.clock),
                desired=desired,
                restored_desired=restored.upstream.desired,
                roll=lambda: roll,
                clock_synced=lambda: True,
                telemetry_lag_s=0.5,
            ),
            restored.upstream,
        )
        self.upstreams = upstreams

    def happen(self, *new: Fact) -> None:
        """Write and fold."""
        self.store.journal.record(new)
        self.present.apply(new)

    async def commit(self, *new: Fact) -> None:
        """The same, durable when this returns."""
        done: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.store.journal.commit(new, done.set_result)
        assert await done is None
        self.present.apply(new)

    def started(self, transaction_id: int) -> facts.TransactionStarted:
        """A transaction that starts now."""
        return facts.TransactionStarted(
            at=moment(self.clock),
            charge_point="YARD",
            connector=1,
            transaction_id=transaction_id,
            id_tag="04A1B2C3",
            id_tag_status="Accepted",
            meter_start_wh=transaction_id,
            started_utc_ms=None,
            started_text="",
        )


@asynccontextmanager
async def running(
    directory: Path,
    *upstreams: UpstreamSettings,
    roll: float = 0.0,
    clock: Clock | None = None,
    around: Callable[[Journal], Journal] = lambda journal: journal,
) -> AsyncIterator[Running]:
    """Stores in *directory*; ends with a goodbye. *roll* is what chance always gives, *around* what the uplink gets for
    its journal."""
    clock = clock or SystemClock()
    store = open_store(
        StoreSettings(directory=str(directory), reserve_kb=64, record_flush_s=0.1, samples_flush_s=0.1),
        clock,
        inline=False,
    )
    try:
        one = Running(store, upstreams, roll, clock, around(store.journal))
        one.directory = directory
        async with asyncio.TaskGroup() as tasks:
            work = tasks.create_task(_serve(one))
            await asyncio.sleep(0)
            yield one
            work.cancel()
    finally:
        store.close()


async def _serve(one: Running) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(one.store.run())
        one.uplink.start(tasks, one.upstreams)
