"""Configuration keys as charge points write them."""

import pytest

from chargemon_edge.ocpp.list_abilities import Abilities, abilities
from chargemon_edge.ocpp.local_list import Limits


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, Abilities()),
        (
            {
                "SupportedFeatureProfiles": "Core, LocalAuthListManagement",
                "LocalAuthListEnabled": "true",
                "LocalAuthListMaxLength": "500",
                "SendLocalListMaxLength": "16",
                "AuthorizationCacheEnabled": "TRUE",
            },
            Abilities(cache=True, limits=Limits(entries_max=500, send_max=16)),
        ),
        ({"SupportedFeatureProfiles": "Core,SmartCharging"}, Abilities(supported=False)),
        ({"SupportedFeatureProfiles": "Core", "LocalAuthListEnabled": "1"}, Abilities()),
        ({"localauthlistenabled": " False "}, Abilities(enabled=False)),
        ({"LocalAuthListMaxLength": "0", "SendLocalListMaxLength": "many"}, Abilities()),
        ({"LocalAuthListMaxLength": None, "SendLocalListMaxLength": "-3"}, Abilities()),
        ({"LocalAuthListMaxLength": "99999999999999999999"}, Abilities()),
    ],
)
def test_they_are_understood(told: dict[str, str | None], expected: Abilities) -> None:
    assert abilities(told) == expected
