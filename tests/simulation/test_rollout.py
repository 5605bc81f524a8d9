"""Thirty chargers get new firmware over HTTP and FTP: every one its right verdict, and a killed daemon changes none.

CHARGEMON_SEEDS=100 kills it at the times of that many seeds, instead of two.
"""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import pytest

from chargemon_edge.control.file_keeping import FileRefused
from chargemon_edge.sim.virtual_loop import run_virtually
from chargemon_edge.site.facts import Fact
from chargemon_edge.site.rollout import Rules
from chargemon_edge.site.rollout_facts import UpdateRecorded
from tests.certification.certificates import Authority, new_key, pem, signature
from tests.simulation.wave import IMAGE, NAMES, RIGHT, Wave

_NIGHTLY_SEEDS = int(os.environ.get("CHARGEMON_SEEDS", "0"))
RULES = Rules(canaries=2, wave=10, at_once=6, stop_after=20, pause_s=60.0)


def play(folder: Path, kills_at_s: tuple[float, ...]) -> tuple[dict[str, str], float, Wave, list[Fact]]:
    """Verdicts, how long it took in seconds, and what was seen."""

    async def main() -> tuple[dict[str, str], float, Wave, list[Fact]]:
        seen: list[Fact] = []
        loop = asyncio.get_running_loop()
        wave = Wave(folder, seen.append)
        await wave.start()
        campaign = await wave.begin(await wave.add(), NAMES, RULES)
        began_s = loop.time()
        for at_s in kills_at_s:
            await asyncio.sleep(began_s + at_s - loop.time())
            await wave.restart()
        while not wave.over(campaign.number):
            await asyncio.sleep(10)
            assert loop.time() - began_s < 6 * 3_600, wave.verdicts(campaign.number)
        verdicts, took_s = wave.verdicts(campaign.number), loop.time() - began_s
        await wave.stop()
        return verdicts, took_s, wave, seen

    return run_virtually(main())


def kills(seed: int) -> tuple[float, ...]:
    """When the daemon is killed: some times, most of them while much is under way."""
    chance = random.Random(f"rollout {seed}")
    return tuple(sorted(chance.uniform(1, 400 if seed % 2 else 900) for _ in range(chance.randint(1, 6))))


@pytest.mark.parametrize("kills_at_s", [(), *(kills(seed) for seed in range(max(2, _NIGHTLY_SEEDS)))])
def test_every_charger_has_its_right_verdict_in_its_time(tmp_path: Path, kills_at_s: tuple[float, ...]) -> None:
    verdicts, took_s, wave, seen = play(tmp_path, kills_at_s)
    attempts = {one.update.charge_point: one.update.attempt for one in seen if isinstance(one, UpdateRecorded)}

    assert verdicts == RIGHT
    # the longest way: waves, then half an hour of Installing
    assert took_s < 2 * 3_600
    for name, charger in wave.chargers.items():
        assert all(image == IMAGE for image in charger.upkeep.fetched)
        asked = len(charger.upkeep.file_requests)
        # once for each attempt; an attempt whose request died with the daemon reached nobody
        assert 1 <= asked <= attempts[name] <= 2, name
        assert kills_at_s or asked == (2 if name == "not-found" else 1), name
    locations = [charger.upkeep.file_requests[0][1] for charger in wave.chargers.values()]
    assert len(set(locations)) == len(NAMES)
    assert [location.partition(":")[0] for location in locations].count("ftp") == 1


def test_no_more_than_so_many_are_under_way_at_once(tmp_path: Path) -> None:
    _, _, _, seen = play(tmp_path, ())
    under_way: set[str] = set()
    most = 0
    for fact in seen:
        if isinstance(fact, UpdateRecorded):
            (under_way.add if fact.under_way else under_way.discard)(fact.update.charge_point)
            most = max(most, len(under_way))

    assert most == RULES.at_once


def test_a_signed_image_goes_out_signed_and_a_changed_one_not_at_all(tmp_path: Path) -> None:
    key = new_key()
    certificate = pem(Authority("Maker").signed("Maker", key, days=36_500))
    changes = {"good-02": {"keys_missing": ("SecurityProfile",)}}
    names = ["good-01", "good-02", "refuses"]

    async def main() -> tuple[dict[str, str], Wave]:
        wave = Wave(tmp_path, lambda _fact: None, changes)
        await wave.start()
        refused = await wave.add(IMAGE[:-1], signature=signature(key, IMAGE), certificate=certificate)
        assert isinstance(refused, FileRefused)
        assert "the file was changed" in refused.reason
        image = await wave.add(signature=signature(key, IMAGE), certificate=certificate)
        campaign = await wave.begin(image, names, RULES)
        while not wave.over(campaign.number):
            await asyncio.sleep(10)
        verdicts = wave.verdicts(campaign.number)
        await wave.stop()
        return verdicts, wave

    verdicts, wave = run_virtually(main())

    assert verdicts == {"good-01": "succeeded", "good-02": "succeeded", "refuses": "bad image"}
    asked = {name: [action for action, _ in wave.chargers[name].upkeep.file_requests] for name in names}
    assert asked == {
        "good-01": ["SignedUpdateFirmware"],
        "good-02": ["UpdateFirmware"],
        "refuses": ["SignedUpdateFirmware"],
    }
    assert all(not charger.upkeep.file_requests for name, charger in wave.chargers.items() if name not in names)
