"""How much a site of 20 chargers writes in a day, and how many commits one disk takes in a second.

Flash wears out by what reaches the device, journal of the file system included. As root the bytes are counted at a loop
device with a fresh ext4 on it; otherwise at the page cache, where the journal does not show. An hour of the site is
played with shorter pauses between the same groups.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.figures import Figure, show
from chargemon_edge.clock import SystemClock
from chargemon_edge.control.ports import moment
from chargemon_edge.site import facts
from chargemon_edge.site.facts import Fact, Moment
from chargemon_edge.site.units import PerPhase
from chargemon_edge.store.journal import Store, open_store
from chargemon_edge.store.settings import StoreSettings

CHARGERS = 20
GROUP_S = 10
GROUPS_A_DAY = 86_400 // GROUP_S
LEASE_REFRESH_GROUPS = 6
SESSIONS_A_DAY = 3
GOAL_MB = 250.0


def payload(rng: random.Random, number: int) -> bytes:
    """A MeterValues as talkative chargers send it: six values, about 800 bytes."""
    values: list[dict[str, str]] = [
        {
            "value": f"{rng.uniform(5, 32):.1f}",
            "context": "Sample.Periodic",
            "format": "Raw",
            "measurand": "Current.Import",
            "phase": f"L{phase}",
            "location": "Outlet",
            "unit": "A",
        }
        for phase in (1, 2, 3)
    ]
    for measurand, unit in (
        ("Energy.Active.Import.Register", "Wh"),
        ("Power.Active.Import", "W"),
        ("Current.Offered", "A"),
    ):
        value = str(rng.randrange(10_000_000))
        values.append({"value": value, "context": "Sample.Periodic", "measurand": measurand, "unit": unit})
    timestamp = f"2026-07-18T10:{number // 60 % 60:02d}:{number % 60:02d}.000Z"
    meter_value = [{"timestamp": timestamp, "sampledValue": values}]
    return msgspec.json.encode({"connectorId": 1, "transactionId": 21_761_062, "meterValue": meter_value})


def group(rng: random.Random, number: int, at: Moment) -> list[Fact]:
    """What ten seconds of the site leave for the disk when nobody comes or goes."""
    new: list[Fact] = []
    for charger in range(CHARGERS):
        new.append(
            facts.ValuesReported(
                at=at,
                charge_point=f"CP-{charger:03d}",
                connector=1,
                transaction_id=21_761_062 + charger,
                current_ma=PerPhase(*(rng.randrange(32_000) for _ in range(3))),
                power_w=rng.randrange(22_000),
                energy_wh=rng.randrange(10_000_000),
                offered_ma=16_000,
                measured_utc_ms=at.utc_ms,
                raw=payload(rng, number),
            )
        )
        if (number + charger) % LEASE_REFRESH_GROUPS == 0:
            new.append(
                facts.LimitHeld(
                    at=at,
                    charge_point=f"CP-{charger:03d}",
                    connector=1,
                    transaction_id=21_761_062 + charger,
                    limit_ma=rng.randrange(60, 320) * 100,
                    fallback_ma=6_000,
                    lease_s=120.0,
                    sent_mono_s=at.mono_s,
                )
            )
    return new


def session(charger: int, transaction_id: int, at: Moment) -> list[list[Fact]]:
    """The commits of one charging session."""
    identity = f"CP-{charger:03d}"
    started = facts.TransactionStarted(
        at=at,
        charge_point=identity,
        connector=1,
        transaction_id=transaction_id,
        id_tag="04A1B2C3D4E5F6",
        id_tag_status="Accepted",
        meter_start_wh=transaction_id,
        started_utc_ms=at.utc_ms,
        started_text="2026-07-18T10:00:00.000Z",
    )
    stopped = facts.TransactionStopped(
        at=at,
        charge_point=identity,
        connector=1,
        transaction_id=transaction_id,
        meter_stop_wh=transaction_id + 1,
        stopped_utc_ms=at.utc_ms,
        reason="EVDisconnected",
        raw=b'{"transactionId":21761062,"meterStop":21761063,"timestamp":"2026-07-18T10:00:00.000Z"}',
    )
    statuses: list[list[Fact]] = [
        [facts.StatusReported(at=at, charge_point=identity, connector=1, status=status, error_code="NoError")]
        for status in ("Preparing", "Charging", "Finishing", "Available")
    ]
    return [[started], [stopped], *statuses]


async def play(store: Store, groups: int, pause_s: float) -> None:
    """Play *groups* times ten seconds; *pause_s* is the flush interval that the store was opened with."""
    rng = random.Random(1)
    clock = SystemClock()
    loop = asyncio.get_running_loop()
    transaction_id = store.restored.next_transaction_id
    session_every = GROUPS_A_DAY / (CHARGERS * SESSIONS_A_DAY)
    sessions = 0
    for number in range(groups):
        at = moment(clock)
        store.journal.record(group(rng, number, at))
        if number % 6 == 0:
            minute = Moment(at.mono_s, (number // 6) * 60_000)
            store.journal.record([facts.MeterRead(at=minute, meter="grid", current_ma=PerPhase(1, 2, 3))])
        if number >= sessions * session_every:
            sessions += 1
            for new in session(sessions % CHARGERS, transaction_id + sessions, at):
                done: asyncio.Future[Exception | None] = loop.create_future()
                store.journal.commit(new, done.set_result)
                assert await done is None
        await asyncio.sleep(pause_s * 1.5)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[tuple[Path, Path | None]]:
    """A directory to write in, and the file that counts its device's sectors (None: no loop device to be had)."""
    image, mount = folder / "image", folder / "mount"
    mount.mkdir()
    with contextlib.ExitStack() as undo:
        try:
            with image.open("wb") as file:
                file.truncate(256 * 1024 * 1024)
            _quietly("mkfs.ext4", "-q", str(image))
            device = _quietly("losetup", "--find", "--show", str(image)).strip()
            undo.callback(_quietly, "losetup", "--detach", device)
            _quietly("mount", device, str(mount))
            undo.callback(_quietly, "umount", str(mount))
        except (OSError, subprocess.CalledProcessError):
            undo.close()
            yield mount, None
            return
        yield mount, Path("/sys/block", Path(device).name, "stat")


