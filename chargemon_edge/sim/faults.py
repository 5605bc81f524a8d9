"""What can be made to go wrong, and lists of it drawn by seed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from chargemon_edge.sim.scenario import Fault, FaultKind
from chargemon_edge.site.units import ZERO

if TYPE_CHECKING:
    # the world strikes with the table below
    from chargemon_edge.sim.charger import Charger
    from chargemon_edge.sim.meter import Meter
    from chargemon_edge.sim.world import World


def _charger(world: World, fault: Fault) -> Charger:
    return world.chargers[fault.target]


def _meter(world: World, fault: Fault) -> Meter:
    return world.meters[fault.target] if fault.target else next(iter(world.meters.values()))


def _link_cut(world: World, fault: Fault) -> None:
    _charger(world, fault).cut("cut", fault.for_s)


def _deaf(world: World, fault: Fault) -> None:
    _charger(world, fault).go_deaf(fault.for_s)


def _answers_lost(world: World, fault: Fault) -> None:
    _charger(world, fault).go_mute(fault.for_s)


def _reboot(world: World, fault: Fault) -> None:
    _charger(world, fault).reboot()


def _charger_off(world: World, fault: Fault) -> None:
    # the mains are gone, so the contactor opens and the transaction ends; the car stays
    charger = _charger(world, fault)
    for outlet in charger.outlets.values():
        charger.end(outlet, "PowerLoss")
    charger.power_off()

    def back() -> None:
        assert world.daemon.addresses is not None
        charger.power_on(*world.daemon.addresses.chargers)

    world.at(fault.at_s + fault.for_s, back)


def _meter_off(world: World, fault: Fault) -> None:
    async def off_and_on() -> None:
        meter = _meter(world, fault)
        # outages overlap: the power is back when the last of them is over
        meter.faults.outages += 1
        await meter.power_off()
        await asyncio.sleep(fault.for_s)
        meter.faults.outages -= 1
        if meter.faults.outages == 0:
            await meter.start()

    world.do(off_and_on())


def _meter_fault(name: str) -> Callable[[World, Fault], None]:
    def strike(world: World, fault: Fault) -> None:
        meter = _meter(world, fault)
        setattr(meter.faults, name, True)
        world.at(fault.at_s + fault.for_s, lambda: setattr(meter.faults, name, False))

    return strike


def _daemon_killed(world: World, fault: Fault) -> None:
    async def kill_and_start() -> None:
        if world.daemon.app is None:
            return
        for charger in world.chargers.values():
            charger.cut("daemon killed")
        for meter in world.meters.values():
            meter.cut()
        await world.daemon.kill()
        await asyncio.sleep(fault.for_s)
        await world.daemon.start()

    world.do(kill_and_start())


def _load_step(world: World, fault: Fault) -> None:
    fuse = world.wiring.fuses[fault.target or world.site.root.name]
    assert fuse.building is not None, "a load step needs a building on its circuit"
    building = fuse.building
    building.add(fault.current_ma)
    world.at(fault.at_s + fault.for_s, lambda: building.add(ZERO.minus(fault.current_ma)))


def _clock_step(world: World, fault: Fault) -> None:
    world.machine.wrong_by_ms += round(fault.by_s * 1000)
    world.at(fault.at_s + fault.for_s, world.machine.confirm)


FAULTS: Mapping[FaultKind, Callable[[World, Fault], None]] = {
    "link-cut": _link_cut,
    "charger-deaf": _deaf,
    "answers-lost": _answers_lost,
    "charger-reboot": _reboot,
    "charger-off": _charger_off,
    "meter-off": _meter_off,
    "meter-silent": _meter_fault("silent"),
    "meter-frozen": _meter_fault("frozen"),
    "meter-nan": _meter_fault("nan"),
    "meter-exception": _meter_fault("exception"),
    "daemon-killed": _daemon_killed,
    "load-step": _load_step,
    "clock-step": _clock_step,
}

# how often in an hour, and for how long (shortest, longest), when faults are drawn
_RATES: Mapping[FaultKind, tuple[float, tuple[float, float]]] = {
    "link-cut": (2.0, (1.0, 400.0)),
    "charger-deaf": (1.0, (20.0, 400.0)),
    "answers-lost": (1.0, (10.0, 120.0)),
    "charger-reboot": (1.0, (0.0, 0.0)),
    "charger-off": (0.5, (30.0, 600.0)),
    "meter-off": (0.3, (5.0, 120.0)),
    "meter-silent": (0.3, (2.0, 90.0)),
    "meter-frozen": (0.2, (5.0, 90.0)),
    "meter-nan": (0.3, (2.0, 60.0)),
    "meter-exception": (0.3, (2.0, 60.0)),
    "daemon-killed": (0.5, (1.0, 45.0)),
    # last, so that the others stay as they were drawn before there was this one
    "clock-step": (0.3, (0.0, 900.0)),
}
# years, days, hours, and what a drifted clock is corrected by
_STEPS_S = (94_608_000.0, -172_800.0, 3_600.0, -3_600.0, 90.0, -20.0)


def draw(seed: int, hours: float, identities: Sequence[str], *, begin_s: float = 300.0) -> tuple[Fault, ...]:
    """A list of faults, by seed; rates are per hour on the whole site."""
    chance = random.Random(f"faults {seed}")
    found: list[Fault] = []
    for what, (per_h, (shortest_s, longest_s)) in _RATES.items():
        at_s = begin_s
        while True:
            at_s += chance.expovariate(per_h / 3_600.0)
            if at_s >= hours * 3_600.0 - 60.0:
                break
            target = "" if what.startswith(("meter", "daemon", "clock")) else chance.choice(identities)
            for_s = round(chance.uniform(shortest_s, longest_s), 1)
            by_s = chance.choice(_STEPS_S) if what == "clock-step" else 0.0
            found.append(Fault(at_s=round(at_s, 1), what=what, target=target, for_s=for_s, by_s=by_s))
    return tuple(sorted(found, key=lambda fault: fault.at_s))
