"""Meter values: every way in which chargers write a number, and what is made of it."""

from __future__ import annotations

import pytest

from chargemon_edge.ocpp.v16.messages import MeterValue, SampledValue
from chargemon_edge.ocpp.v16.metering import SAME_MOMENT_MS, Measurement, normalise
from chargemon_edge.site.units import PerPhase

NOON = "2024-05-01T12:30:00Z"
NOON_MS = 1_714_566_600_000


def sample(
    value: str,
    measurand: str | None = None,
    phase: str | None = None,
    unit: str | None = None,
    *,
    context: str | None = None,
    location: str | None = None,
    format: str | None = None,
) -> SampledValue:
    return SampledValue(
        value=value, measurand=measurand, phase=phase, unit=unit, context=context, location=location, format=format
    )


def currents(l1: str, l2: str, l3: str) -> tuple[SampledValue, ...]:
    return tuple(sample(value, "Current.Import", phase, "A") for phase, value in (("L1", l1), ("L2", l2), ("L3", l3)))


def read(*samples: SampledValue, timestamp: str = NOON) -> Measurement:
    return normalise([MeterValue(timestamp=timestamp, sampled_value=samples)])


def test_a_whole_honest_message_is_taken_as_reported() -> None:
    measured = read(
        sample("12345", "Energy.Active.Import.Register", None, "Wh"),
        *currents("16.0", "15.9", "0.0"),
        sample("7340", "Power.Active.Import", None, "W"),
        sample("16", "Current.Offered", None, "A"),
        sample("230.1", "Voltage", "L1-N", "V"),
        sample("55", "SoC", None, "Percent"),
    )

    assert measured == Measurement(
        current_ma=PerPhase(16_000, 15_900, 0),
        power_w=7340,
        energy_wh=12_345,
        offered_ma=16_000,
        derived=(),
        measured_utc_ms=NOON_MS,
    )


def test_nothing_usable_leaves_nothing() -> None:
    assert normalise([]) == Measurement()
    assert read() == Measurement(measured_utc_ms=NOON_MS)
    assert read(sample("50", "Frequency", None, "Hz")) == Measurement(measured_utc_ms=NOON_MS)


# ---------------------------------------------------------------- energy


@pytest.mark.parametrize(
    ("value", "unit", "energy_wh"),
    [
        ("12345", "Wh", 12_345),
        ("12345", None, 12_345),
        ("12.345", "kWh", 12_345),
        ("12.345", "KWH", 12_345),
        ("12345.6789", "Wh", 12_346),
        ("12344.999999999998", "Wh", 12_345),
        ("1.2e4", "Wh", 12_000),
        (" 12345 ", " Wh ", 12_345),
        ("0", "Wh", 0),
    ],
)
def test_trap_19_energy_in_every_unit(value: str, unit: str | None, energy_wh: int) -> None:
    measured = read(sample(value, "Energy.Active.Import.Register", None, unit))

    assert (measured.energy_wh, measured.derived) == (energy_wh, ())


def test_trap_19_a_value_without_measurand_is_energy() -> None:
    assert read(sample("12345")).energy_wh == 12_345
    assert read(sample("12.345", unit="kWh")).energy_wh == 12_345


def test_trap_19_energy_per_phase_with_no_total_is_summed_and_marked() -> None:
    measured = read(
        *(
            sample(value, "Energy.Active.Import.Register", phase, "kWh")
            for phase, value in (("L1", "1.1"), ("L2", "2.2"), ("L3", "3.3"))
        )
    )

    assert (measured.energy_wh, measured.derived) == (6_600, ("energy_wh",))


def test_trap_19_a_total_beside_the_phases_is_taken_as_reported() -> None:
    measured = read(
        sample("1", "Energy.Active.Import.Register", "L1", "Wh"),
        sample("9", "Energy.Active.Import.Register", None, "Wh"),
    )

    assert (measured.energy_wh, measured.derived) == (9, ())


@pytest.mark.parametrize(
    "measurand", ["Energy.Active.Import.Interval", "Energy.Active.Export.Register", "Energy.Reactive.Import.Register"]
)
def test_other_energies_are_left_out(measurand: str) -> None:
    assert read(sample("5", measurand, None, "Wh")).energy_wh is None


def test_the_end_of_a_transaction_outweighs_its_begin() -> None:
    for order in ((0, 1), (1, 0)):
        both = (sample("100", context="Transaction.Begin"), sample("900", context="Transaction.End"))
        assert read(*(both[index] for index in order)).energy_wh == 900
    assert read(sample("100", context="Transaction.Begin")).energy_wh == 100


