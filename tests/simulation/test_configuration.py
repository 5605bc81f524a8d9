"""The daemon and a charger's configuration keys: read, brought into line, and left alone when that goes wrong."""

from __future__ import annotations

import asyncio
from pathlib import Path

from chargemon_edge.control.configuration import RESTART_BLAMED_S, SETTLE_S
from chargemon_edge.site.device_facts import ConfigurationPaused, ConfigurationRead, KeyWritten
from tests.simulation.one_charger import Pair, tell

SOON_S = SETTLE_S + 60.0


async def wait(_both: Pair) -> None:
    await asyncio.sleep(SOON_S)


def writes(both: Pair) -> list[tuple[str, str, str]]:
    return [(one.key, one.value, one.outcome) for one in both.seen(KeyWritten)]


def test_all_keys_are_read_and_only_what_differs_is_written(tmp_path: Path) -> None:
    both = tell(tmp_path, wait)

    whole = [fact for fact in both.seen(ConfigurationRead) if fact.whole]
    assert len(whole) == 1
    assert {one.key: one.readonly for one in whole[0].keys}["NumberOfConnectors"] is True
    assert {one.key: one.value for one in whole[0].keys}["AuthorizationKey"] is None
    # meter values come every 10 s and have currents already
    assert writes(both) == [("WebSocketPingInterval", "120", "Accepted")]
    assert both.charger.configuration.text("WebSocketPingInterval") == "120"


def test_a_reconnect_asks_nothing_again_and_a_boot_reads_anew(tmp_path: Path) -> None:
    async def story(both: Pair) -> None:
        await asyncio.sleep(SOON_S)
        both.charger.cut()
        await asyncio.sleep(RESTART_BLAMED_S)
        assert len([fact for fact in both.seen(ConfigurationRead) if fact.whole]) == 1
        both.charger.reboot()
        await asyncio.sleep(60.0 + SOON_S)

    both = tell(tmp_path, story)

    assert len([fact for fact in both.seen(ConfigurationRead) if fact.whole]) == 2
    assert len(writes(both)) == 1


def test_the_site_wants_more(tmp_path: Path) -> None:
    more = {"charge_point": {"configuration": {"ConnectionTimeOut": "90", "WebSocketPingInterval": ""}}}
    both = tell(tmp_path, wait, more=more)

    assert writes(both) == [("ConnectionTimeOut", "90", "Accepted")]


def test_a_list_with_one_unknown_measurand_is_tried_shorter(tmp_path: Path) -> None:
    both = tell(
        tmp_path,
        wait,
        reports=("power", "current", "energy"),
        measurands=("Energy.Active.Import.Register", "Power.Active.Import", "Current.Import"),
        sampled="Energy.Active.Import.Register",
    )

    lists = [(value, outcome) for key, value, outcome in writes(both) if key == "MeterValuesSampledData"]
    assert [outcome for _, outcome in lists] == ["Rejected", "Rejected", "Accepted"]
    assert lists[-1][0] == "Current.Import,Power.Active.Import,Energy.Active.Import.Register"


def test_a_charger_that_restarts_over_a_value_is_left_alone_for_hours(tmp_path: Path) -> None:
    async def story(both: Pair) -> None:
        await asyncio.sleep(3_600.0)
        assert len(both.seen(ConfigurationPaused)) == 1
        assert writes(both)[-1][2] == "restarted"
        await asyncio.sleep(7 * 3_600.0)

    both = tell(
        tmp_path,
        story,
        measurands_lethal=("Current.Offered",),
        measurands=(
            "Current.Import",
            "Power.Active.Import",
            "Energy.Active.Import.Register",
            "Current.Offered",
            "Voltage",
        ),
        sampled="Energy.Active.Import.Register",
    )

    boots = [fact for fact in both.facts if type(fact).__name__ == "ChargePointBooted"]
    lists = [(value, outcome) for key, value, outcome in writes(both) if key == "MeterValuesSampledData"]
    # the lists with what it does not survive, six hours apart; never one of them twice
    assert [outcome for value, outcome in lists if outcome == "restarted"] == ["restarted", "restarted"]
    assert len({value for value, _ in lists}) == len({*lists}) - 2
    assert len(boots) == 3


def test_a_quiet_charger_is_asked_nothing(tmp_path: Path) -> None:
    both = tell(tmp_path, wait, more={"charge_point": {"quiet": True}})

    assert both.seen(ConfigurationRead) == []


def test_a_charger_that_cannot_list_is_asked_by_name_and_a_mute_one_once_an_hour(tmp_path: Path) -> None:
    both = tell(tmp_path, wait, keys_listed=False)
    assert [fact.whole for fact in both.seen(ConfigurationRead)][:2] == [True, False]
    assert writes(both) == [("WebSocketPingInterval", "120", "Accepted")]

    (mute := tmp_path / "mute").mkdir()
    both = tell(mute, wait, unanswered=1.0)
    # once, or not even that, since what is asked before it has no answer either
    assert len(both.seen(ConfigurationPaused)) == 1
    assert both.seen(ConfigurationRead) == []


def test_what_was_read_and_tried_is_known_after_a_restart_of_ours(tmp_path: Path) -> None:
    tell(tmp_path, wait, keys_readonly=("MeterValueSampleInterval",))
    both = tell(tmp_path, wait)

    # the other charger has booted, so it is read; what its predecessor took is not written to it again
    assert len([fact for fact in both.seen(ConfigurationRead) if fact.whole]) == 1
    assert writes(both) == []
