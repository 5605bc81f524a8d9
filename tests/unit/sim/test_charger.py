"""The simulated charger against a small central system that is not the daemon, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from chargemon_edge.sim.charger import Charger
from chargemon_edge.sim.dialling import Account
from chargemon_edge.sim.personality import Personality, personality
from chargemon_edge.sim.vehicle import Car, Vehicle
from chargemon_edge.sim.virtual_loop import run_virtually
from tests.unit.sim.central_system import EPOCH_S, CentralSystem

Story = Callable[[CentralSystem, Charger], Awaitable[None]]


def tell(story: Story, kind: Personality | None = None) -> CentralSystem:
    """Let the story happen to one charger with two outlets."""

    async def main() -> CentralSystem:
        central = CentralSystem()
        address = await central.start()
        loop = asyncio.get_running_loop()
        charger = Charger(
            Account(identity="CP 1", password="secret"),
            {1: 32_000, 2: 16_000},
            kind or personality("obedient"),
            utc_s=lambda: EPOCH_S + loop.time() - 1_000.0,
            seed=1,
        )
        charger.power_on(*address)
        stepping = loop.create_task(_step(charger))
        await asyncio.sleep(5)
        await story(central, charger)
        stepping.cancel()
        charger.power_off()
        await asyncio.sleep(0.1)
        await central.stop()
        return central

    return run_virtually(main())


async def _step(charger: Charger) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(1.0)
        charger.step(loop.time(), 1.0)


def _profile(limit_a: float, fallback_a: float, transaction_id: int, level: int = 0) -> dict[str, Any]:
    return {
        "connectorId": 1,
        "csChargingProfiles": {
            "chargingProfileId": 9,
            "transactionId": transaction_id,
            "stackLevel": level,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [
                    {"startPeriod": 0, "limit": limit_a},
                    {"startPeriod": 600, "limit": fallback_a},
                ],
            },
        },
    }


async def _idle(_central: CentralSystem, _charger: Charger) -> None:
    await asyncio.sleep(250)


def test_it_logs_in_boots_and_says_its_statuses_and_beats() -> None:
    central = tell(_idle)

    assert central.login is not None
    assert (central.login.login, central.login.password) == ("CP 1", "secret")
    assert [action for action, _ in central.heard[:4]] == ["BootNotification", *["StatusNotification"] * 3]
    assert [payload["connectorId"] for payload in central.said("StatusNotification")] == [0, 1, 2]
    assert len(central.said("Heartbeat")) == 2


def test_a_whole_session() -> None:
    async def story(central: CentralSystem, charger: Charger) -> None:
        charger.plug(1, Vehicle(Car(dead_time_s=1.0), 20_000), "CARD")
        await asyncio.sleep(60)
        charger.unplug(1)
        await asyncio.sleep(5)

    central = tell(story)

    (start,), (stop,) = central.said("StartTransaction"), central.said("StopTransaction")
    assert (start["connectorId"], start["idTag"], start["meterStart"]) == (1, "CARD", 1_000)
    assert (stop["transactionId"], stop["reason"]) == (42, "EVDisconnected")
    assert stop["meterStop"] > start["meterStart"]
    values = central.said("MeterValues")
    assert len(values) >= 4
    assert {payload["transactionId"] for payload in values} == {42}
    statuses = [payload["status"] for payload in central.said("StatusNotification") if payload["connectorId"] == 1]
    assert statuses == ["Available", "Preparing", "SuspendedEVSE", "Charging", "Finishing", "Available"]


def test_it_obeys_a_profile_and_falls_back_by_itself() -> None:
    async def story(central: CentralSystem, charger: Charger) -> None:
        charger.plug(1, Vehicle(Car(dead_time_s=1.0), 60_000), "CARD")
        await asyncio.sleep(30)
        assert charger.outlets[1].drawn_ma == 16_000
        assert (await central.call("SetChargingProfile", _profile(10.0, 6.0, 42)))[2] == {"status": "Accepted"}
        await asyncio.sleep(10)
        assert charger.outlets[1].drawn_ma == 10_000
        answer = await central.call("GetCompositeSchedule", {"connectorId": 1, "duration": 3_600})
        limits = [period["limit"] for period in answer[2]["chargingSchedule"]["chargingSchedulePeriod"]]
        assert limits == [10.0, 6.0]
        charger.cut("cut", 900)
        await asyncio.sleep(700)
        assert charger.outlets[1].drawn_ma == 6_000
        await asyncio.sleep(400)
        assert (await central.call("ClearChargingProfile", {}))[2] == {"status": "Accepted"}
        await asyncio.sleep(10)
        assert charger.outlets[1].drawn_ma == 16_000

    tell(story)


@pytest.mark.parametrize(
    ("name", "level", "status"),
    [
        ("lowest-level-only", 1, "Rejected"),
        ("lowest-level-only", 0, "Accepted"),
        ("rejects-profiles", 0, "Rejected"),
        ("ignores-profiles", 0, "Accepted"),
    ],
)
def test_personalities_take_profiles_their_own_way(name: str, level: int, status: str) -> None:
    async def story(central: CentralSystem, charger: Charger) -> None:
        charger.plug(1, Vehicle(Car(), 20_000), "CARD")
        await asyncio.sleep(30)
        assert (await central.call("SetChargingProfile", _profile(8.0, 6.0, 42, level)))[2] == {"status": status}
        await asyncio.sleep(10)
        assert charger.outlets[1].drawn_ma == (8_000 if (name, level) == ("lowest-level-only", 0) else 16_000)

    tell(story, personality(name))


def test_transaction_messages_wait_for_the_link_in_order_and_are_repeated_unchanged() -> None:
    async def story(central: CentralSystem, charger: Charger) -> None:
        charger.cut("cut", 300)
        charger.plug(1, Vehicle(Car(), 20_000), "CARD")
        await asyncio.sleep(120)
        charger.unplug(1)
        central.errors_on.add("StartTransaction")
        await asyncio.sleep(200)
        central.errors_on.clear()
        await asyncio.sleep(120)

    central = tell(story)

    starts = central.said("StartTransaction")
    assert len(starts) >= 2
    assert all(start == starts[0] for start in starts)
    told = [action for action, _ in central.heard if action in ("StartTransaction", "MeterValues", "StopTransaction")]
    assert told == ["StartTransaction"] * len(starts) + ["MeterValues"] * (len(told) - len(starts) - 1) + [
        "StopTransaction"
    ]
    assert central.said("StopTransaction")[0]["transactionId"] == 42


def test_an_unanswered_start_is_repeated_after_the_link_is_found_dead() -> None:
    async def story(central: CentralSystem, charger: Charger) -> None:
        central.silent_on = {"StartTransaction"}
        charger.plug(1, Vehicle(Car(), 20_000), "CARD")
        await asyncio.sleep(50)
        central.silent_on = set()
        await asyncio.sleep(60)
        assert charger.sessions[0].transaction_id == 42

    central = tell(story)

    assert len(central.said("StartTransaction")) >= 2


def test_a_refused_card_starts_nothing_and_a_refused_start_is_stopped() -> None:
    refused = {"idTagInfo": {"status": "Blocked"}}

    async def story(central: CentralSystem, charger: Charger) -> None:
        central.answers["Authorize"] = lambda _: refused
        charger.plug(1, Vehicle(Car(), 20_000), "BAD")
        await asyncio.sleep(30)
        assert central.said("StartTransaction") == []
        central.answers["StartTransaction"] = lambda _: {"transactionId": 7, **refused}
        assert (await central.call("RemoteStartTransaction", {"idTag": "BAD", "connectorId": 1}))[2]["status"] == (
            "Accepted"
        )
        await asyncio.sleep(10)

    central = tell(story)

    assert [stop["reason"] for stop in central.said("StopTransaction")] == ["DeAuthorized"]


def test_remote_stop_reset_and_what_comes_after() -> None:
    async def story(central: CentralSystem, charger: Charger) -> None:
        charger.plug(1, Vehicle(Car(), 20_000), "CARD")
        await asyncio.sleep(30)
        assert (await central.call("RemoteStopTransaction", {"transactionId": 5}))[2]["status"] == "Rejected"
        assert (await central.call("Reset", {"type": "Soft"}))[2]["status"] == "Accepted"
        await asyncio.sleep(90)
        assert (await central.call("RemoteStopTransaction", {"transactionId": 43}))[2]["status"] == "Accepted"
        await asyncio.sleep(5)

    central = tell(story)

    assert len(central.said("BootNotification")) == 2
    # the first was cut off from its confirmation by the reset itself, so it comes again, unchanged
    first, again, last = central.said("StopTransaction")
    assert first == again
    assert (first["reason"], last["reason"]) == ("SoftReset", "Remote")
    assert central.links == 2


def test_configuration_triggers_and_what_it_does_not_know() -> None:
    async def story(central: CentralSystem, charger: Charger) -> None:
        answer = await central.call("GetConfiguration", {"key": ["NumberOfConnectors", "Nonsense"]})
        assert answer[2]["configurationKey"] == [{"key": "NumberOfConnectors", "readonly": True, "value": "2"}]
        assert answer[2]["unknownKey"] == ["Nonsense"]
        for key, value, status in (
            ("MeterValueSampleInterval", "60", "Accepted"),
            ("MeterValueSampleInterval", "often", "Rejected"),
            ("Nonsense", "1", "NotSupported"),
        ):
            answer = await central.call("ChangeConfiguration", {"key": key, "value": value})
            assert answer[2] == {"status": status}
        assert (await central.call("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 2}))[2] == {
            "status": "Accepted"
        }
        await asyncio.sleep(1)
        assert central.said("MeterValues")[0]["connectorId"] == 2
        assert (await central.call("UpdateFirmware", {}))[0:3:2] == [4, "FormationViolation"]
        assert (await central.call("Dance", {}))[0:3:2] == [4, "NotImplemented"]
        unlocked = await central.call("UnlockConnector", {"connectorId": 1})
        assert unlocked[2] == {"status": "Unlocked"}
        off = await central.call("ChangeAvailability", {"connectorId": 2, "type": "Inoperative"})
        assert off[2] == {"status": "Accepted"}
        await asyncio.sleep(1)
        assert central.said("StatusNotification")[-1]["status"] == "Unavailable"

    tell(story)


def test_a_mute_charger_answers_nothing_and_a_deaf_one_breaks_its_link() -> None:
    async def story(central: CentralSystem, charger: Charger) -> None:
        charger.go_mute(60)
        assert not charger.reachable
        with pytest.raises(TimeoutError):
            await central.call("ClearCache", {})
        await asyncio.sleep(60)
        assert (await central.call("ClearCache", {}))[2] == {"status": "Accepted"}
        charger.go_deaf(30)
        assert charger.alone
        await asyncio.sleep(40)
        assert charger.reachable

    central = tell(story)

    assert central.links == 2
    assert len(central.said("BootNotification")) == 1


def test_its_clock_is_set_unless_it_is_stubborn() -> None:
    async def story(central: CentralSystem, charger: Charger) -> None:
        await asyncio.sleep(1)
        central.heard.append(("clock", {"now": charger.text_now()}))

    wrong = replace(personality("obedient"), clock_offset_s=3_000.0)

    assert tell(story, wrong).said("clock")[0]["now"].startswith("2026-01-05T17:00:0")
    assert tell(story, personality("clock-lost")).said("clock")[0]["now"] < "1973"
