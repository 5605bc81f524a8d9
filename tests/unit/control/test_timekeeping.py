"""What the daemon does when its time changes: facts, dates, and chargers that must hear of it."""

from __future__ import annotations

from chargemon_edge.control.ports import RestoredClock
from chargemon_edge.control.present import Present
from chargemon_edge.control.timekeeping import Timekeeping, resume
from chargemon_edge.site.clock_facts import ClockApart, ClockBegun, ClockCorrected
from chargemon_edge.site.facts import LinkOpened, Moment
from chargemon_edge.site.picture import SitePicture
from tests.unit.clock.machine import DAY_MS, NOW_MS, Machine
from tests.unit.control.fakes import FakeJournal, two_chargers


class Dates:
    """Remembers what it was to put right."""

    def __init__(self) -> None:
        self.facts: list[ClockCorrected] = []

    def redate(self, fact: ClockCorrected) -> None:
        self.facts.append(fact)


class Scene:
    """A run of the daemon on *machine*."""

    def __init__(self, machine: Machine, *, kept_by_hardware: bool = False) -> None:
        self.machine = machine
        self.clock = machine.site_clock(kept_by_hardware=kept_by_hardware)
        resume(
            self.clock,
            RestoredClock(newest_utc_ms=NOW_MS, boot="", offset_ms=0, source=None, doubted_since_utc_ms=None),
        )
        self.journal = FakeJournal()
        self.dates = Dates()
        self.present = Present(two_chargers(), SitePicture(started=Moment(machine.mono_s, self.clock.utc_ms())))
        self.timekeeping = Timekeeping(self.clock, self.present, self.journal, self.dates)
        self.timekeeping.begin()


def test_a_start_says_by_which_time_it_records() -> None:
    scene = Scene(Machine(utc_ms=0))

    (begun,) = scene.journal.recorded
    assert isinstance(begun, ClockBegun)
    assert (begun.boot, begun.source, begun.doubted_since_utc_ms) == ("b1", None, NOW_MS + 1)
    assert not scene.present.picture.clock.trusted


def test_once_the_time_is_known_records_and_picture_are_put_right() -> None:
    machine = Machine(utc_ms=0)
    scene = Scene(machine)
    machine.pass_s(10)
    at = Moment(machine.mono_s, scene.clock.utc_ms())
    scene.present.apply((LinkOpened(at=at, charge_point="CP1", remote="192.0.2.1"),))
    machine.pass_s(10)
    machine.wall_ms, machine.service = NOW_MS + DAY_MS, "chrony"
    told: list[str] = []
    scene.timekeeping.corrected.append(lambda: told.append("told"))

    scene.timekeeping.look()

    (fact,) = scene.dates.facts
    assert scene.journal.recorded[-1] is fact
    assert fact.at.utc_ms == NOW_MS + DAY_MS
    entry = scene.present.charge_point("CP1")
    assert entry is not None
    assert entry.link_changed == Moment(at.mono_s, NOW_MS + DAY_MS - 10_000)
    assert scene.present.picture.clock.trusted
    assert scene.present.picture.clock.corrected_mono_s == machine.mono_s
    assert told == ["told"]


def test_a_step_that_nobody_confirms_is_a_fact_and_moves_nothing() -> None:
    machine = Machine()
    scene = Scene(machine, kept_by_hardware=True)
    machine.wall_ms += DAY_MS

    scene.timekeeping.look()
    scene.timekeeping.look()

    assert [type(fact) for fact in scene.journal.recorded] == [ClockBegun, ClockApart]
    assert scene.present.picture.clock.machine_ahead_ms == DAY_MS
    assert scene.present.picture.clock.trusted
    assert scene.dates.facts == []


def test_a_confirmation_names_who_gave_it() -> None:
    machine = Machine()
    scene = Scene(machine, kept_by_hardware=True)
    machine.wall_ms += DAY_MS
    scene.timekeeping.look()

    scene.timekeeping.confirm("token anna")

    assert scene.present.picture.clock.source == "confirmed by token anna"
    assert scene.clock.utc_ms() == machine.utc_ms()


def test_a_correction_that_no_charger_notices_disturbs_none() -> None:
    machine = Machine(utc_ms=NOW_MS - 5_000)
    scene = Scene(machine)
    machine.wall_ms, machine.service = NOW_MS + 3_000, "chrony"

    scene.timekeeping.look()

    assert scene.present.picture.clock.trusted
    assert scene.present.picture.clock.corrected_mono_s == float("-inf")
