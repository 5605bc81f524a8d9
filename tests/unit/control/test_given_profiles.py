"""A profile that somebody gave a running transaction goes when the balancing allows less, and not before."""

from __future__ import annotations

import asyncio

import pytest

from chargemon_edge.balancing.plan import ConnectorLimit, Plan
from chargemon_edge.control.given_profiles import GivenProfiles
from chargemon_edge.control.ports import Answered, GivenProfile, Outcome, TimedOut
from chargemon_edge.control.redaction import fit_for_records
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site import facts
from chargemon_edge.site.facts import Moment
from chargemon_edge.site.layout import ConnectorKey
from tests.unit.control.fakes import UTC_MS, FakeChargePoints, House
from tests.unit.control.test_guard import profile, put

START = m.StartTransactionRequest(connector_id=1, id_tag="CARD-A", meter_start=100, timestamp="2027-01-15T08:00:00Z")
GIVEN = put(profile(6.0, charging_profile_purpose="TxProfile", charging_profile_id=10_005))
REMOTE = m.RemoteStartTransactionRequest(id_tag="CARD-A", charging_profile=GIVEN.cs_charging_profiles)
TAKEN = m.SetChargingProfileResponse(status="Accepted")
CLEARED = Answered(response=m.ClearChargingProfileResponse(status="Accepted"), sent_mono_s=0.0)


class Scene(House):
    """CP1 charges."""

    def __init__(self, answer: Outcome = CLEARED, *, restored: tuple[GivenProfile, ...] = ()) -> None:
        super().__init__()
        self.charge_points = FakeChargePoints({"ClearChargingProfile": answer})
        self.given = GivenProfiles(self.present, self.charge_points, self.clock, restored)
        self.ask(START)

    def after(self, *limits_ma: int, apart_s: float = 0.0) -> list[m.Request]:
        """What CP1 was asked while the balancing allowed these, one after the other."""

        async def act() -> None:
            running = asyncio.create_task(self.given.run())
            for limit_ma in limits_ma:
                limit = ConnectorLimit(limit_ma=limit_ma, source="fuse", reason="")
                limits = {ConnectorKey("CP1", 1): limit}
                self.present.set_plan(Plan(at_mono_s=0.0, armed=True, why="balancing", limits=limits))
                for _ in range(5):
                    await asyncio.sleep(0)
                self.clock.now_s += apart_s
            running.cancel()

        asyncio.run(act())
        return [request for _, request in self.charge_points.asked]


@pytest.mark.parametrize("request_", [GIVEN, REMOTE])
def test_it_stays_while_the_balancing_allows_as_much_and_goes_once_when_it_does_not(request_: m.Request) -> None:
    scene = Scene()
    scene.given.answered("CP1", request_, TAKEN)

    assert scene.after(32_000, 6_000) == []
    assert scene.after(5_900, 0) == [m.ClearChargingProfileRequest(id=10_005)]


def test_one_that_is_not_cleared_is_asked_again_a_minute_later() -> None:
    scene = Scene(TimedOut())
    scene.given.answered("CP1", GIVEN, TAKEN)

    assert len(scene.after(0, 0, 0, apart_s=31.0)) == 2


def test_one_that_was_not_taken_or_is_no_tx_profile_is_left_alone() -> None:
    scene = Scene()
    scene.given.answered("CP1", GIVEN, m.SetChargingProfileResponse(status="Rejected"))
    scene.given.answered("CP1", put(profile(6.0)), TAKEN)
    scene.given.answered("CP1", m.RemoteStartTransactionRequest(id_tag="A"), TAKEN)

    assert scene.after(0) == []


def test_it_ends_with_its_transaction() -> None:
    scene = Scene()
    scene.given.answered("CP1", GIVEN, TAKEN)
    scene.ask(m.StopTransactionRequest(meter_stop=900, timestamp="2027-01-15T09:00:00Z", transaction_id=77))
    scene.ask(m.StartTransactionRequest(connector_id=1, id_tag="CARD-A", meter_start=900, timestamp="later"))

    assert scene.after(0) == []


def test_without_a_link_nobody_is_asked() -> None:
    scene = Scene()
    scene.given.answered("CP1", GIVEN, TAKEN)
    scene.charge_points.links.clear()

    assert scene.after(0) == []


def test_after_a_restart_the_record_of_the_operation_is_enough() -> None:
    record = GivenProfile(charge_point="CP1", action=REMOTE.action, payload=fit_for_records(REMOTE))
    unreadable = GivenProfile(charge_point="CP1", action="SetChargingProfile", payload='{"connectorId":1}')
    scene = Scene(restored=(unreadable, record))

    assert scene.after(0) == [m.ClearChargingProfileRequest(id=10_005)]


def test_the_end_of_another_transaction_changes_nothing() -> None:
    scene = Scene()
    scene.given.answered("CP1", GIVEN, TAKEN)
    other = facts.TransactionStopped(
        at=Moment(1000.0, UTC_MS),
        charge_point="CP2",
        connector=1,
        transaction_id=5,
        meter_stop_wh=None,
        stopped_utc_ms=None,
        reason="Local",
    )
    scene.present.apply((other,))

    assert scene.after(0) == [m.ClearChargingProfileRequest(id=10_005)]
