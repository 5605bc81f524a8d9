"""The balancer's tick with the real regulator: what is sent, and what each answer makes of it."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import msgspec

from chargemon_edge.balancing.plan import Decision
from chargemon_edge.balancing.policy import Policy
from chargemon_edge.balancing.regulator import Regulator
from chargemon_edge.control.balance import Balance
from chargemon_edge.control.ports import Answered, Offline, Outcome, Superseded, TimedOut
from chargemon_edge.control.present import Present
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.sim.virtual_loop import run_virtually
from chargemon_edge.site import facts
from chargemon_edge.site.clock_facts import TimeTold
from chargemon_edge.site.facts import Moment
from chargemon_edge.site.layout import Circuit, ConnectorKey
from chargemon_edge.site.picture import SitePicture
from chargemon_edge.site.units import same_on_all
from tests.unit.control.fakes import UTC_MS, FakeChargePoints, FakeJournal, FakeModels, corrected, two_chargers


class LoopClock:
    """The virtual loop's time."""

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    def utc_ms(self) -> int:
        return UTC_MS + round(self.monotonic_s() * 1000)


class Scene:
    """One charge point that charges on a site without a meter, and the balancer."""

    def __init__(self) -> None:
        self.clock = LoopClock()
        self.journal = FakeJournal()
        self.charge_points = FakeChargePoints({})
        self.present = Present(two_chargers(), SitePicture(started=self.now()))
        self.balance = Balance(
            present=self.present,
            regulator=Regulator(self.present.site, Policy()),
            charge_points=self.charge_points,
            journal=self.journal,
            clock=self.clock,
            policy=Policy(),
            models=FakeModels(),
        )

    def now(self) -> Moment:
        return Moment(self.clock.monotonic_s(), self.clock.utc_ms())

    def charging(self) -> None:
        at = self.now()
        self.present.apply(
            (
                facts.LinkOpened(at=at, charge_point="CP1", remote="127.0.0.1"),
                facts.FailSafeHeld(at=at, charge_point="CP1", connector=1, fallback_ma=6_000),
                facts.FailSafeHeld(at=at, charge_point="CP2", connector=1, fallback_ma=6_000),
                facts.TransactionStarted(
                    at=at,
                    charge_point="CP1",
                    connector=1,
                    transaction_id=5,
                    id_tag="A",
                    id_tag_status="Accepted",
                    meter_start_wh=0,
                    started_utc_ms=None,
                    started_text="",
                ),
            )
        )


def play(act: Callable[[Scene], None], *, seconds: float = 3) -> Scene:
    """A scene in which CP1 charges and *act* happens once the first limit is offered."""

    async def run() -> Scene:
        scene = Scene()
        balancing = asyncio.create_task(scene.balance.run())
        await asyncio.sleep(0)
        scene.charging()
        await asyncio.sleep(0.5)
        act(scene)
        await asyncio.sleep(seconds)
        balancing.cancel()
        return scene

    return run_virtually(run())


def answer(scene: Scene, outcome: Outcome) -> None:
    scene.charge_points.offered[-1][3](outcome)


def test_start_is_followed_by_a_lease_within_a_quarter_of_a_second() -> None:
    scene = play(lambda _: None, seconds=0.1)

    (charge_point, connector, request, _) = scene.charge_points.offered[0]
    assert (charge_point, connector) == ("CP1", 1)
    assert isinstance(request, m.SetChargingProfileRequest)
    profile = request.cs_charging_profiles
    assert (profile.charging_profile_purpose, profile.transaction_id) == ("TxProfile", 5)
    periods = profile.charging_schedule.charging_schedule_period
    assert (periods[1].start_period, periods[1].limit) == (30 + 120, 6.0)
    assert scene.present.plan is not None


def test_accepted_limit_is_held_and_written_once() -> None:
    accepted = Answered(response=m.SetChargingProfileResponse(status="Accepted"), sent_mono_s=1000.3)

    scene = play(lambda scene: answer(scene, accepted), seconds=0.1)

    held = scene.present.picture.connector("CP1", 1).held
    assert held is not None
    assert held.sent_mono_s == 1000.3
    written = [fact for fact in scene.journal.recorded if isinstance(fact, facts.LimitHeld)]
    assert [fact.limit_ma for fact in written] == [held.limit_ma]