# ---------------------------------------------------------------- power


def test_trap_19_power_per_phase_only_is_summed_and_gives_currents() -> None:
    measured = read(
        *(
            sample(value, "Power.Active.Import", phase, "kW")
            for phase, value in (("L1", "2.3"), ("L2", "1.15"), ("L3", "0"))
        )
    )

    assert measured.power_w == 3450
    assert measured.current_ma == PerPhase(10_000, 5_000, 0)
    assert measured.derived == ("current_ma", "power_w")


def test_the_reported_voltage_turns_power_into_current() -> None:
    measured = read(sample("2000", "Power.Active.Import", "L1", "W"), sample("200", "Voltage", "L1-N", "V"))

    assert measured.current_ma == PerPhase(10_000, 0, 0)


@pytest.mark.parametrize("volts", ["400", "0", "23.0", "nan"])
def test_a_voltage_that_cannot_be_one_to_neutral_is_not_used(volts: str) -> None:
    measured = read(sample("2300", "Power.Active.Import", "L1", "W"), sample(volts, "Voltage", None, "V"))

    assert measured.current_ma == PerPhase(10_000, 0, 0)


def test_power_in_all_gives_no_current() -> None:
    measured = read(sample("11000", "Power.Active.Import", None, "W"))

    assert (measured.power_w, measured.current_ma, measured.derived) == (11_000, None, ())


@pytest.mark.parametrize("unit", [None, "W", "Wh", "VA"])
def test_trap_19_power_without_its_own_unit(unit: str | None) -> None:
    assert read(sample("7360", "Power.Active.Import", None, unit)).power_w == 7360


def test_power_that_is_not_reported_follows_from_reported_currents() -> None:
    measured = read(*currents("10", "10", "0"), sample("230", "Voltage", None, "V"))

    assert (measured.power_w, measured.derived) == (4600, ("power_w",))


# ---------------------------------------------------------------- current


@pytest.mark.parametrize(
    ("phases", "unit"),
    [(("L1", "L2", "L3"), "A"), (("L1-N", "L2-N", "L3-N"), "A"), (("l1", "l2", "l3"), "a"), (("L1", "L2", "L3"), None)],
)
def test_trap_19_phases_in_every_spelling(phases: tuple[str, ...], unit: str | None) -> None:
    measured = read(
        *(sample(value, "Current.Import", phase, unit) for phase, value in zip(phases, ("1", "2", "3"), strict=True))
    )

    assert (measured.current_ma, "current_ma" in measured.derived) == (PerPhase(1000, 2000, 3000), False)


def test_trap_19_values_between_two_phases_are_left_out() -> None:
    samples = [sample("9", "Current.Import", phase, "A") for phase in ("L1-L2", "L2-L3", "L3-L1")]

    assert read(*samples).current_ma is None
    assert read(*samples, *currents("1", "2", "3")).current_ma == PerPhase(1000, 2000, 3000)


def test_neutral_alone_is_the_one_phase_of_a_single_phase_charger() -> None:
    assert read(sample("13.2", "Current.Import", "N", "A")).current_ma == PerPhase(13_200, 0, 0)


def test_neutral_does_not_overwrite_a_phase() -> None:
    neutral = sample("3", "Current.Import", "N", "A")

    assert read(*currents("16", "8", "8"), neutral).current_ma == PerPhase(16_000, 8_000, 8_000)
    assert read(neutral, *currents("16", "8", "8")).current_ma == PerPhase(16_000, 8_000, 8_000)


def test_trap_19_current_unphased_only_is_put_on_every_phase_and_marked() -> None:
    measured = read(sample("13.2", "Current.Import", None, "A"))

    assert measured.current_ma == PerPhase(13_200, 13_200, 13_200)
    assert measured.derived == ("current_ma",)
    assert measured.power_w is None


def test_a_phase_that_is_left_out_beside_others_carries_nothing() -> None:
    assert read(sample("16", "Current.Import", "L1", "A")).current_ma == PerPhase(16_000, 0, 0)


def test_trap_19_quoted_measurands_are_read() -> None:
    measured = read(
        sample("16", '"Current.Import"', "L1", "A"), sample("5", "'Energy.Active.Import.Register'", None, "kWh")
    )

    assert (measured.current_ma, measured.energy_wh) == (PerPhase(16_000, 0, 0), 5000)


