"""Fifty cars charge, the building switches something large on: how long until every decrease is on the wire?"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import NamedTuple

from tests.system.daemon import METER, Daemon, charge_point
from tests.system.far_ends import GridMeter, grid_meter
from tests.system.far_ends import charge_point as connected
from tests.waiting import until

COUNT = 50
# the charger that takes a limit and never says so
MUTE = 7
FUSE_A = 1000.0
QUICK = """
[balancing]
meter_back_s = 1.0
raise_window_s = 2.0
raise_period_s = 1.0
slow_period_s = 1.0
min_off_s = 1.0
"""


class LoadStep(NamedTuple):
    """What was seen at the chargers' end."""

    step_to_wire_s: float
    """From the meter's change to the arrival of the last decrease."""
    sample_to_wire_s: float
    """From the moment the daemon read the changed value to the arrival of the last decrease."""
    limits_a: list[tuple[float, float]]
    """Of each charger that answers: the limit before and after."""


async def keep_fresh(meter: GridMeter, amperes: float) -> None:
    """Show the current with the little noise of a living meter."""
    while True:
        meter.show(amperes)
        await asyncio.sleep(0.5)


async def play(folder: Path) -> LoadStep:
    """Run it against the real process in *folder*."""
    config = f'[[circuit]]\nname = "main"\nfuse_a = {FUSE_A}\n' + QUICK
    config += "".join(charge_point(f"CP{number}") for number in range(COUNT))
    with grid_meter(50.0) as meter:
        config += METER.format(port=meter.port) + "rating_ma = 1500000\n"
        with Daemon(folder, config) as daemon:
            async with contextlib.AsyncExitStack() as stack:
                step = await _step(stack, daemon, meter)
            assert daemon.stop() == 0
    return step


async def _step(stack: contextlib.AsyncExitStack, daemon: Daemon, meter: GridMeter) -> LoadStep:
    showing = asyncio.create_task(keep_fresh(meter, 50.0))
    chargers = [
        await stack.enter_async_context(connected(daemon.chargers_url, f"CP{number}", answers=number != MUTE))
        for number in range(COUNT)
    ]
    for charger in chargers:
        await charger.boot()
        await charger.begin(1)
    obedient = [charger for charger in chargers if charger.answers]
    await until(
        lambda: all(one.tx_limits() and one.tx_limits()[-1][1] >= 14 for one in obedient),
        within_s=60,
        what="everyone at 14 A",
    )
    showing.cancel()
    told = [len(one.tx_limits()) for one in obedient]
    too_much_a = FUSE_A + 0.2 * sum(one.tx_limits()[-1][1] for one in obedient)

    stepped_s = meter.show(too_much_a)
    showing = asyncio.create_task(keep_fresh(meter, too_much_a))
    await until(
        lambda: all(len(one.tx_limits()) > before for one, before in zip(obedient, told, strict=True)),
        within_s=10,
        what="a decrease for everyone",
    )
    showing.cancel()
    limits = [
        (one.tx_limits()[before - 1], one.tx_limits()[before]) for one, before in zip(obedient, told, strict=True)
    ]
    last_s = max(after[0] for _, after in limits)
    return LoadStep(
        step_to_wire_s=last_s - stepped_s,
        sample_to_wire_s=last_s - meter.first_read_after(stepped_s),
        limits_a=[(before[1], after[1]) for before, after in limits],
    )
