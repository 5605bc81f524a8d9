"""Chargers that charge without end while the daemon below them is replaced, and what must be true afterwards."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from tests.system.endless_charger import Charger, acknowledged, check_records
from tests.system.installed import site
from tests.system.installed.container import Container
from tests.waiting import until


async def under_load(box: Container, identities: tuple[str, ...], replace: Callable[[], None]) -> list[Charger]:
    """Chargers charge while *replace* puts another daemon in place; they are all back when this returns."""
    chargers = [
        Charger(identity, lambda: f"ws://127.0.0.1:{site.PORT}", lambda: box.connect(site.PORT, within_s=20))
        for identity in identities
    ]
    async with asyncio.TaskGroup() as load:
        tasks = [load.create_task(charger.run()) for charger in chargers]
        await asyncio.sleep(1.0)
        links = [charger.links for charger in chargers]
        await asyncio.to_thread(replace)
        await until(
            lambda: all(charger.links > before for charger, before in zip(chargers, links, strict=True)),
            within_s=30,
            what="every charger back",
        )
        await asyncio.sleep(1.0)
        for task in tasks:
            task.cancel()
    return chargers


def check(box: Container, chargers: list[Charger]) -> None:
    """Nobody was refused, no transaction was lost, doubled or split, and the running ones go on."""
    refused = sum(charger.refused for charger in chargers)
    failed = [words for charger in chargers for words in charger.failed]
    worst_s = max(charger.longest_wait_s for charger in chargers)
    print(
        f"{acknowledged(chargers)} starts and stops, {refused} refused, {failed} failed, longest wait {worst_s:.2f} s"
    )
    assert refused == 0
    assert failed == []
    box.run("systemctl", "stop", site.UNIT)
    check_records(box.root / "var/lib/chargemon-edge/site.db", chargers)
    box.run("systemctl", "start", site.UNIT)
    shown = json.dumps(site.ask(box, "/api/v1/site")[1])
    assert all(str(charger.lasting) in shown for charger in chargers), "a running transaction did not go on"
