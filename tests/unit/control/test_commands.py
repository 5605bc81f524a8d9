"""An operation has exactly one outcome and leaves its record, whatever becomes of it."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from chargemon_edge.control.commands import Commands, Refused
from chargemon_edge.control.ports import Answered, Busy, CallErrored, Offline, Outcome, RestoredOperations, TimedOut
from chargemon_edge.control.present import Present
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site import facts
from chargemon_edge.site.facts import Fact, Moment
from chargemon_edge.site.operation_facts import OperationEnded, OperationRequested
from chargemon_edge.site.picture import SitePicture
from tests.unit.control.fakes import UTC_MS, FakeChargePoints, FakeClock, FakeJournal, two_chargers
from tests.unit.control.test_guard import profile, put

RESET = m.ResetRequest(type="Soft")
ACCEPTED = Answered(response=m.ResetResponse(status="Accepted"), sent_mono_s=1000.0)
CLEARED = Answered(response=m.ClearChargingProfileResponse(status="Accepted"), sent_mono_s=1000.0)


class Scene:
    """Commands with everything behind them."""

    def __init__(self, answers: dict[str, Outcome] | None = None, *, at_once: bool = True, quiet: bool = False) -> None:
        site = two_chargers()
        site = replace(site, charge_points=tuple(replace(one, quiet=quiet) for one in site.charge_points))
        self.journal = FakeJournal(at_once=at_once)
        self.charge_points = FakeChargePoints(answers or {})
        self.present = Present(site, SitePicture(started=Moment(1000.0, UTC_MS)))
        self.commands = Commands(
            present=self.present,
            charge_points=self.charge_points,
            journal=self.journal,
            clock=FakeClock(),
            restored=RestoredOperations(next_number=41),
        )

    def execute(self, request: m.Request, charge_point: str = "CP1") -> Outcome | Refused:
        return asyncio.run(self._execute(request, charge_point))

    async def _execute(self, request: m.Request, charge_point: str) -> Outcome | Refused:
        return await self.commands.execute(charge_point, request, by="operator A", deadline_s=5)

    @property
    def kept(self) -> list[Fact]:
        return [*self.journal.committed, *self.journal.recorded]

    @property
    def ended(self) -> OperationEnded:
        (found,) = [fact for fact in self.kept if isinstance(fact, OperationEnded)]
        return found

    @property
    def in_doubt(self) -> list[Fact]:
        return [fact for fact in self.kept if isinstance(fact, facts.ProfilesInDoubt)]


def test_the_record_is_durable_before_anything_is_sent() -> None:
    scene = Scene({"Reset": ACCEPTED}, at_once=False)

    async def act() -> Outcome | Refused:
        running = asyncio.create_task(scene.commands.execute("CP1", RESET, by="operator A"))
        await asyncio.sleep(0)
        assert scene.charge_points.asked == []
        scene.journal.flush()
        for _ in range(3):
            await asyncio.sleep(0)
        assert len(scene.charge_points.asked) == 1
        # nor is anybody told of an outcome before it is
        assert not running.done()
        scene.journal.flush()
        return await running

    assert asyncio.run(act()) == ACCEPTED
    asked, _ = scene.journal.committed
    assert asked == OperationRequested(
        at=Moment(1000.0, UTC_MS),
        number=41,
        charge_point="CP1",
        action="Reset",
        by="operator A",
        payload='{"type":"Soft"}',
    )
    assert scene.ended == OperationEnded(
        at=Moment(1000.0, UTC_MS),
        number=41,
        charge_point="CP1",
        action="Reset",
        by="operator A",
        result="Accepted",
        detail='{"status":"Accepted"}',
    )


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        (Answered(response=m.ResetResponse(status="Rejected"), sent_mono_s=0.0), "Rejected"),
        (CallErrored(code="NotImplemented", description="no"), "NotImplemented"),
        (TimedOut(), "no answer"),
        (Offline(), "not connected"),
        (Busy(), "busy"),
    ],
)
def test_every_outcome_is_handed_back_and_recorded(outcome: Outcome, result: str) -> None:
    scene = Scene({"Reset": outcome})

    assert scene.execute(RESET) == outcome
    assert scene.ended.result == result


def test_nothing_is_sent_to_a_charge_point_without_a_link_and_the_record_says_so() -> None:
    scene = Scene({"Reset": ACCEPTED})
    scene.charge_points.links.clear()

    assert scene.execute(RESET) == Offline()
    assert scene.charge_points.asked == []
    assert scene.ended.result == "not connected"


def test_what_the_guard_refuses_is_not_sent_and_the_record_says_why() -> None:
    scene = Scene()

    outcome = scene.execute(put(profile(32.0)))

    assert isinstance(outcome, Refused)
    assert scene.charge_points.asked == []
    assert (scene.ended.result, scene.ended.detail) == ("refused", outcome.reason)


def test_a_disk_that_fails_does_not_keep_a_car_from_being_stopped() -> None:
    stopped = Answered(response=m.RemoteStopTransactionResponse(status="Accepted"), sent_mono_s=0.0)
    scene = Scene({"RemoteStopTransaction": stopped}, at_once=False)

    async def act() -> Outcome | Refused:
        stop = m.RemoteStopTransactionRequest(transaction_id=9)
        running = asyncio.create_task(scene.commands.execute("CP1", stop, by="operator A"))
        for _ in range(2):
            for _ in range(3):
                await asyncio.sleep(0)
            scene.journal.flush(OSError("disk full"))
        return await running

    assert asyncio.run(act()) == stopped


def test_numbers_rise() -> None:
    scene = Scene({"Reset": ACCEPTED})
    scene.execute(RESET)
    taken = scene.commands.take_number()
    scene.execute(RESET)

    assert [fact.number for fact in scene.journal.committed if isinstance(fact, OperationRequested)] == [41, 43]
    assert taken == 42


def test_followers_hear_of_answers_and_of_nothing_else() -> None:
    scene = Scene({"Reset": ACCEPTED, "ClearCache": TimedOut()})
    heard: list[tuple[str, m.Request, m.Response]] = []
    scene.commands.follow(lambda *heard_of: heard.append(heard_of))

    scene.execute(RESET)
    scene.execute(m.ClearCacheRequest())

    assert heard == [("CP1", RESET, ACCEPTED.response)]


class _NeverAnswers(FakeChargePoints):
    async def call(self, charge_point: str, request: m.Request, deadline_s: float) -> Outcome:
        await asyncio.get_running_loop().create_future()
        raise AssertionError("unreachable")


def test_whoever_goes_away_leaves_a_record_that_says_so() -> None:
    scene = Scene()
    scene.commands._charge_points = _NeverAnswers({})

    async def act() -> None:
        running = asyncio.create_task(scene.commands.execute("CP1", RESET, by="operator A"))
        for _ in range(3):
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(act())
    assert scene.ended.result == "abandoned"


@pytest.mark.parametrize(
    ("outcome", "in_doubt"),
    [
        (CLEARED, 1),
        (TimedOut(), 1),
        (Answered(response=m.ClearChargingProfileResponse(status="Unknown"), sent_mono_s=0.0), 0),
        (CallErrored(code="NotImplemented", description=""), 0),
        (Offline(), 0),
    ],
)
def test_after_a_clearing_nothing_of_ours_is_believed_to_be_held(outcome: Outcome, in_doubt: int) -> None:
    scene = Scene({"ClearChargingProfile": outcome})
    at = Moment(1000.0, UTC_MS)
    scene.present.apply((facts.FailSafeHeld(at=at, charge_point="CP1", connector=1, fallback_ma=6_000),))

    scene.execute(m.ClearChargingProfileRequest())

    assert len(scene.in_doubt) == in_doubt
    assert scene.present.picture.connector("CP1", 1).fail_safe_ma == (None if in_doubt else 6_000)


def test_a_profile_for_a_quiet_charge_point_goes_out_and_leaves_its_own_in_doubt() -> None:
    answer = Answered(response=m.SetChargingProfileResponse(status="Accepted"), sent_mono_s=0.0)
    scene = Scene({"SetChargingProfile": answer}, quiet=True)

    assert scene.execute(put(profile(32.0))) == answer
    assert len(scene.in_doubt) == 1
