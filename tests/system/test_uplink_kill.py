"""Events at some hundred a second while the daemon is killed, the broker stopped and its socket frozen, at random: the
reference consumer ends with each of them exactly once, in order, and none is lost."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from chargemon_edge.control.upstream_records import Epochs
from chargemon_edge.upstream.event_kinds import kind_of
from tests.integration.upstream.archive import Archive
from tests.integration.upstream.broker import Broker, listening
from tests.system.daemon import Daemon, charge_point
from tests.system.endless_charger import Charger
from tests.waiting import until

# of the daemon and of the broker; a quarter as often the socket freezes
KILLS = int(os.environ.get("CHARGEMON_UPLINK_KILLS", "2"))
# a short freeze is ridden out, a longer one than 20 s is noticed
FREEZE_MAX_S = 2.0 if KILLS < 20 else 30.0
CHARGERS = 4
PER_SECOND = 200
CONFIG = """
[[circuit]]
name = "main"
fuse_a = 63
[[upstream]]
name = "operator"
host = "127.0.0.1"
port = {port}
site = "hof-7"
tls = false
keepalive_s = 5
drain_spread_s = 0
drain_per_s = 5000
"""


class _SteadyCharger(Charger):
    """One of those that give so many events a second together, if the daemon is there."""

    async def _confirmed(self, action: str, payload: dict[str, object]) -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        await super()._confirmed(action, payload)
        await asyncio.sleep(max(0.0, CHARGERS / PER_SECOND - (loop.time() - began_s)))


def in_the_journal(folder: Path) -> list[tuple[int, int, str]]:
    """Epoch, number and kind of all that the daemon has written."""
    with closing(sqlite3.connect(folder / "site.db", timeout=10)) as database:
        rows = database.execute("SELECT number, kind FROM event ORDER BY number").fetchall()
        epochs = Epochs(dict(database.execute("SELECT ep, last_number FROM epoch")))
    return [(*epochs.place(number), kind_of(kind)) for number, kind in rows]


async def trouble(daemon: Daemon, broker: Broker, chance: random.Random) -> None:
    """Everything that can happen to it, in any order."""
    happenings = ["daemon"] * KILLS + ["broker"] * KILLS + ["frozen"] * max(1, KILLS // 4)
    chance.shuffle(happenings)
    for what in happenings:
        await asyncio.sleep(chance.uniform(0.5, 3.0))
        if what == "daemon":
            daemon.kill()
            await asyncio.sleep(chance.uniform(0.0, 0.5))
            await asyncio.to_thread(daemon.start)
        elif what == "broker":
            await asyncio.to_thread(broker.stop)
            await asyncio.sleep(chance.uniform(0.0, 2.0))
            await asyncio.to_thread(broker.start)
        else:
            broker.freeze()
            await asyncio.sleep(chance.uniform(0.5, FREEZE_MAX_S))
            broker.thaw()


@pytest.mark.promise("R13")
async def test_no_event_is_lost_or_doubled_whatever_dies(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    broker = Broker(tmp_path / "broker")
    broker.start()
    config = CONFIG.format(port=broker.port)
    config += "".join(charge_point(f"CP{number}", connectors=2) for number in range(CHARGERS))
    try:
        with (
            listening(broker) as operator,
            Archive(tmp_path, broker.port) as archive,
            Daemon(tmp_path, config) as daemon,
        ):
            chargers = [_SteadyCharger(f"CP{number}", lambda: daemon.chargers_url) for number in range(CHARGERS)]
            async with asyncio.TaskGroup() as load:
                tasks = [load.create_task(charger.run()) for charger in chargers]
                await trouble(daemon, broker, random.Random(seed))
                for task in tasks:
                    task.cancel()
            try:
                await until(
                    lambda: archive.is_complete() and archive.count() == len(in_the_journal(tmp_path)),
                    within_s=30 + KILLS,
                    what="the archive has everything",
                )
            finally:
                print(f"epochs {archive.epochs()}, {archive.count()} of {len(in_the_journal(tmp_path))} events")
            written, stored = in_the_journal(tmp_path), archive.events()
            came = [(message.body["ep"], message.body["s"]) for message in operator.on("/ev")]
    finally:
        broker.close()

    again = len(came) - len(set(came))
    print(f"{KILLS} kills, {KILLS} stops of the broker, {len(stored)} events stored, {again} came again")
    assert [(event.ep, event.s, event.kind) for event in stored] == written
    assert archive.gaps() == []
    # apart from those that came again
    assert list(dict.fromkeys(came)) == sorted(set(came))
    # what chargers were promised is among them
    started = {event.d["transaction_id"] for event in stored if event.kind == "tx.start"}
    ended = {event.d["transaction_id"] for event in stored if event.kind == "tx.end"}
    for charger in chargers:
        assert {transaction_id for _, transaction_id in charger.starts} <= started
        assert set(charger.stops) <= ended
    assert len(stored) > 50 * KILLS
