"""The far end of the soak, a process of its own: chargers of every personality, their cars, and the grid meter.

Told the daemon's configuration and where chargers connect. Prints ``meter PORT``, waits for ``dial PORT`` on standard
input, and plays until the input ends; then one line of JSON says what the chargers saw.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from pathlib import Path

from bench.processes import PASSWORD
from chargemon_edge.config import load_file
from chargemon_edge.sim import personality
from chargemon_edge.sim.charger import Charger
from chargemon_edge.sim.dialling import Account
from chargemon_edge.sim.meter import Meter
from chargemon_edge.sim.scenario import cars
from chargemon_edge.sim.vehicle import Vehicle
from chargemon_edge.sim.wiring import Place, Wiring
from chargemon_edge.site.layout import Site

SEED = 1
_HOST = "127.0.0.1"
_DIALS_WITHIN_S = 8.0


class Crowd:
    """All chargers; :meth:`step` lets a second pass."""

    def __init__(self, site: Site) -> None:
        self._chance = random.Random(SEED)
        names = personality.names()
        points = [one for one in site.charge_points if not one.quiet]
        self.chargers = {
            one.identity: Charger(
                Account(identity=one.identity, password=PASSWORD),
                {connector.number: connector.max_ma for connector in one.connectors},
                personality.personality(names[place % len(names)]),
                utc_s=time.time,
                seed=SEED,
            )
            for place, one in enumerate(points)
        }
        quiet = {
            one.identity: Charger(
                Account(identity=one.identity),
                {connector.number: connector.max_ma for connector in one.connectors},
                personality.personality("obedient"),
                utc_s=time.time,
                seed=SEED,
            )
            for one in site.charge_points
            if one.quiet
        }
        self.wiring = Wiring(site, self.chargers | quiet, {})
        # when something happens next at each outlet of ours
        self._due_s = {
            place: self._chance.uniform(2.0, 60.0)
            for place in self.wiring.places
            if place.key.charge_point in self.chargers
        }

    def dial(self, port: int) -> None:
        """Switch everything on, within some seconds."""
        loop = asyncio.get_running_loop()
        for charger in self.chargers.values():
            loop.call_later(self._chance.uniform(0.0, _DIALS_WITHIN_S), charger.power_on, _HOST, port)

    def step(self, elapsed_s: float) -> None:
        """Cars come and go, currents flow."""
        for place, due_s in self._due_s.items():
            if elapsed_s >= due_s:
                self._due_s[place] = elapsed_s + self._chance.uniform(30.0, 240.0)
                self._come_or_go(place)
        now_s = asyncio.get_running_loop().time()
        for charger in self.chargers.values():
            charger.step(now_s, 1.0)
        self.wiring.flow(now_s, elapsed_s, 1.0)

    def _come_or_go(self, place: Place) -> None:
        if place.outlet.vehicle is not None:
            place.charger.unplug(place.key.number)
            return
        kind = self._chance.choice(list(cars().values()))
        vehicle = Vehicle(kind, self._chance.uniform(2_000, kind.battery_wh))
        place.charger.plug(place.key.number, vehicle, f"CARD-{self._chance.randint(1, 400)}")

    def seen(self) -> dict[str, int]:
        """How the chargers stand at the end."""
        return {
            "chargers": len(self.chargers),
            "personalities": len({one.personality.title for one in self.chargers.values()}),
            "linked": sum(one.linked for one in self.chargers.values()),
            "sessions": sum(len(one.sessions) for one in self.chargers.values()),
        }


async def _play(config: Path) -> None:
    loop = asyncio.get_running_loop()
    site = load_file(config).site
    crowd = Crowd(site)
    meter = Meter(SEED)
    (place,) = site.meters
    print("meter", (await meter.start(_HOST))[1], flush=True)
    word, _, port = (await loop.run_in_executor(None, sys.stdin.readline)).strip().partition(" ")
    assert word == "dial"
    crowd.dial(int(port))
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    began_s = loop.time()
    elapsed_s = 0.0
    while not ended.done():
        elapsed_s += 1.0
        await asyncio.wait((ended,), timeout=max(0.0, began_s + elapsed_s - loop.time()))
        crowd.step(elapsed_s)
        meter.current_ma = crowd.wiring.total(place.circuit)
    print(json.dumps(crowd.seen()), flush=True)
    for charger in crowd.chargers.values():
        charger.power_off()
    await meter.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    asyncio.run(_play(parser.parse_args().config))
