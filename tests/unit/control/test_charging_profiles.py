"""Named charging profiles: a name keeps its id, and no id is given twice."""

from __future__ import annotations

import msgspec

from chargemon_edge.control.charging_profiles import ChargingProfiles
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site.facts import Moment
from chargemon_edge.site.operation_facts import ChargingProfileRemoved, ChargingProfileStored
from tests.unit.control.test_guard import profile

AT = Moment(1000.0, 1_800_000_000_000)


def stored(name: str, one: m.ChargingProfile) -> ChargingProfileStored:
    body = msgspec.json.encode(one).decode()
    return ChargingProfileStored(at=AT, name=name, profile_id=one.charging_profile_id, body=body, by="operator A")


def test_what_was_stored_is_there_and_keeps_its_id() -> None:
    profiles = ChargingProfiles([stored("night", profile(6.0, charging_profile_id=10_003))], next_id=10_004)

    again = profiles.named("night", profile(8.0, charging_profile_id=1))

    assert again == profile(8.0, charging_profile_id=10_003)
    assert profiles.by_name["night"] == profile(6.0, charging_profile_id=10_003)


def test_a_new_name_gets_a_new_id_also_after_a_removal() -> None:
    profiles = ChargingProfiles([], next_id=10_000)
    first = profiles.named("night", profile(6.0))
    profiles.folded(stored("night", first))
    profiles.folded(ChargingProfileRemoved(at=AT, name="night", profile_id=first.charging_profile_id, by="operator A"))

    second = profiles.named("night", profile(6.0))

    assert (first.charging_profile_id, second.charging_profile_id) == (10_000, 10_001)
    assert profiles.by_name == {}