def test_lease_is_renewed_at_half_its_time_and_not_written_again() -> None:
    class Obedient(FakeChargePoints):
        def offer_limit(
            self, charge_point: str, connector: int, request: m.Request, done: Callable[[Outcome], None]
        ) -> None:
            super().offer_limit(charge_point, connector, request, done)
            loop = asyncio.get_running_loop()
            accepted = Answered(response=m.SetChargingProfileResponse(status="Accepted"), sent_mono_s=loop.time())
            loop.call_soon(done, accepted)

    async def run() -> Scene:
        scene = Scene()
        scene.charge_points = Obedient({})
        scene.balance = Balance(
            present=scene.present,
            regulator=Regulator(scene.present.site, Policy()),
            charge_points=scene.charge_points,
            journal=scene.journal,
            clock=scene.clock,
            policy=Policy(),
            models=FakeModels(),
        )
        balancing = asyncio.create_task(scene.balance.run())
        await asyncio.sleep(0)
        scene.charging()
        await asyncio.sleep(600)
        balancing.cancel()
        return scene

    scene = run_virtually(run())

    amperes = [
        request.cs_charging_profiles.charging_schedule.charging_schedule_period[0].limit
        for _, _, request, _ in scene.charge_points.offered
        if isinstance(request, m.SetChargingProfileRequest)
    ]
    assert amperes[-5:] == [amperes[-1]] * 5
    written = [fact.limit_ma for fact in scene.journal.recorded if isinstance(fact, facts.LimitHeld)]
    assert len(written) == len(set(written)) < len(amperes)


def test_refused_limit_is_reported_with_the_charger_s_own_word() -> None:
    rejected = Answered(response=m.SetChargingProfileResponse(status="Rejected"), sent_mono_s=1000.3)

    scene = play(lambda scene: answer(scene, rejected), seconds=0.01)

    refused = scene.present.picture.connector("CP1", 1).refused
    assert refused is not None
    assert refused.outcome == "Rejected"


def test_silence_and_loss_of_the_link_are_told_apart() -> None:
    def outcome_of(outcome: Outcome) -> str:
        refused = play(lambda scene: answer(scene, outcome), seconds=0.01).present.picture.connector("CP1", 1).refused
        assert refused is not None
        return refused.outcome

    assert outcome_of(TimedOut()) == "no answer"
    assert outcome_of(Offline()) == "offline"


def test_superseded_limit_is_no_news() -> None:
    scene = play(lambda scene: answer(scene, Superseded()), seconds=0.01)

    connector = scene.present.picture.connector("CP1", 1)
    assert connector.held is None
    assert connector.refused is None


def test_a_limit_in_doubt_is_written_again_at_once() -> None:
    def cleared(scene: Scene) -> None:
        accepted = m.SetChargingProfileResponse(status="Accepted")
        answer(scene, Answered(response=accepted, sent_mono_s=scene.clock.monotonic_s()))
        scene.present.apply(
            (facts.ProfilesInDoubt(at=scene.now(), charge_point="CP1", connector=1, reason="ClearChargingProfile"),)
        )

    scene = play(cleared, seconds=0.5)

    _, again = scene.charge_points.offered
    assert again[:2] == ("CP1", 1)
    assert isinstance(again[2], m.SetChargingProfileRequest)
    assert again[2].cs_charging_profiles.charging_profile_purpose == "TxProfile"
    # what the main fuse leaves beside the other charge point: until it is taken, the whole 32 A are counted
    assert again[2].cs_charging_profiles.charging_schedule.charging_schedule_period[0].limit == 26.0


class Accepting(FakeChargePoints):
    """Takes every limit; remembers when."""

    def __init__(self) -> None:
        super().__init__({})
        self.taken: list[tuple[float, float]] = []

    def offer_limit(
        self, charge_point: str, connector: int, request: m.Request, done: Callable[[Outcome], None]
    ) -> None:
        now_s = asyncio.get_running_loop().time()
        assert isinstance(request, m.SetChargingProfileRequest)
        limit_a = request.cs_charging_profiles.charging_schedule.charging_schedule_period[0].limit
        self.taken.append((now_s, limit_a))
        done(Answered(response=m.SetChargingProfileResponse(status="Accepted"), sent_mono_s=now_s))

    def limits_within(self, begin_s: float, end_s: float) -> list[float]:
        return [limit_a for at_s, limit_a in self.taken if begin_s <= at_s < end_s]


def rewire(scene: Scene, fuse_a: int) -> None:
    """The main fuse becomes another one while everything runs."""
    site = scene.present.site
    wired = msgspec.structs.replace(site, circuits=(Circuit(name="main", fuse_ma=same_on_all(fuse_a * 1000)),))
    scene.present.replace_site(wired)
    scene.balance.replace(Regulator(wired, Policy()), Policy())


def play_rewired(fuse_a: int) -> tuple[Accepting, float]:
    """CP1 has charged for two minutes when the main fuse becomes *fuse_a*; what it was told, and when that was."""

    async def run() -> tuple[Accepting, float]:
        scene, charge_points = Scene(), Accepting()
        scene.balance._charge_points = charge_points
        balancing = asyncio.create_task(scene.balance.run())
        await asyncio.sleep(0)
        scene.charging()
        await asyncio.sleep(120)
        at_s = scene.clock.monotonic_s()
        rewire(scene, fuse_a)
        await asyncio.sleep(60)
        balancing.cancel()
        return charge_points, at_s

    return run_virtually(run())


