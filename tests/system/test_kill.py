"""kill -9 under load: no acknowledged transaction lost or doubled, every running one adopted with its id."""

import asyncio
import os
import random
import urllib.request
from pathlib import Path

import pytest

from tests.system.daemon import Daemon, charge_point
from tests.system.endless_charger import Charger, acknowledged, check_records

KILLS = int(os.environ.get("CHARGEMON_KILLS", "6"))
CHARGERS = 8
CIRCUIT = '[[circuit]]\nname = "main"\nfuse_a = 63\n'


def site_of(daemon: Daemon) -> str:
    with urllib.request.urlopen(f"{daemon.page_url}/api/v1/site") as response:
        text: str = response.read().decode()
    return text


@pytest.mark.promise("R1")
async def test_no_acknowledged_transaction_is_lost_or_doubled(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    config = CIRCUIT + "".join(charge_point(f"CP{number}", connectors=2) for number in range(CHARGERS))
    with Daemon(tmp_path, config) as daemon:
        chargers = [Charger(f"CP{number}", lambda: daemon.chargers_url) for number in range(CHARGERS)]
        async with asyncio.TaskGroup() as load:
            tasks = [load.create_task(charger.run()) for charger in chargers]
            for _ in range(KILLS):
                await asyncio.sleep(chance.uniform(0.2, 1.0))
                daemon.kill()
                await asyncio.to_thread(daemon.start)
            await asyncio.sleep(0.5)
            for task in tasks:
                task.cancel()
        daemon.kill()
        lasting = {charger.lasting for charger in chargers}
        assert None not in lasting
        daemon.start()
        shown = site_of(daemon)
        assert all(str(transaction_id) in shown for transaction_id in lasting), "a running transaction was not adopted"
        assert daemon.stop() == 0

    total = acknowledged(chargers)
    print(f"{KILLS} kills, {total} acknowledged starts and stops, {len(lasting)} adopted at the end")
    assert total > 10 * KILLS
    check_records(tmp_path / "site.db", chargers)
