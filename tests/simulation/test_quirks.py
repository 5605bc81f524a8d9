"""Every entry of the catalogue against a simulated charger that has the quirk: a session works with the entry.

Where the entry states something without which the session fails, that is shown too: the same story without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chargemon_edge.config.charger_models import catalogue
from chargemon_edge.control.configuration_plan import MEASURANDS
from chargemon_edge.site import facts
from chargemon_edge.site.device_facts import ConfigurationPaused, KeyWritten
from tests.simulation.one_charger import CARD, Pair, tell

Story = Callable[[Pair], Awaitable[None]]
Verdict = Callable[[Pair], bool]


async def session(both: Pair) -> None:
    """Connect, settle, charge for two minutes, and say goodbye."""
    await asyncio.sleep(90.0)
    await both.charge(120.0)


async def long_idle(both: Pair) -> None:
    await asyncio.sleep(900.0)
    await both.charge(120.0)


async def many_links(both: Pair) -> None:
    """Contact, again and again within the hour, with a car there that charges."""
    for _ in range(4):
        await asyncio.sleep(240.0)
        both.charger.cut("somebody pulled the plug")
    await asyncio.sleep(240.0)
    await both.charge(120.0)


async def long_card(both: Pair) -> None:
    await asyncio.sleep(30.0)
    await both.charge(120.0, card="0123456789ABCDEFGHIJ")


def charged(both: Pair) -> bool:
    """One transaction with an accepted card, energy and a stop, and limits that were taken."""
    started = both.seen(facts.TransactionStarted)
    return (
        [one.id_tag_status for one in started] == ["Accepted"]
        and len(both.seen(facts.TransactionStopped)) == 1
        and both.charged_wh > 100
        and len(both.seen(facts.LimitHeld)) > 0
        and not both.seen(facts.LimitRefused)
    )


def stayed(both: Pair) -> bool:
    """Charged, and the link was never lost but by its end."""
    return charged(both) and not both.seen(facts.LinkClosed) and len(both.seen(facts.ChargePointBooted)) == 1


def outcome_of(both: Pair, key: str) -> list[str]:
    return [one.outcome for one in both.seen(KeyWritten) if one.key == key]


def with_currents(both: Pair) -> bool:
    values = both.seen(facts.ValuesReported)
    return charged(both) and any(one.current_ma is not None and "current_ma" not in one.derived for one in values)


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One entry's charger and what must be seen."""

    plate: tuple[str, str, str]
    """Vendor, model and firmware, as it says them."""
    charger: dict[str, Any] = {}
    story: Story = session
    works: Verdict = charged
    more: dict[str, Any] = {}
    """Of the site's configuration."""
    fails_without: bool = False


ENERGY = "Energy.Active.Import.Register"
PHASED = ("Current.Import.L1", "Current.Import.L2", "Current.Import.L3", "Power.Active.Import", ENERGY, "Voltage.L1")
NO_PING_KEY = ("WebSocketPingInterval",)

