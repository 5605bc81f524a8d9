"""The checks find what they are there to find, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from chargemon_edge.sim.building import Building, Load
from chargemon_edge.sim.charger import Charger
from chargemon_edge.sim.checks import Checks
from chargemon_edge.sim.dialling import Account
from chargemon_edge.sim.outlet import Session
from chargemon_edge.sim.personality import personality
from chargemon_edge.sim.vehicle import Car, Vehicle
from chargemon_edge.sim.virtual_loop import run_virtually
from chargemon_edge.sim.wiring import Place, Wiring
from chargemon_edge.site.layout import ChargePoint, Circuit, Connector, Site
from chargemon_edge.site.units import PerPhase, Rotation, same_on_all

_SITE = Site(
    circuits=(
        Circuit(name="main", fuse_ma=same_on_all(32_000)),
        Circuit(name="panel", parent="main", fuse_ma=same_on_all(20_000)),
    ),
    charge_points=(
        ChargePoint(
            identity="A",
            connectors=(Connector(number=1, circuit="panel", rotation=Rotation.L2L3L1, fallback_ma=6_000),),
        ),
    ),
)
_STEADY = Load(base_ma=same_on_all(10_000), swing_ma=same_on_all(0), worst_ma=same_on_all(20_000))


class Reached(Charger):
    """A charger that counts as linked when the test says so."""

    linked_for_test = False

    @property
    def alone(self) -> bool:
        """As the test says."""
        return not self.linked_for_test


class Bench:
    """A charger wired up, with whatever the daemon is said to know."""

    def __init__(self) -> None:
        self.known: int | None = 5
        charger = Reached(
            Account(identity="A"), {1: 32_000}, personality("obedient"), utc_s=lambda: 1_700_000_000.0, seed=1
        )
        self.charger = charger
        self.outlet = charger.outlets[1]
        self.building = Building(_STEADY, 1, 12.0)
        self.wiring = Wiring(_SITE, {"A": charger}, {"main": self.building})
        self.checks = Checks(self.wiring, dead_man_s=120.0, known=self._known)
        self.now_s = 0.0

    def charge(self, limit_ma: int, car: Car) -> None:
        """A session runs under this limit."""
        self.outlet.vehicle = Vehicle(car, 50_000)
        self.outlet.session = Session(
            id_tag="T", started_text="", started_utc_s=0.0, meter_start_wh=0, transaction_id=5
        )
        self.outlet.limit_ma = limit_ma
        self.charger.sessions.append(self.outlet.session)

    def pass_time(self, seconds: int) -> None:
        """Let the wiring and the checks see so many seconds."""
        for _ in range(seconds):
            self.now_s += 1.0
            self.outlet.step(self.now_s, 1.0, 0.0)
            self.wiring.flow(self.now_s, self.now_s, 1.0)
            self.checks.observe(self.now_s, self.now_s)

    def rules(self) -> set[str]:
        """What was found."""
        return {violation.rule for violation in self.checks.violations}

    def _known(self, _place: Place) -> int | None:
        return self.known


def _on_a_loop(story: Callable[[Bench], None]) -> None:
    async def main() -> None:
        story(Bench())
        await asyncio.sleep(0)

    run_virtually(main())


def test_currents_add_up_on_the_phases_they_are_wired_to() -> None:
    def story(bench: Bench) -> None:
        bench.charge(16_000, Car(phases=2, dead_time_s=0.0, max_ma=16_000))
        bench.pass_time(30)

        assert bench.wiring.total("panel") == PerPhase(0, 16_000, 16_000)
        main = bench.wiring.total("main")
        assert abs(main.l1 - 10_000) <= 400
        assert abs(main.l2 - 26_000) <= 400
        assert bench.rules() == set()

    _on_a_loop(story)


def test_what_does_not_fit_for_long_is_found_only_where_it_could_be_lowered() -> None:
    def story(bench: Bench) -> None:
        bench.charge(26_000, Car(phases=1, dead_time_s=0.0, max_ma=8_000))
        bench.pass_time(100)
        assert bench.rules() == set(), "nobody can reach the charger: its dead-man time runs"
        bench.charger.linked_for_test = True
        bench.pass_time(40)

        assert bench.rules() == {"commanded currents must fit"}
        assert any("panel L2" in violation.detail for violation in bench.checks.violations)

    _on_a_loop(story)


def test_a_limit_between_zero_and_the_minimum_is_found() -> None:
    def story(bench: Bench) -> None:
        bench.charge(3_000, Car())
        bench.pass_time(1)

        assert bench.rules() == {"never between 0 and the minimum"}

    _on_a_loop(story)


def test_a_charger_that_keeps_its_limit_alone_for_too_long_is_found() -> None:
    def story(bench: Bench) -> None:
        bench.charge(10_000, Car())
        bench.pass_time(140)
        assert bench.rules() == set()
        bench.pass_time(10)

        assert bench.rules() == {"the dead man's limit"}

    _on_a_loop(story)


def test_a_tripped_breaker_and_long_overloads_are_found() -> None:
    def story(bench: Bench) -> None:
        bench.charge(32_000, Car(phases=1, max_ma=32_000, dead_time_s=0.0))
        bench.pass_time(120)
        bench.checks.finish(bench.now_s)

        assert {"breaker tripped", "seconds above 1.13 × the fuse"} <= bench.rules()

    _on_a_loop(story)


def test_what_the_disk_does_not_know_is_found() -> None:
    def story(bench: Bench) -> None:
        bench.charge(6_000, Car())
        bench.checks.finish(1.0, lambda _: False)
        assert bench.rules() == set(), "it runs, and the disk says so"
        bench.charger.sessions[0].ended = True
        bench.checks.finish(1.0, lambda _: False)
        assert bench.rules() == {"nothing that was acknowledged is lost"}
        bench.checks.finish(1.0, lambda _: None)

        assert ["no stop" in str(one) for one in bench.checks.violations] == [True]

    _on_a_loop(story)


def test_repeated_transaction_ids_are_found() -> None:
    def story(bench: Bench) -> None:
        bench.charge(6_000, Car())
        bench.charge(6_000, Car())
        bench.checks.finish(1.0)

        assert bench.rules() == {"transaction ids never repeat"}

    _on_a_loop(story)
