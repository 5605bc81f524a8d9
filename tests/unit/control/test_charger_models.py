"""The model is known from the last boot, on disk or just now, and every boot may change it."""

from __future__ import annotations

from chargemon_edge.control.charger_models import ChargerModels, SiteSays
from chargemon_edge.control.configuration_memory import ConfigurationMemory
from chargemon_edge.control.present import Present
from chargemon_edge.site.cards import TagRules
from chargemon_edge.site.charger_model import RATE_UNIT_KEY, Entry, Quirks
from chargemon_edge.site.device_facts import ConfigurationRead, KeyRead
from chargemon_edge.site.facts import ChargePointBooted, Moment
from chargemon_edge.site.picture import ChargePointPicture, SitePicture
from tests.unit.control.fakes import UTC_MS, two_chargers

AT = Moment(1000.0, UTC_MS)
CATALOGUE = (
    Entry(
        identifier="old",
        name="Old",
        vendor=("ACME",),
        firmware="< 2",
        source=("a#1",),
        about="odd",
        quirks=Quirks(websocket_ping=False),
    ),
    Entry(
        identifier="other",
        name="Other",
        vendor=("Other",),
        source=("a#2",),
        about="odd",
        quirks=Quirks(start_answer_delay_s=1.0),
    ),
)


def boot(firmware: str) -> ChargePointBooted:
    return ChargePointBooted(at=AT, charge_point="CP1", vendor="ACME", model="Box", firmware_version=firmware)


def present(*boots: ChargePointBooted) -> Present:
    entries = {one.charge_point: ChargePointPicture(boot=one) for one in boots}
    return Present(two_chargers(), SitePicture(started=AT, charge_points=entries))


def told(now: Present, said: dict[str, SiteSays] | None = None, *read: ConfigurationRead) -> ChargerModels:
    return ChargerModels(CATALOGUE, said or {}, now, ConfigurationMemory(now, read))


def keys(units: str) -> ConfigurationRead:
    key = KeyRead(key=RATE_UNIT_KEY, value=units, readonly=True)
    return ConfigurationRead(at=AT, charge_point="CP1", whole=True, keys=(key,), unknown=())


def test_the_last_boot_on_disk_counts_before_any_new_one() -> None:
    models = told(present(boot("1.4")))

    assert models.quirks("CP1").websocket_ping is False
    assert models.quirks("CP2") == Quirks()
    assert models.quirks("STRANGER") == Quirks()


def test_a_boot_with_new_firmware_ends_the_quirk() -> None:
    now = present(boot("1.4"))
    models = told(now)
    now.apply((boot("2.0"),))

    assert models.quirks("CP1") == Quirks()
    assert models.known("CP1").entries == ()


def test_the_model_says_what_it_adds_to_id_tags() -> None:
    said = {"CP1": SiteSays(quirks=Quirks(id_tag_cut_at="_", id_tag_length=16))}
    models = told(present(), said)

    assert models.tag_rules("CP1") == TagRules(cut_at="_", length_max=16)
    assert models.tag_rules("CP2") == TagRules()


def test_the_site_names_the_model_before_any_boot() -> None:
    said = {"CP2": SiteSays(model="other", quirks=Quirks(value_max=9))}
    models = told(present(), said)

    assert models.quirks("CP2") == Quirks(start_answer_delay_s=1.0, value_max=9)


def test_a_charger_that_takes_watts_only_tells_so_now_or_on_disk() -> None:
    now = present(boot("2.0"))
    models = told(now)
    assert models.quirks("CP1").rate_unit is None

    now.apply((keys("Power"),))
    assert models.quirks("CP1").rate_unit == "W"
    # a boot of other firmware does not take it back; keys read anew do
    now.apply((boot("2.1"),))
    assert models.quirks("CP1").rate_unit == "W"
    now.apply((keys("Current,Power"),))
    assert models.quirks("CP1").rate_unit is None

    assert told(present(boot("2.0")), None, keys("Power")).quirks("CP1").rate_unit == "W"
    site = {"CP1": SiteSays(quirks=Quirks(rate_unit="A"))}
    assert told(present(), site, keys("Power")).quirks("CP1").rate_unit == "A"