CASES: dict[str, Case] = {
    "abb": Case(plate=("ABB", "other", "2.0")),
    "abb-terra-ac": Case(
        plate=("ABB", "Terra AC W22", "1.8.21"),
        charger={
            "measurands": ("Current.Import", "Power.Active.Import", ENERGY, "Current.Offered", "Voltage", "SoC"),
            "measurands_lethal": ("SoC",),
            "sampled": ENERGY,
        },
        works=lambda both: stayed(both) and outcome_of(both, "MeterValuesSampledData") == ["Accepted"],
    ),
    "abb-terra-ac-1.8.0": Case(plate=("ABB", "Terra AC", "1.8.0"), charger={"stack_level_max": 0}, works=stayed),
    "abl-emh": Case(plate=("ABL", "eMH3", "1")),
    "alfen-eve": Case(
        plate=("Alfen BV", "NG910", "6.4"),
        charger={"measurands": PHASED, "measurands_max": 9, "sampled": ENERGY},
        works=with_currents,
        fails_without=True,
    ),
    "autel-maxicharger": Case(plate=("Autel", "MaxiCharger", "1.3")),
    "chargeamps-halo": Case(plate=("Charge-Amps", "HALO", "1")),
    "chargex": Case(plate=("ChargeX", "Aqueduct", "1")),
    "compleo-ebox": Case(plate=("innogy", "eBox", "1.2.3"), charger={"file_protocols": "FTP,SFTP"}),
    "daheimladen": Case(
        plate=("DaheimLaden", "Wallbox", "1"),
        charger={"keys_missing": ("ChargingScheduleAllowedChargingRateUnit",)},
    ),
    "delta-ac-max": Case(
        plate=("Delta", "AC MAX Smart", "1"),
        charger={
            "calls_max": 6,
            "calls_counted": ("GetConfiguration", "ChangeConfiguration"),
            "meter_values_s": 60,
            "measurands": MEASURANDS,
            "sampled": ENERGY,
        },
        story=long_idle,
        works=stayed,
        fails_without=True,
    ),
    "delta-ac-mini": Case(plate=("Delta", "AC Mini Plus", "4.04.30")),
    "easee": Case(
        plate=("Easee", "Home", "300"),
        charger={"values_least_s": 30, "meter_values_s": 60, "needs_remote_start": True},
        works=lambda both: charged(both) and outcome_of(both, "MeterValueSampleInterval") == ["Accepted"],
        fails_without=True,
    ),
    "en-plus": Case(
        plate=("EN+", "AC011", "1"),
        charger={
            "breaks_on_ping": True,
            "breaks_on": ("ChangeAvailability",),
            "needs_remote_start": True,
            "keys_missing": NO_PING_KEY,
        },
        story=long_idle,
        works=stayed,
        more={"chargers": {"silence_s": 450.0}},
        fails_without=True,
    ),
    "enercab-evcc01": Case(
        plate=("Enercab", "EVCC01", "1"), charger={"origin": "file://", "pads_numbers": True}, works=with_currents
    ),
    "ensto-chago": Case(plate=("Ensto", "Chago", "1"), charger={"clock_offset_s": -40_000.0}),
    "etrel-inch": Case(plate=("Etrel", "INCH Pro", "1")),
    "evbox-elvi": Case(
        plate=("EV-BOX", "Elvi", "1"),
        charger={
            "stack_level_max": 0,
            "measurands": ("Current.Import", "Power.Active.Import", ENERGY),
            "sampled": ENERGY,
        },
        works=lambda both: with_currents(both) and outcome_of(both, "MeterValuesSampledData") == ["Accepted"],
        fails_without=True,
    ),
    "foxess-a022kp1": Case(
        plate=("FoxESS", "A022KP1", "1"),
        charger={"subprotocol": ""},
        works=stayed,
        more={"charge_point": {"model": "foxess-a022kp1"}},
        fails_without=True,
    ),
    "free2move-eprowallbox": Case(
        plate=("Free2Move", "eProWallbox Move", "2.9.3"),
        charger={"breaks_on_start_within_s": 0.8},
        works=stayed,
        fails_without=True,
    ),
    "fronius-wattpilot": Case(plate=("Fronius", "Wattpilot", "40.7")),
    "garo": Case(
        plate=("Garo", "GLB", "1"), charger={"wants_number_phases": True, "takes_unit": "A"}, fails_without=True
    ),
    "go-e": Case(plate=("go-e", "go-eCharger", "055.5"), charger={"takes_unit": "A"}),
    "grizzl-e": Case(plate=("United Chargers", "Grizzl-E", "7")),
    "grizzl-e-3.09": Case(plate=("United Chargers", "Grizzl-E", "3.09.0")),
    "grizzl-e-smart": Case(
        plate=("United Chargers Inc", "Grizzl-E Smart with a model of more than twenty characters", "5.1"),
        charger={"subprotocol": ""},
        works=stayed,
        more={"charge_point": {"model": "grizzl-e-smart"}},
        fails_without=True,
    ),
    "growatt-thor": Case(plate=("Growatt", "THOR", "1"), charger={"zoneless": True}),
    "huawei-scharger": Case(
        plate=("", "SCharger-7KS-S0", "1"),
        charger={"takes_unit": "W", "rate_units": "Power", "phases": 1},
        more={"connector": {"phases": 1}},
    ),
    "injet-one-phase": Case(
        plate=("Injet", "Swift", "1"),
        charger={"phases": 1, "phase_names": ("N", "N", "N")},
        works=lambda both: (
            charged(both)
            and max(one.current_ma.l1 for one in both.seen(facts.ValuesReported) if one.current_ma is not None) > 5_000
        ),
    ),
    "keba": Case(
        plate=("Keba AG", "KC-P40", "1"),
        charger={"tag_suffix": "_12345678", "reports": ("energy",), "meter_values_s": 30},
        fails_without=True,
    ),
    "legrand-greenup": Case(plate=("Legrand", "Green'up", "1"), charger={"error_code": "Error"}),
    "mennekes-acu": Case(
        plate=("MENNEKES", "ACU", "1"),
        charger={"quotes_measurands": True, "values_least_s": 60, "meter_values_s": 120},
        works=lambda both: with_currents(both) and outcome_of(both, "MeterValueSampleInterval") == ["Accepted"],
        fails_without=True,
    ),
    "mennekes-amtron-4": Case(
        plate=("MENNEKES", "AMTRON 4You 500", "1"),
        charger={"calls_max": 2, "calls_window_s": 3_600.0, "calls_counted": ("TriggerMessage",)},
        story=many_links,
        works=lambda both: (
            charged(both)
            and not [one for one in both.seen(facts.LinkClosed) if "TriggerMessage" in one.reason]
            and len(both.seen(facts.LinkClosed)) == 4
        ),
        fails_without=True,
    ),
    "morek": Case(
        plate=("Morek", "EVC", "A0-V2.1.0"),
        charger={"keys_readonly": ("ClockAlignedDataInterval",)},
        works=lambda both: stayed(both) and both.charger.configuration.text("WebSocketPingInterval") == "60",
        fails_without=True,
    ),
    "necharge-pro": Case(plate=("NEcharge", "Pro", "1"), charger={"step_ma": 2_000}),
    "ocular-lte-plus": Case(plate=("Ocular", "LTE Plus", "1"), charger={"tag_suffix": "XX"}, story=long_card),
    "openevse": Case(plate=("OpenEVSE", "ESP32", "1"), charger={"file_protocols": "HTTP"}),
    "schneider-evlink": Case(
        plate=("Schneider Electric", "EVlink", "1"), charger={"serial": "serial number of more than 25 characters"}
    ),
    "solplanet-apollo": Case(
        plate=("Solplanet", "Apollo", "3.03"),
        charger={"value_longest": 128},
        more={"charge_point": {"configuration": {"CpoName": "x" * 200}}},
        works=stayed,
        fails_without=True,
    ),
    "syncev": Case(
        plate=("Sync EV", "BG", "1"),
        charger={
            "measurands": ("Current.Import.L1", "Power.Active.Import", ENERGY),
            "sampled": ENERGY,
            "phases": 1,
        },
        works=with_currents,
        fails_without=True,
    ),
    "teison": Case(
        plate=("Teison", "Smart Mini", "1"), charger={"keys_missing": ("ChargingScheduleAllowedChargingRateUnit",)}
    ),
    "vestel-evc04": Case(plate=("Vestel", "EVC04-AC22", "1")),
    "wallbox-5": Case(
        plate=("Wall Box Chargers", "Pulsar Plus", "5.17"),
        charger={"needs_remote_start": True, "stack_level_max": 0},
        fails_without=True,
    ),
    "wallbox-6": Case(plate=("Wall Box Chargers", "Pulsar Max", "6.4"), charger={"reports": ("current", "energy")}),
    "weidmueller": Case(plate=("Weidmüller", "AC Smart", "1")),
    "zj-beny": Case(plate=("ZJ Beny", "BCP-A2N", "1")),
}


