"""Named charging profiles: a name keeps its id, and no id is given twice."""

from __future__ import annotations

import asyncio

from chargemon_edge.control.charging_profiles import ChargingProfiles
from chargemon_edge.control.ports import RestoredOperations
from chargemon_edge.control.present import Present
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site.facts import Moment
from chargemon_edge.site.picture import SitePicture
from tests.unit.control.fakes import UTC_MS, FakeClock, FakeJournal, two_chargers
from tests.unit.control.test_guard import profile


class Scene:
    """The profiles with everything behind them."""

    def __init__(self, *, at_once: bool = True) -> None:
        self.journal = FakeJournal(at_once=at_once)
        present = Present(two_chargers(), SitePicture(started=Moment(1000.0, UTC_MS)))
        self.profiles = ChargingProfiles(present, self.journal, FakeClock(), RestoredOperations())

    def store(self, name: str, given: m.ChargingProfile) -> int:
        """Its id."""
        assert asyncio.run(self.profiles.store(name, given, "operator A")) is None
        return self.profiles.by_name[name].charging_profile_id

    def remove(self, name: str) -> None:
        known = self.profiles.named(name)
        assert known is not None
        assert asyncio.run(self.profiles.remove(known, "operator A")) is None


def test_a_name_keeps_its_id_and_the_given_one_is_not_used() -> None:
    scene = Scene()

    first = scene.store("night", profile(6.0, charging_profile_id=1))
    again = scene.store("night", profile(8.0, charging_profile_id=2))

    assert first == again == 10_000
    assert scene.profiles.by_name["night"] == profile(8.0, charging_profile_id=10_000)


def test_an_id_is_not_given_again_after_a_removal() -> None:
    scene = Scene()
    first = scene.store("night", profile(6.0))
    scene.remove("night")
    assert scene.profiles.by_name == {}

    assert scene.store("night", profile(6.0)) == first + 1
    assert scene.store("day", profile(6.0)) == first + 2


def test_two_who_write_the_same_new_name_at_once_get_one_id() -> None:
    scene = Scene(at_once=False)

    async def act() -> None:
        both = [asyncio.create_task(scene.profiles.store("night", profile(limit), "A")) for limit in (6.0, 7.0)]
        await asyncio.sleep(0)
        scene.journal.flush()
        assert await asyncio.gather(*both) == [None, None]

    asyncio.run(act())
    assert [one.profile for one in scene.profiles.known()] == [profile(7.0, charging_profile_id=10_000)]


def test_what_did_not_get_to_the_disk_is_not_there() -> None:
    scene = Scene(at_once=False)

    async def act() -> Exception | None:
        storing = asyncio.create_task(scene.profiles.store("night", profile(6.0), "A"))
        await asyncio.sleep(0)
        scene.journal.flush(OSError("disk full"))
        return await storing

    assert isinstance(asyncio.run(act()), OSError)
    assert scene.profiles.known() == []
