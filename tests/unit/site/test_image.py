"""Which charger an image fits."""

from __future__ import annotations

import pytest

from chargemon_edge.site.charger_model import Nameplate
from tests.unit.store.file_samples import image


@pytest.mark.parametrize(
    ("vendor", "model", "firmware", "fits"),
    [
        ("Wallbox Chargers", "Pulsar Plus", "4.9", True),
        ("WALLBOX", "copper sb", "5.1.99", True),
        ("Wallbox", "Quasar", "4.9", False),
        ("Other", "Pulsar", "4.9", False),
        ("Wallbox", "Pulsar", "5.2.0", False),
        ("Wallbox", "Pulsar", "3.9", False),
        # who states no version is not taken along
        ("Wallbox", "Pulsar", None, False),
        ("Wallbox", "Pulsar", "unknown", False),
    ],
)
def test_vendor_model_and_version_must_all_fit(vendor: str, model: str, firmware: str | None, fits: bool) -> None:
    nameplate = Nameplate(vendor=vendor, model=model, firmware=firmware)

    assert (image().misfit(nameplate) is None) is fits


def test_without_bounds_any_version_may_come_before() -> None:
    nameplate = Nameplate(vendor="Wallbox", model="Pulsar", firmware=None)

    assert image(from_versions="").misfit(nameplate) is None


def test_who_never_booted_here_fits_nothing() -> None:
    assert image().misfit(None) == "it has not said yet what model it is"
