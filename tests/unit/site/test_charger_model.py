"""Which entries of a catalogue mean a charger, and whose word counts for each quirk."""

from __future__ import annotations

import pytest

from chargemon_edge.site.charger_model import (
    SITE,
    TOLD,
    Entry,
    Nameplate,
    QuirkInForce,
    Quirks,
    known,
    matches,
    mistakes,
    rate_unit_told,
    within,
)


def entry(identifier: str = "one", **changes: object) -> Entry:
    fields: dict[str, object] = {"vendor": ("ACME*",), "source": ("somewhere#1",), "about": "odd", "name": identifier}
    return Entry(identifier=identifier, **{**fields, **changes})  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(
    ("vendor", "model", "firmware", "fits"),
    [
        ("ACME", "Box 11", "1.2", True),
        (" acme Corp ", "the box", "1.2", True),
        ("ACME", "Tower", "1.2", False),
        ("The ACME", "Box", "1.2", False),
        ("ACME", "Box", "2.0", False),
        ("ACME", "Box", None, True),
        ("ACME", "Box", "unknown", True),
    ],
)
def test_vendor_model_and_firmware_must_fit(vendor: str, model: str, firmware: str | None, fits: bool) -> None:
    meant = entry(model=("*Box*",), firmware="< 2")

    assert matches(meant, Nameplate(vendor=vendor, model=model, firmware=firmware)) is fits


@pytest.mark.parametrize(
    ("firmware", "bounds", "keeps"),
    [
        ("1.8.21", "<= 1.8.21", True),
        ("1.8.21.7", "<= 1.8.21", True),
        ("V1.8.22-rc1", "<= 1.8.21", False),
        ("1.10", "> 1.9", True),
        ("5.11.2", ">= 5, < 6", True),
        ("6.0", ">= 5, < 6", False),
        ("3.09.0", "= 3.9.0", True),
        ("3.9", "= 3.9.0", True),
        ("3", "> 3.0.0", False),
        ("anything 7", "", True),
    ],
)
def test_versions_compare_by_their_numbers(firmware: str, bounds: str, keeps: bool) -> None:
    assert within(firmware, bounds) is keeps


def test_the_nearer_voice_wins_for_each_quirk_by_itself() -> None:
    catalogue = [
        entry("all", quirks=Quirks(triggers_per_hour=9, value_max=50, configuration={"A": "1", "B": "1"})),
        entry("old", firmware="< 2", quirks=Quirks(triggers_per_hour=2, configuration={"B": "2"})),
        entry("other", vendor=("Other",), quirks=Quirks(websocket_ping=False)),
    ]
    own = Quirks(value_max=80, configuration={"C": "3"})
    found = known(catalogue, Nameplate(vendor="ACME", model="x", firmware="1.0"), own)

    assert found.quirks == Quirks(triggers_per_hour=2, value_max=80, configuration={"A": "1", "B": "2", "C": "3"})
    assert [one.identifier for one in found.entries] == ["old", "all"]
    assert QuirkInForce(quirk="value_max", value=80, source=SITE) in found.in_force
    assert QuirkInForce(quirk="triggers_per_hour", value=2, source="catalogue: old (somewhere#1)") in found.in_force
    assert QuirkInForce(quirk="configuration.A", value="1", source="catalogue: all (somewhere#1)") in found.in_force
    assert len(found.in_force) == 5


def test_a_site_can_name_the_entry_before_any_boot_and_against_the_nameplate() -> None:
    catalogue = [entry("named", vendor=("Other",), quirks=Quirks(websocket_ping=False)), entry("fits", firmware="< 2")]

    assert known(catalogue, None, Quirks(), "named").quirks.websocket_ping is False
    assert known(catalogue, None, Quirks()).quirks == Quirks()
    both = known(catalogue, Nameplate(vendor="ACME", model="", firmware="1"), Quirks(), "named")
    assert [one.identifier for one in both.entries] == ["named", "fits"]


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        ("Current", "A"),
        ("Power", "W"),
        (" power ", "W"),
        ("Current,Power", None),
        ("Power, Current", None),
        ("", None),
        (None, None),
        ("Kilowatts", None),
    ],
)
def test_the_unit_is_told_only_by_a_charger_that_takes_one(value: str | None, unit: str | None) -> None:
    assert rate_unit_told(value) == unit


def test_what_a_charger_tells_counts_where_nobody_else_says_anything() -> None:
    catalogue = [entry("amperes", model=("Box",), quirks=Quirks(rate_unit="A"))]
    told = Quirks(rate_unit="W")
    unlisted = known(catalogue, Nameplate(vendor="ACME", model="x"), Quirks(), told=told)

    assert unlisted.in_force == (QuirkInForce(quirk="rate_unit", value="W", source=TOLD),)
    assert known(catalogue, Nameplate(vendor="ACME", model="Box"), Quirks(), told=told).quirks.rate_unit == "A"
    assert known((), None, Quirks(rate_unit="A"), told=told).quirks.rate_unit == "A"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (entry(vendor=(), general="x"), "fit every charger"),
        (entry(), "neither states a quirk"),
        (entry(general="x", source=()), "no source"),
        (entry(general="x", firmware="about 2"), "'about 2'"),
    ],
)
def test_an_entry_that_says_too_little_is_refused(wrong: Entry, says: str) -> None:
    assert says in " ".join(mistakes(wrong))