def test_trap_19_float_noise_adds_nothing_and_real_fractions_round_up() -> None:
    assert read(*currents("16.1", "12.3", "8.2")).current_ma == PerPhase(16_100, 12_300, 8_200)
    assert read(*currents("16.0001", "0.0004", "-0.0004")).current_ma == PerPhase(16_001, 1, -1)


def test_the_largest_offer_counts() -> None:
    samples = [
        sample(value, "Current.Offered", phase, "A") for phase, value in (("L1", "6"), ("L2", "16"), ("L3", "10"))
    ]

    assert read(*samples).offered_ma == 16_000


@pytest.mark.parametrize("value", ["", "nan", "inf", "-inf", "1e300", "abc", "16,5", "0x10", "--"])
def test_what_is_no_number_is_left_out_and_spoils_nothing(value: str) -> None:
    measured = read(sample(value, "Current.Import", "L1", "A"), sample("8", "Current.Import", "L2", "A"), sample(value))

    assert measured.current_ma == PerPhase(0, 8_000, 0)
    assert measured.energy_wh is None


def test_signed_data_is_left_out() -> None:
    assert read(sample("1234", format="SignedData")).energy_wh is None


@pytest.mark.parametrize("unit", ["Hz", "Percent", "kA"])
def test_a_unit_that_cannot_be_meant_leaves_the_value_out(unit: str) -> None:
    assert read(sample("16", "Current.Import", "L1", unit)).current_ma is None


def test_the_outlet_outweighs_the_inlet() -> None:
    inlet = sample("20", "Current.Import", "L1", "A", location="Inlet")
    outlet = sample("16", "Current.Import", "L1", "A", location="Outlet")

    assert read(inlet, outlet).current_ma == PerPhase(16_000, 0, 0)
    assert read(outlet, inlet).current_ma == PerPhase(16_000, 0, 0)
    assert read(inlet).current_ma == PerPhase(20_000, 0, 0)


# ---------------------------------------------------------------- several times


def at(seconds: int, *samples: SampledValue) -> MeterValue:
    return MeterValue(timestamp=f"2024-05-01T12:30:{seconds:02d}Z", sampled_value=samples)


def test_trap_12_the_newest_time_counts_in_whatever_order_they_come() -> None:
    old, new = at(0, *currents("1", "1", "1"), sample("100")), at(30, *currents("9", "9", "9"), sample("200"))

    for both in ([old, new], [new, old]):
        measured = normalise(both)
        assert (measured.current_ma, measured.energy_wh) == (PerPhase(9000, 9000, 9000), 200)
        assert measured.measured_utc_ms == NOON_MS + 30_000


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_within_a_moment_the_newer_value_counts_too(order: tuple[int, int]) -> None:
    both = (at(0, *currents("1", "1", "1")), at(3, *currents("9", "9", "9")))

    assert normalise([both[index] for index in order]).current_ma == PerPhase(9000, 9000, 9000)


def test_one_value_per_entry_is_put_together() -> None:
    measured = normalise([at(0, sample("100")), *(at(1, one) for one in currents("1", "2", "3"))])

    assert (measured.current_ma, measured.energy_wh) == (PerPhase(1000, 2000, 3000), 100)


def test_what_is_too_old_fills_no_gap() -> None:
    old = at(0, *currents("9", "9", "9"))

    assert normalise([old, at(SAME_MOMENT_MS // 1000, sample("100"))]).current_ma == PerPhase(9000, 9000, 9000)
    assert normalise([old, at(SAME_MOMENT_MS // 1000 + 1, sample("100"))]).current_ma is None


def test_a_newer_value_in_all_replaces_older_phases() -> None:
    measured = normalise([at(0, *currents("9", "9", "9")), at(5, sample("3", "Current.Import", None, "A"))])

    assert measured.current_ma == PerPhase(3000, 3000, 3000)


def test_newer_phases_replace_an_older_value_in_all() -> None:
    measured = normalise(
        [at(0, sample("9000", "Power.Active.Import")), at(5, sample("1000", "Power.Active.Import", "L1"))]
    )

    assert measured.power_w == 1000


def test_trap_10_an_unreadable_time_is_older_than_any_other() -> None:
    undated = MeterValue(timestamp="?", sampled_value=(sample("1"),))

    assert normalise([at(0, sample("100")), undated]).energy_wh == 100
    measured = normalise([undated, undated])
    assert (measured.energy_wh, measured.measured_utc_ms) == (1, None)