def _quietly(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _written_bytes(counter: Path | None) -> int:
    if counter is not None:
        os.sync()
        return int(counter.read_text().split()[6]) * 512
    for line in Path("/proc/self/io").read_text().splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    raise AssertionError("the kernel does not count what a process writes")


def megabytes_a_day(groups: int, pause_s: float) -> tuple[float, bool]:
    """What a day would write, and whether it was counted at the device."""
    with tempfile.TemporaryDirectory() as folder, small_disk(Path(folder)) as (directory, counter):
        settings = StoreSettings(directory=str(directory), samples_flush_s=pause_s, record_flush_s=pause_s)

        async def run() -> int:
            store = open_store(settings, SystemClock(), inline=False)
            before = _written_bytes(counter)
            await play(store, groups, pause_s)
            written = _written_bytes(counter) - before
            store.close()
            return written

        written = asyncio.run(run())
        return written / groups * GROUPS_A_DAY / 1e6, counter is not None


def commits_a_second(waiters: int, rounds: int) -> tuple[float, float]:
    """Durable starts with *waiters* waiting at any time: how many a second, and the median wait in ms."""
    waits_s: list[float] = []

    async def one(store: Store, charger: int) -> None:
        clock = SystemClock()
        loop = asyncio.get_running_loop()
        for number in range(rounds):
            transaction_id = store.restored.next_transaction_id + number * waiters + charger
            done: asyncio.Future[Exception | None] = loop.create_future()
            began_s = time.perf_counter()
            store.journal.commit(session(charger, transaction_id, moment(clock))[0], done.set_result)
            assert await done is None
            waits_s.append(time.perf_counter() - began_s)

    async def run(directory: str) -> float:
        store = open_store(StoreSettings(directory=directory), SystemClock(), inline=False)
        began_s = time.perf_counter()
        await asyncio.gather(*(one(store, charger) for charger in range(waiters)))
        took_s = time.perf_counter() - began_s
        store.close()
        return waiters * rounds / took_s

    with tempfile.TemporaryDirectory() as folder:
        rate = asyncio.run(run(folder))
    return rate, sorted(waits_s)[len(waits_s) // 2] * 1000


def main(arguments: list[str] | None = None) -> list[Figure]:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=1.0, help="how much of the site's day is played")
    options = parser.parse_args(arguments)
    print(f"write budget: {CHARGERS} chargers, a MeterValues of 800 bytes each {GROUP_S} s")
    day_mb, at_device = megabytes_a_day(round(options.hours * 3600 / GROUP_S), 0.02)
    where = "at the device" if at_device else "at the page cache; as root it is counted at the device"
    figures = [Figure(f"written in a day ({where})", day_mb, "MB", at_most=GOAL_MB)]
    for waiters, rounds in ((1, 300), (100, 50)):
        rate, wait_ms = commits_a_second(waiters, rounds)
        figures.append(Figure(f"durable starts, {waiters} waiting at a time", rate, "1/s"))
        figures.append(Figure(f"  median wait, {waiters} waiting at a time", wait_ms, "ms"))
    show(figures)
    return figures


if __name__ == "__main__":
    main()
