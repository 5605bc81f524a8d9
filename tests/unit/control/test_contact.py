"""What a charge point is asked when it appears, in virtual time."""

import asyncio
from typing import Any

import msgspec

from chargemon_edge.control.contact import Contact
from chargemon_edge.control.ports import Answered, Outcome, TimedOut
from chargemon_edge.control.present import Present
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.sim.virtual_loop import run_virtually
from chargemon_edge.site import facts
from chargemon_edge.site.clock_facts import ClockCorrected
from chargemon_edge.site.facts import Moment
from chargemon_edge.site.picture import SitePicture
from tests.unit.control.fakes import UTC_MS, FakeChargePoints, FakeClock, FakeJournal, FakeModels, two_chargers


def accepted(response: m.Response) -> Answered:
    return Answered(response=response, sent_mono_s=0.0)


GOOD: dict[str, Outcome] = {
    "ClearChargingProfile": accepted(m.ClearChargingProfileResponse(status="Accepted")),
    "SetChargingProfile": accepted(m.SetChargingProfileResponse(status="Accepted")),
    "TriggerMessage": accepted(m.TriggerMessageResponse(status="Accepted")),
}


def asked(
    answers: dict[str, Outcome],
    *new: facts.Fact,
    seconds: float = 10,
    quiet: bool = False,
    linked: bool = True,
    **quirks: Any,
) -> list[str]:
    """The actions that CP1 was asked, after these facts and so many seconds."""
    charge_points = FakeChargePoints(answers)
    if not linked:
        charge_points.links.clear()
    site = two_chargers()
    if quiet:
        site = msgspec.structs.replace(
            site, charge_points=tuple(msgspec.structs.replace(one, quiet=True) for one in site.charge_points)
        )
    present = Present(site, SitePicture(started=Moment(1000.0, UTC_MS)))

    async def scene() -> None:
        contact = Contact(
            present=present,
            charge_points=charge_points,
            journal=FakeJournal(),
            clock=FakeClock(),
            models=FakeModels(**quirks),
        )
        talking = asyncio.create_task(contact.run())
        await asyncio.sleep(0)
        present.apply(new)
        await asyncio.sleep(seconds)
        talking.cancel()

    run_virtually(scene())
    return [request.action for _, request in charge_points.asked]


OPENED = facts.LinkOpened(at=Moment(1000.0, UTC_MS), charge_point="CP1", remote="127.0.0.1")
HELD = facts.FailSafeHeld(at=Moment(999.0, UTC_MS), charge_point="CP1", connector=1, fallback_ma=6_000)
REPORTED = facts.StatusReported(
    at=Moment(1001.0, UTC_MS), charge_point="CP1", connector=1, status="Available", error_code="NoError"
)


def test_first_contact_clears_foreign_profiles_then_sets_the_fail_safe_then_asks_the_status() -> None:
    assert asked(GOOD, OPENED) == ["ClearChargingProfile", "SetChargingProfile", "TriggerMessage"]


def test_later_contact_clears_nothing() -> None:
    assert asked(GOOD, HELD, OPENED) == ["SetChargingProfile", "TriggerMessage"]


def test_charger_that_told_its_status_is_not_asked_for_it() -> None:
    assert asked(GOOD, HELD, OPENED, REPORTED) == ["SetChargingProfile"]


def test_boot_right_after_the_link_makes_one_conversation() -> None:
    booted = facts.ChargePointBooted(at=Moment(1000.5, UTC_MS), charge_point="CP1", vendor="V", model="M")

    assert asked(GOOD, HELD, OPENED, booted) == ["SetChargingProfile", "TriggerMessage"]


def test_charger_that_never_answers_is_asked_again_later_and_later() -> None:
    silent: dict[str, Outcome] = {**GOOD, "SetChargingProfile": TimedOut()}

    assert asked(silent, HELD, OPENED, REPORTED, seconds=59).count("SetChargingProfile") == 1
    assert asked(silent, HELD, OPENED, REPORTED, seconds=400).count("SetChargingProfile") == 3
    assert asked(silent, HELD, OPENED, REPORTED, seconds=40_000).count("SetChargingProfile") == 5


def test_quiet_charge_point_is_asked_nothing() -> None:
    assert asked(GOOD, OPENED, quiet=True) == []


def test_charger_with_a_budget_of_triggers_gets_no_more() -> None:
    assert asked(GOOD, OPENED, triggers_per_hour=0) == ["ClearChargingProfile", "SetChargingProfile"]
    assert asked(GOOD, OPENED, triggers_per_hour=1) == ["ClearChargingProfile", "SetChargingProfile", "TriggerMessage"]


def test_conversation_ends_with_the_link() -> None:
    closed = facts.LinkClosed(at=Moment(1000.1, UTC_MS), charge_point="CP1", reason="gone")

    assert asked(GOOD, OPENED, closed, linked=False) == []


def test_profiles_in_doubt_are_written_again_at_once_and_nothing_else_is_cleared() -> None:
    in_doubt = facts.ProfilesInDoubt(at=Moment(1010.0, UTC_MS), charge_point="CP1", connector=1, reason="cleared")

    assert asked(GOOD, HELD, REPORTED, in_doubt, seconds=0.1)[0] == "SetChargingProfile"
    assert "ClearChargingProfile" not in asked(GOOD, HELD, REPORTED, in_doubt)


def test_an_appearance_is_not_forgotten_over_a_doubt() -> None:
    in_doubt = facts.ProfilesInDoubt(at=Moment(1010.0, UTC_MS), charge_point="CP1", connector=1, reason="cleared")

    assert asked(GOOD, OPENED, in_doubt, seconds=1) == []
    assert asked(GOOD, OPENED, in_doubt)[0] == "ClearChargingProfile"


def corrected(by_ms: int) -> ClockCorrected:
    return ClockCorrected(
        at=Moment(1002.0, UTC_MS),
        boot="",
        by_ms=by_ms,
        offset_ms=0,
        source="chrony",
        doubted_since_utc_ms=None,
        before_utc_ms=UTC_MS - by_ms,
    )


def test_whoever_was_told_a_wrong_time_is_asked_to_ask_for_it_again() -> None:
    assert asked(GOOD, corrected(86_400_000)) == ["TriggerMessage"] * 2
    assert asked(GOOD, corrected(-86_400_000)) == ["TriggerMessage"] * 2
    assert asked(GOOD, corrected(2_000)) == []
    assert asked(GOOD, corrected(86_400_000), linked=False) == []
    assert asked(GOOD, corrected(86_400_000), quiet=True) == []


def test_a_charger_that_knows_the_time_of_its_boot_alone_boots_again_in_words() -> None:
    unknown = {**GOOD, "TriggerMessage": accepted(m.TriggerMessageResponse(status="NotImplemented"))}

    assert asked(unknown, corrected(86_400_000)) == ["TriggerMessage"] * 4
