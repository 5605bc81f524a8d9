"""What the installed daemon writes and holds in memory with twenty chargers that report every ten seconds; real time.

CHARGEMON_WRITE_MINUTES sets how long it is watched. Flash wears out by what reaches the device, so that is counted: the
state and the journal each lie on an ext4 file system of their own.
"""

import asyncio
import contextlib
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from tests.charge_point import ChargePoint, now_text
from tests.system.installed import site
from tests.system.installed.container import Container

MINUTES = float(os.environ.get("CHARGEMON_WRITE_MINUTES", "10"))
SAMPLE_S = 10.0
CHARGERS = tuple(f"CP{number:02d}" for number in range(20))
STATE, JOURNAL = "/var/lib/chargemon-edge", "/var/log/journal"

STATE_MAX_MB = 250.0
JOURNAL_MAX_MB = 10.0
RESIDENT_MAX_MB = 80.0


@pytest.mark.promise("R11", "R12")
def test_writes_and_memory_stay_within_their_budgets(shipped: Callable[[str, str], Path], tmp_path: Path) -> None:
    package = shipped("bookworm", "amd64")
    with _disk(tmp_path / "state") as state, _disk(tmp_path / "journal") as journal:
        binds = (f"--bind={state.place}:{STATE}", f"--bind={journal.place}:{JOURNAL}")
        with Container("bookworm", tmp_path, arguments=binds) as box:
            site.install(box, package)
            site.describe(box, *CHARGERS)
            box.run("systemctl", "restart", site.UNIT)

            before, after = asyncio.run(_watch(box, state, journal))

            said = box.run("journalctl", "-u", site.UNIT, "-o", "cat", "--no-pager")
            box.run("systemctl", "stop", site.UNIT)

    a_day = 24 * 60 / MINUTES / 1e6
    state_mb, journal_mb = (a_day * (now - then) for then, now in zip(before.written, after.written, strict=True))
    entries_mb = a_day * (after.entries - before.entries)
    print(
        f"{MINUTES:g} minutes: state {state_mb:.0f} MB a day, journal {journal_mb:.1f} MB a day at its device "
        f"({entries_mb:.1f} MB of entries), resident {before.resident_mb:.1f} then {after.resident_mb:.1f} MB, "
        f"{after.threads} threads, {after.descriptors} descriptors"
    )
    assert "Traceback" not in said
    assert 1 < state_mb <= STATE_MAX_MB
    assert entries_mb <= JOURNAL_MAX_MB
    assert after.resident_mb <= RESIDENT_MAX_MB
    # the daily backup, read by a thread of its own, may be on its way
    assert after.threads <= before.threads + 1
    assert after.descriptors <= before.descriptors + 2


class _Disk:
    """A file system of its own, and what was written to it."""

    def __init__(self, place: Path, counter: Path) -> None:
        self.place = place
        self._counter = counter

    @property
    def written(self) -> int:
        """Bytes, its own journal included."""
        os.sync()
        return int(self._counter.read_text().split()[6]) * 512


@contextlib.contextmanager
def _disk(folder: Path) -> Iterator[_Disk]:
    image, place = folder / "image", folder / "place"
    place.mkdir(parents=True)
    with contextlib.ExitStack() as undo:
        image.touch()
        os.truncate(image, 256 * 1024 * 1024)
        _run("mkfs.ext4", "-q", str(image))
        device = _run("losetup", "--find", "--show", str(image))
        undo.callback(_run, "losetup", "--detach", device)
        _run("mount", device, str(place))
        undo.callback(_run, "umount", "--lazy", str(place))
        (place / "lost+found").rmdir()
        yield _Disk(place, Path("/sys/block", Path(device).name, "stat"))


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class _Seen:
    """One look at the installed daemon."""

    def __init__(self, box: Container, *disks: _Disk) -> None:
        # what journald has taken reaches its files at the latest every five minutes; now it is asked to
        box.run("journalctl", "--sync")
        self.written = tuple(disk.written for disk in disks)
        self.entries = len(box.run("journalctl", "-u", site.UNIT, "-o", "export", "--no-pager"))
        process = Path(f"/proc/{site.main_pid(box)}")
        status = dict(line.split(":", 1) for line in box.run("cat", str(process / "status")).splitlines())
        self.resident_mb = int(status["VmRSS"].split()[0]) / 1024
        self.threads = int(status["Threads"])
        self.descriptors = len(box.run("ls", str(process / "fd")).split())


async def _watch(box: Container, *disks: _Disk) -> tuple[_Seen, _Seen]:
    async with contextlib.AsyncExitStack() as links, asyncio.TaskGroup() as reporting:
        tasks = []
        for identity in CHARGERS:
            one = await links.enter_async_context(site.plugged_in(box, identity))
            tasks.append(reporting.create_task(_report(one)))
        # every charger is configured, its car has its limit, memory has settled
        await asyncio.sleep(60)
        before = await asyncio.to_thread(_Seen, box, *disks)
        await asyncio.sleep(60 * MINUTES)
        after = await asyncio.to_thread(_Seen, box, *disks)
        for task in tasks:
            task.cancel()
    return before, after


async def _report(one: ChargePoint) -> None:
    """A car that charges all the time; six values each time, about 800 bytes."""
    chance = random.Random(one.id)
    await one.boot()
    await one.status(1, "Charging")
    transaction_id = await one.begin(1)
    energy_wh = 0
    while True:
        await asyncio.sleep(SAMPLE_S)
        energy_wh += chance.randrange(20, 40)
        await one.call(
            call.MeterValues(
                connector_id=1,
                transaction_id=transaction_id,
                meter_value=[{"timestamp": now_text(), "sampled_value": list(_sampled(chance, energy_wh))}],
            )
        )


def _sampled(chance: random.Random, energy_wh: int) -> Iterator[dict[str, Any]]:
    always = {"context": "Sample.Periodic", "format": "Raw", "location": "Outlet"}
    for phase in ("L1", "L2", "L3"):
        current = f"{chance.uniform(5.5, 6):.1f}"
        yield {"value": current, "measurand": "Current.Import", "phase": phase, "unit": "A", **always}
    yield {"value": str(energy_wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh", **always}
    yield {"value": str(chance.randrange(3900, 4200)), "measurand": "Power.Active.Import", "unit": "W", **always}
    yield {"value": "6.0", "measurand": "Current.Offered", "unit": "A", **always}