def test_every_entry_has_its_case() -> None:
    assert set(CASES) == {entry.identifier for entry in catalogue()}


def played(case: Case, folder: Path, *, with_catalogue: bool) -> Pair:
    vendor, model, firmware = case.plate
    more = dict(case.more)
    if not with_catalogue and "model" in more.get("charge_point", {}):
        more["charge_point"] = {key: value for key, value in more["charge_point"].items() if key != "model"}
    return tell(
        folder,
        case.story,
        catalogue=with_catalogue,
        more=more,
        vendor=vendor,
        model=model,
        firmware=firmware,
        **case.charger,
    )


@pytest.mark.parametrize("identifier", sorted(CASES))
def test_a_session_works_with_the_entry(identifier: str, tmp_path: Path) -> None:
    case = CASES[identifier]
    both = played(case, tmp_path, with_catalogue=True)

    running = both.app._running
    assert running is not None
    assert identifier in [entry.identifier for entry in running.models.known("CP1").entries]
    assert case.works(both), told(both)
    assert not both.seen(ConfigurationPaused)


@pytest.mark.parametrize("identifier", sorted(one for one, case in CASES.items() if case.fails_without))
def test_and_not_without_it(identifier: str, tmp_path: Path) -> None:
    both = played(CASES[identifier], tmp_path, with_catalogue=False)

    assert not CASES[identifier].works(both), told(both)


def told(both: Pair) -> str:
    """What happened, for the one who must find out why."""
    quiet = (facts.ValuesReported, facts.LimitHeld, facts.MeterRead)
    lines = [str(fact)[:160] for fact in both.facts if not isinstance(fact, quiet)]
    return "\n".join([f"charged {both.charged_wh} Wh with {CARD}", both.charger.link.last_close, *lines[-40:]])
