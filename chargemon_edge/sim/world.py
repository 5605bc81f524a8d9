"""A simulated site at work: the real daemon, chargers, cars, meters and a building, on one loop and one clock.

Plays a scenario: cars come and go by seed, things go wrong at their times, and every second the currents are added up,
the meters are fed and the checks look. Works in virtual time and in real time alike.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from chargemon_edge.control.ports import Clock, Journal
from chargemon_edge.sim import personality as personalities
from chargemon_edge.sim.building import Building
from chargemon_edge.sim.charger import Charger
from chargemon_edge.sim.checks import Checks
from chargemon_edge.sim.daemon import Daemon
from chargemon_edge.sim.dialling import Account
from chargemon_edge.sim.faults import FAULTS
from chargemon_edge.sim.highlights import Sighting, missing
from chargemon_edge.sim.machine_clock import MachineClock
from chargemon_edge.sim.meter import Meter
from chargemon_edge.sim.scenario import Fault, Scenario, Visit, cars, visits
from chargemon_edge.sim.trace import Trace
from chargemon_edge.sim.vehicle import Vehicle
from chargemon_edge.sim.wiring import Place, Wiring
from chargemon_edge.site.facts import Fact
from chargemon_edge.site.layout import Site

STEP_S = 1.0
_HOST = "127.0.0.1"


class World:
    """Build it on the running loop, :meth:`start` it, :meth:`play`, :meth:`stop`."""

    def __init__(
        self,
        scenario: Scenario,
        folder: Path,
        clock: Clock,
        *,
        utc_s: Callable[[], float],
        seed: int | None = None,
        inline_writer: bool = True,
        page_port: int = 0,
        repeats_faults: bool = False,
    ) -> None:
        """*utc_s* is the right time (the chargers'); *clock* is what the daemon's machine believes."""
        self.scenario = scenario
        self.seed = scenario.seed if seed is None else seed
        self.trace = Trace()
        self.elapsed_s = 0.0
        self.meters: dict[str, Meter] = {}
        self.chargers: dict[str, Charger] = {}
        self.sightings = [Sighting(highlight) for highlight in scenario.expect]
        self._folder = folder
        self.machine = MachineClock(clock)
        # a clock that is right needs nobody to watch it
        steps = any(fault.what == "clock-step" for fault in scenario.fault)
        self._clock: Callable[[], Clock] = self.machine.site_clock if steps else lambda: clock
        self._utc_s = utc_s
        self._inline_writer = inline_writer
        self._page_port = page_port
        self._repeats_faults = repeats_faults
        self._chance = random.Random(f"world {self.seed}")
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._filed = 0
        # the facts before the first violation
        self._before_failure: list[str] = []
        self._jobs: set[asyncio.Task[None]] = set()
        # start() builds these
        self.daemon: Daemon
        self.wiring: Wiring
        self.checks: Checks
        self.site: Site

    async def start(self) -> None:
        """Meters, daemon, then chargers, as after a power cut; raises ConfigError for wrong tables."""
        document = dict(self.scenario.configuration)
        document["meter"] = [await self._start_meter(table) for table in document.get("meter", ())]
        passwords = self._write_passwords(document)
        document["chargers"] = {"host": _HOST, "port": 0, **document.get("chargers", {})}
        document["page"] = {"host": _HOST, "port": self._page_port, **document.get("page", {})}
        document["page"].setdefault("unix_socket", str(self._folder / "control.sock"))
        self.daemon = Daemon(
            document, self._folder, self._clock, inline_writer=self._inline_writer, followed=self._followed
        )
        settings = self.daemon.settings()
        self.site = settings.site
        for charge_point in self.site.charge_points:
            self.chargers[charge_point.identity] = Charger(
                Account(identity=charge_point.identity, password=passwords.get(charge_point.identity)),
                {connector.number: connector.max_ma for connector in charge_point.connectors},
                personalities.personality(self.scenario.personality.get(charge_point.identity, "obedient")),
                utc_s=self._utc_s,
                seed=self.seed,
            )
        buildings = {
            circuit: Building(load, self.seed, self.scenario.start_h)
            for circuit, load in self.scenario.building.items()
        }
        self.wiring = Wiring(self.site, self.chargers, buildings)
        dead_man_s = max((charge_point.dead_man_s for charge_point in self.site.charge_points), default=120)
        self.checks = Checks(self.wiring, dead_man_s=dead_man_s, known=self._known)
        await self.daemon.start()
        self._file_agenda()

    async def play(self, for_s: float | None = None, each_step: Callable[[], None] | None = None) -> None:
        """Let *for_s* pass (None: for ever); raises what the daemon died of, if it did."""
        loop = asyncio.get_running_loop()
        began_s = loop.time() - self.elapsed_s
        until_s = None if for_s is None else self.elapsed_s + for_s
        while until_s is None or self.elapsed_s < until_s:
            due_s = began_s + self.elapsed_s + STEP_S
            await asyncio.sleep(max(0.0, due_s - loop.time()))
            self.elapsed_s += STEP_S
            self._step(loop.time())
            if each_step is not None:
                each_step()

    async def stop(self) -> None:
        """Stop everything; judge the whole."""
        store = None if self.daemon.app is None else self.daemon.app.store
        self.checks.finish(self.elapsed_s, None if store is None else partial(_recorded, store.journal))
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
        for charger in self.chargers.values():
            charger.power_off()
        await asyncio.sleep(0)
        await self.daemon.stop()
        for meter in self.meters.values():
            await meter.stop()

    def failures(self) -> list[str]:
        """Everything that must not have happened, and every highlight that was not seen."""
        return [*map(str, self.checks.violations), *missing(self.sightings)]

    def last_facts(self) -> list[str]:
        """What happened before the first violation; without one, before now."""
        return self._before_failure or list(self.trace.tail)[-40:]

    def do(self, work: Any) -> None:
        """Run a coroutine beside the world's steps; its failure is raised by the next step."""
        job = asyncio.get_running_loop().create_task(work)
        self._jobs.add(job)

    def at(self, elapsed_s: float, action: Callable[[], None]) -> None:
        """Do *action* once the scenario is so old."""
        self._filed += 1
        self._agenda.append((elapsed_s, self._filed, action))
        self._agenda.sort(reverse=True)

    # --- inside -------------------------------------------------------------------------------------------------

    async def _start_meter(self, table: dict[str, Any]) -> dict[str, Any]:
        meter = self.meters[table["name"]] = Meter(self.seed, unit=table.get("unit", 1))
        host, port = await meter.start(_HOST)
        return {**table, "host": host, "port": port}

    def _write_passwords(self, document: dict[str, Any]) -> dict[str, str]:
        folder = self._folder / "credentials"
        folder.mkdir(parents=True, exist_ok=True)
        passwords = {}
        tables = []
        for table in document.get("charge_point", ()):
            if not table.get("allow_without_password", False):
                identity = table["identity"]
                passwords[identity] = self._chance.randbytes(12).hex()
                (folder / identity).write_text(passwords[identity], "utf-8")
                table = {**table, "password_file": f"credentials/{identity}"}  # noqa: PLW2901 - the table with one more key
            tables.append(table)
        document["charge_point"] = tables
        return passwords

    def _file_agenda(self) -> None:
        assert self.daemon.addresses is not None
        host, port = self.daemon.addresses.chargers
        for charger in self.chargers.values():
            self.at(self._chance.uniform(0.5, 8.0), partial(charger.power_on, host, port))
        for place in self.wiring.places:
            self._next_visit(place, visits(self.scenario, str(place.key), self.seed))
        for fault in self.scenario.fault:
            self._file_fault(fault)

    def _file_fault(self, fault: Fault) -> None:
        def strike() -> None:
            self.trace.fault(self.elapsed_s, f"{fault.what} {fault.target} for {fault.for_s:g} s")
            FAULTS[fault.what](self, fault)
            if self._repeats_faults:
                self._file_fault(replace(fault, at_s=fault.at_s + 3_600.0 * self.scenario.hours))

        self.at(fault.at_s, strike)

    def _next_visit(self, place: Place, coming: Iterator[Visit]) -> None:
        visit = next(coming, None)
        if visit is None:
            return

        def arrive() -> None:
            kind = cars()[visit.car]
            car = replace(kind, phases=min(kind.phases, place.wired))
            vehicle = Vehicle(car, min(visit.want_wh, car.battery_wh))
            place.charger.plug(place.key.number, vehicle, visit.id_tag)
            self.at(visit.at_s + visit.stays_s, leave)

        def leave() -> None:
            place.charger.unplug(place.key.number)
            self._next_visit(place, coming)

        self.at(visit.at_s, arrive)

    def _step(self, now_s: float) -> None:
        agenda = self._agenda
        while agenda and agenda[-1][0] <= self.elapsed_s:
            agenda.pop()[2]()
        for charger in self.chargers.values():
            charger.step(now_s, STEP_S)
        self.wiring.flow(now_s, self.elapsed_s, STEP_S)
        for place in self.site.meters:
            self.meters[place.name].current_ma = self.wiring.total(place.circuit)
        self.checks.observe(self.elapsed_s, now_s)
        if self.checks.violations and not self._before_failure:
            self._before_failure = list(self.trace.tail)[-40:]
        app = self.daemon.app
        if app is not None and app.present is not None and app.present.plan is not None:
            self.trace.plan(self.elapsed_s, app.present.plan)
        for sighting in self.sightings:
            sighting.look(self)
        self._raise_what_failed()

    def _raise_what_failed(self) -> None:
        self.daemon.check()
        for job in [job for job in self._jobs if job.done()]:
            self._jobs.discard(job)
            job.result()

    def _followed(self, fact: Fact) -> None:
        self.trace.fact(self.elapsed_s, fact)

    def _known(self, place: Place) -> int | None:
        app = self.daemon.app
        if app is None or app.present is None:
            return -1
        transaction = app.present.connector(place.key.charge_point, place.key.number).transaction
        return None if transaction is None else transaction.transaction_id


def _recorded(journal: Journal, transaction_id: int) -> bool | None:
    found = journal.find_transaction(transaction_id)
    return None if found is None else found[1] is not None


def report(world: World, failures: Sequence[str]) -> str:
    """What a person needs to replay a failed run: the seed and every parameter drawn, what failed, the last facts."""
    scenario = world.scenario
    lines = [
        f"SEED={world.seed} scenario={scenario.title!r} hours={scenario.hours:g}",
        "what failed:",
        *(f"  {failure}" for failure in failures),
        f"personalities: {scenario.personality}",
        *(f"drawn: {fault.what} {fault.target} at {fault.at_s} s for {fault.for_s} s" for fault in scenario.fault),
        "the facts before the first violation, or the last ones:",
        *(f"  {line}" for line in world.last_facts()),
    ]
    return "\n".join(lines)