def test_smaller_fuse_lowers_at_once() -> None:
    charge_points, at_s = play_rewired(14)

    before_a = charge_points.limits_within(0, at_s)[-1]
    assert before_a == 26.0
    # the other charge point is not there: its fallback of 6 A stays reserved
    assert charge_points.limits_within(at_s, at_s + 0.1) == [8.0]


def test_larger_fuse_raises_nobody_before_decreases_would_be_followed() -> None:
    charge_points, at_s = play_rewired(63)

    assert max(charge_points.limits_within(at_s, at_s + Policy().settle_s), default=0.0) <= 26.0
    assert max(charge_points.limits_within(at_s, at_s + 60)) == 32.0


def test_order_on_its_way_is_counted_by_the_next_regulator() -> None:
    # CP1's first limit is offered and not answered
    scene = play(lambda scene: rewire(scene, 63), seconds=12)

    assert scene.present.plan is not None
    limit = scene.present.plan.limits[ConnectorKey("CP1", 1)]
    assert limit.reason.startswith("answer overdue")


def test_a_storm_of_events_leaves_the_loop_to_others() -> None:
    """On a slow machine with many chargers a decision takes long: fewer of them then, but never far apart."""

    class SlowClock(LoopClock):
        spent_s = 0.0

        def monotonic_s(self) -> float:
            return super().monotonic_s() + self.spent_s

    class SlowRegulator(Regulator):
        clock: SlowClock
        takes_s = 0.0
        ticks = 0

        def tick(self, picture: SitePicture, now_s: float, *, may_raise: bool = True) -> Decision:
            self.ticks += 1
            self.clock.spent_s += self.takes_s
            return super().tick(picture, now_s, may_raise=may_raise)

    async def ticks(takes_s: float) -> int:
        scene = Scene()
        scene.clock = clock = SlowClock()
        regulator = SlowRegulator(scene.present.site, Policy())
        regulator.clock, regulator.takes_s = clock, takes_s
        scene.balance = Balance(
            present=scene.present,
            regulator=regulator,
            charge_points=scene.charge_points,
            journal=scene.journal,
            clock=clock,
            policy=Policy(),
            models=FakeModels(),
        )
        balancing = asyncio.create_task(scene.balance.run())
        for _ in range(100):
            await asyncio.sleep(0.1)
            link_closed = facts.LinkClosed(at=scene.now(), charge_point="CP1", reason="gone")
            scene.present.apply((link_closed,))
        balancing.cancel()
        return regulator.ticks

    counted = [run_virtually(ticks(takes_s)) for takes_s in (0.0, 0.02, 0.2)]

    assert 25 <= counted[0] <= 40
    assert 8 <= counted[1] <= 12
    assert 4 <= counted[2] <= 7


def test_who_has_not_heard_that_our_time_was_moved_on_gets_leases_dated_by_the_old_one() -> None:
    """A lease that is yet to begin would hold nobody."""

    def begins(by_ms: int, *, told: bool) -> float:
        def act(scene: Scene) -> None:
            answer(scene, Answered(response=m.SetChargingProfileResponse(status="Accepted"), sent_mono_s=1000.3))
            scene.present.apply((corrected(scene.now(), by_ms),))
            if told:
                scene.present.apply((TimeTold(at=scene.now(), charge_point="CP1"),))

        scene = play(act, seconds=4.5)
        starts = []
        for _, _, request, _ in scene.charge_points.offered:
            assert isinstance(request, m.SetChargingProfileRequest)
            starts.append(request.cs_charging_profiles.charging_schedule.start_schedule)
        first, *_, last = (datetime.fromisoformat(start) for start in starts if start is not None)
        return (last - first).total_seconds()

    # the clock of this scene itself is not moved
    assert 0 < begins(3_600_000, told=True) < 10
    assert -3_600 < begins(3_600_000, told=False) < -3_590
    assert 0 < begins(-3_600_000, told=False) < 10


def test_after_our_time_was_set_every_lease_is_dated_anew_once_chargers_have_heard_of_it() -> None:
    taken = m.SetChargingProfileResponse(status="Accepted")

    def correct(scene: Scene) -> None:
        scene.present.apply((corrected(scene.now(), 86_400_000),))

    def act(scene: Scene) -> None:
        answer(scene, Answered(response=taken, sent_mono_s=scene.clock.monotonic_s()))
        asyncio.get_running_loop().call_later(1, correct, scene)

    early, late = play(act, seconds=3.5), play(act, seconds=4.5)

    assert len(early.charge_points.offered) == 1
    assert len(late.charge_points.offered) == 2
    assert late.charge_points.offered[1][2] != late.charge_points.offered[0][2]
