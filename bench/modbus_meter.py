"""A grid meter on Modbus TCP whose readings never stand still. Prints ``ready PORT``."""

from __future__ import annotations

import asyncio
import itertools

from chargemon_edge.sim.meter import Meter
from chargemon_edge.site.units import PerPhase


async def _main() -> None:
    meter = Meter(seed=1)
    _, port = await meter.start()
    print("ready", port, flush=True)
    for step in itertools.count():
        meter.current_ma = PerPhase(20_000 + step % 100 * 10, 18_000 - step % 70 * 10, 22_000 + step % 50 * 20)
        await asyncio.sleep(0.5)


if __name__ == "__main__":
    asyncio.run(_main())
