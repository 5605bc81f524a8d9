"""The model is known from the last boot, on disk or just now, and every boot may change it."""

from __future__ import annotations

from chargemon_edge.control.charger_models import ChargerModels, SiteSays
from chargemon_edge.control.present import Present
from chargemon_edge.site.cards import TagRules
from chargemon_edge.site.charger_model import Entry, Quirks
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


def test_the_last_boot_on_disk_counts_before_any_new_one() -> None:
    models = ChargerModels(CATALOGUE, {}, present(boot("1.4")))

    assert models.quirks("CP1").websocket_ping is False
    assert models.quirks("CP2") == Quirks()
    assert models.quirks("STRANGER") == Quirks()


def test_a_boot_with_new_firmware_ends_the_quirk() -> None:
    now = present(boot("1.4"))
    models = ChargerModels(CATALOGUE, {}, now)
    now.apply((boot("2.0"),))

    assert models.quirks("CP1") == Quirks()
    assert models.known("CP1").entries == ()


def test_the_model_says_what_it_adds_to_id_tags() -> None:
    said = {"CP1": SiteSays(quirks=Quirks(id_tag_cut_at="_", id_tag_length=16))}
    models = ChargerModels(CATALOGUE, said, present())

    assert models.tag_rules("CP1") == TagRules(cut_at="_", length_max=16)
    assert models.tag_rules("CP2") == TagRules()


def test_the_site_names_the_model_before_any_boot() -> None:
    said = {"CP2": SiteSays(model="other", quirks=Quirks(value_max=9))}
    models = ChargerModels(CATALOGUE, said, present())

    assert models.quirks("CP2") == Quirks(start_answer_delay_s=1.0, value_max=9)
