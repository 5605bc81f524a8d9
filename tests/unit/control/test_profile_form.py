"""The unit and the phases of a limit, by what is known of the model and seen of the car."""

from __future__ import annotations

import pytest

from chargemon_edge.control.profile_form import ProfileForm, profile_form
from chargemon_edge.site.charger_model import Quirks
from chargemon_edge.site.facts import Moment, ValuesReported
from chargemon_edge.site.layout import Connector
from chargemon_edge.site.units import PerPhase

ONE = Connector(number=1, circuit="main", conductors=(True, False, False))
THREE = Connector(number=1, circuit="main")


def seen(*current_ma: int, derived: tuple[str, ...] = ()) -> ValuesReported:
    return ValuesReported(
        at=Moment(0.0, 0), charge_point="CP1", connector=1, current_ma=PerPhase(*current_ma), derived=derived
    )


@pytest.mark.parametrize(
    ("quirks", "connector", "values", "form"),
    [
        (Quirks(), THREE, None, ProfileForm("A", 3, None)),
        (Quirks(rate_unit="A", number_phases=True), ONE, None, ProfileForm("A", 1, 1)),
        (Quirks(rate_unit="W"), ONE, None, ProfileForm("W", 1, None)),
        (Quirks(rate_unit="W"), THREE, None, ProfileForm("W", 1, None)),
        (Quirks(rate_unit="W"), THREE, seen(9_000, 0, 0), ProfileForm("W", 1, None)),
        (Quirks(rate_unit="W"), THREE, seen(9_000, 9_000, 9_000), ProfileForm("W", 3, None)),
        (Quirks(rate_unit="W"), ONE, seen(9_000, 9_000, 9_000), ProfileForm("W", 1, None)),
        (Quirks(rate_unit="W"), THREE, seen(9_000, 9_000, 9_000, derived=("current_ma",)), ProfileForm("W", 1, None)),
        (Quirks(rate_unit="W", number_phases=True), THREE, None, ProfileForm("W", 3, 3)),
    ],
)
def test_watts_never_count_on_more_phases_than_are_seen(
    quirks: Quirks, connector: Connector, values: ValuesReported | None, form: ProfileForm
) -> None:
    assert profile_form(quirks, connector, values) == form
