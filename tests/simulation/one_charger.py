"""The real daemon and one simulated charger in virtual time: with the catalogue of models, or without."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from chargemon_edge.app import Addresses, App
from chargemon_edge.config import load
from chargemon_edge.sim.charger import Charger
from chargemon_edge.sim.daemon import LoopClock
from chargemon_edge.sim.dialling import Account
from chargemon_edge.sim.personality import Personality, personality
from chargemon_edge.sim.scenario import toml_text
from chargemon_edge.sim.vehicle import Car, Vehicle
from chargemon_edge.sim.virtual_loop import run_virtually
from chargemon_edge.site.facts import Fact
from tests.simulation.playing import EPOCH_S

CARD = "CARD0001"


class Pair:
    """Both, running."""

    def __init__(self, charger: Charger, app: App, addresses: Addresses) -> None:
        self.charger = charger
        self.app = app
        self.addresses = addresses
        self.facts: list[Fact] = []
        assert app.present is not None
        # what comes after the story is its end
        self.close_books = app.present.follow(self.facts.append)

    def seen(self, kind: type[Fact]) -> list[Any]:
        """Every fact of that kind."""
        return [fact for fact in self.facts if type(fact) is kind]

    async def charge(self, for_s: float = 120.0, card: str = CARD) -> None:
        """A car comes, charges and leaves."""
        self.charger.plug(1, Vehicle(Car(dead_time_s=1.0), 20_000), card)
        await asyncio.sleep(for_s)
        self.charger.unplug(1)
        await asyncio.sleep(10.0)

    @property
    def charged_wh(self) -> int:
        """What went into cars."""
        outlet = self.charger.outlets[1]
        return outlet.register_wh - 1_000


def document(folder: Path, more: Mapping[str, Any]) -> dict[str, Any]:
    """A site with one charger on 63 A, described as the file does."""
    charge_point = {
        "identity": "CP1",
        "allow_without_password": True,
        "connector": [{"number": 1, "circuit": "main", **more.get("connector", {})}],
        **more.get("charge_point", {}),
    }
    return {
        "circuit": [{"name": "main", "fuse_a": 63.0}],
        "charge_point": [charge_point],
        "chargers": {"host": "127.0.0.1", "port": 0, **more.get("chargers", {})},
        "page": {"port": 0, "unix_socket": str(folder / "control.sock")},
        "store": {"directory": str(folder)},
        "id_tag": [{"id_tag": CARD}, {"id_tag": "0123456789ABCDEFGHIJ"}],
    }


@contextlib.asynccontextmanager
async def pair(
    folder: Path, kind: Personality, *, catalogue: bool = True, more: Mapping[str, Any] | None = None
) -> AsyncIterator[Pair]:
    """Daemon and charger, linked after a moment."""
    settings = load(toml_text(document(folder, more or {})), folder)
    if not catalogue:
        settings = replace(settings, catalogue=())
    clock = LoopClock(EPOCH_S)
    app = App(settings, clock, inline_writer=True)
    loop = asyncio.get_running_loop()
    listening: asyncio.Future[Addresses] = loop.create_future()
    running = loop.create_task(app.run(listening.set_result))
    addresses = await listening
    charger = Charger(Account(identity="CP1"), {1: 32_000}, kind, utc_s=clock.true_utc_s, seed=1)
    both = Pair(charger, app, addresses)
    charger.power_on(*addresses.chargers)
    stepping = loop.create_task(_step(charger))
    try:
        yield both
    finally:
        stepping.cancel()
        charger.power_off()
        running.cancel()
        await asyncio.gather(stepping, running, return_exceptions=True)


async def _step(charger: Charger) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(1.0)
        charger.step(loop.time(), 1.0)


def tell(
    folder: Path,
    story: Callable[[Pair], Awaitable[None]],
    *,
    catalogue: bool = True,
    more: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Pair:
    """Let the story happen to an obedient charger with these *changes*."""

    async def main() -> Pair:
        async with pair(folder, replace(personality("obedient"), **changes), catalogue=catalogue, more=more) as both:
            await story(both)
            both.close_books()
        return both

    return run_virtually(main())
