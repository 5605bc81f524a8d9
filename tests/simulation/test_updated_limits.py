"""New firmware that has forgotten every limit, and a car that waits for it: the fuse holds, and the neighbour pays."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

from msgspec.structs import replace

from chargemon_edge.control.file_keeping import ImageWish
from chargemon_edge.sim.building import Load
from chargemon_edge.sim.daemon import LoopClock
from chargemon_edge.sim.firmware_file import made
from chargemon_edge.sim.scenario import Scenario, Visit
from chargemon_edge.sim.virtual_loop import run_virtually
from chargemon_edge.sim.world import World
from chargemon_edge.site import facts
from chargemon_edge.site.facts import Fact
from chargemon_edge.site.image import Image
from chargemon_edge.site.rollout import Rules
from chargemon_edge.site.units import same_on_all
from tests.simulation.playing import EPOCH_S, judge

VERSION = "2.0"
UPDATED, NEIGHBOUR = "UPDATED", "NEIGHBOUR"
# the updated charger's whole range is all that the fuse has left beside the building
SITE = Scenario(
    title="An update beside a car",
    description="One charges, the other gets new firmware.",
    hours=0.3,
    configuration={
        "circuit": [{"name": "main", "fuse_a": 40.0, "margin_a": 2.0, "background_a": 6.0}],
        "meter": [{"name": "grid", "circuit": "main", "model": "eastron-sdm630"}],
        "authorisation": {"accept_unknown": True},
        "charge_point": [
            {"identity": name, "connector": [{"number": 1, "circuit": "main", "max_a": 32.0, "fallback_a": 6.0}]}
            for name in (UPDATED, NEIGHBOUR)
        ],
    },
    building={"main": Load(base_ma=same_on_all(5_000), worst_ma=same_on_all(6_000))},
    visit=(
        Visit(at_s=30, connector=f"{NEIGHBOUR}/1", car="van", want_wh=60_000, stays_s=9_000),
        # it stands there before the new firmware has come up
        Visit(at_s=330, connector=f"{UPDATED}/1", car="van", want_wh=60_000, stays_s=9_000),
    ),
)
BEGINS_S = 300.0


class Seen:
    """What happened to the two of them, by seconds of the scenario."""

    def __init__(self) -> None:
        self.gone_s = self.back_s = self.safe_s = 0.0
        self.neighbour_ma: list[tuple[float, int]] = []

    def note(self, at_s: float, fact: Fact) -> None:
        """One more."""
        if isinstance(fact, facts.LinkClosed) and fact.charge_point == UPDATED and not self.gone_s:
            self.gone_s = at_s
        elif isinstance(fact, facts.ChargePointBooted) and fact.firmware_version == VERSION:
            self.back_s = at_s
        elif isinstance(fact, facts.FailSafeHeld) and fact.charge_point == UPDATED and self.back_s and not self.safe_s:
            self.safe_s = at_s
        elif isinstance(fact, facts.LimitHeld) and fact.charge_point == NEIGHBOUR:
            self.neighbour_ma.append((at_s, fact.limit_ma))


async def begin(world: World) -> None:
    """Give the one new firmware."""
    app = world.daemon.app
    assert app is not None
    assert app.files is not None
    assert app.updates is not None
    content = made(VERSION)

    async def parts() -> AsyncIterator[bytes]:
        yield content

    wish = ImageWish(
        file_name="new.bin",
        vendor="*",
        models=("*",),
        version=VERSION,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    image = await app.files.add_image(wish, parts(), "test")
    assert isinstance(image, Image), image
    await app.updates.campaigns.start(image.image_id, VERSION, [UPDATED], Rules(), "test")


def test_while_firmware_changes_the_fuse_is_kept_free_for_the_whole_charger(tmp_path: Path) -> None:
    seen = Seen()

    async def main() -> World:
        clock = LoopClock(EPOCH_S)
        world = World(SITE, tmp_path, clock, utc_s=clock.true_utc_s)
        await world.start()
        charger = world.chargers[UPDATED]
        charger.personality = replace(charger.personality, firmware_forgets=True)
        assert world.daemon.app is not None
        assert world.daemon.app.present is not None
        world.daemon.app.present.follow(lambda fact: seen.note(world.elapsed_s, fact))
        world.at(BEGINS_S, lambda: world.do(begin(world)))
        await world.play(SITE.hours * 3_600.0)
        await world.stop()
        return world

    world = run_virtually(main())

    judge(world)
    assert BEGINS_S < seen.gone_s < seen.back_s < seen.safe_s
    before = [limit_ma for at_s, limit_ma in seen.neighbour_ma if at_s < seen.gone_s]
    meanwhile = [limit_ma for at_s, limit_ma in seen.neighbour_ma if seen.gone_s <= at_s < seen.safe_s]
    after = [limit_ma for at_s, limit_ma in seen.neighbour_ma if at_s > seen.safe_s]
    # 32 A beside the building; nothing beside a charger that may draw all of that; then a fair share
    assert max(before) >= 30_000
    assert min(meanwhile) == 0
    assert 12_000 <= max(after) < max(before)
