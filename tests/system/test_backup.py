"""Backups over the command line, damaged databases, a disk that cannot be written: the daemon as a process."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.daemon import Daemon, charge_point
from tests.system.far_ends import charge_point as connected

SITE = '[[circuit]]\nname = "main"\nfuse_a = 63\n' + charge_point("CP1")


def site(daemon: Daemon) -> dict[str, object]:
    done = daemon.command("api", "GET", "site", "--socket", str(daemon.folder / "control.sock"))
    found: dict[str, object] = json.loads(done.stdout)
    return found


def restore(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "chargemon_edge", "restore", *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.promise("R9")
async def test_a_backup_is_made_copied_and_restored_and_the_charger_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    socket = str(folder / "control.sock")
    copy = tmp_path / "copy.db"
    with Daemon(folder, SITE) as daemon:
        async with connected(daemon.chargers_url, "CP1") as charger:
            await charger.boot()
            first = await charger.begin(1)
            done = await asyncio.to_thread(daemon.command, "backup", str(copy), "--socket", socket)
            assert done.returncode == 0, done.stderr
            second = await charger.end(first) and await charger.begin(1)
        assert site(daemon)["last_backup_utc_ms"] is not None
        refused = restore(str(copy), "--directory", str(folder))
        assert refused.returncode == 1
        assert "another process uses" in refused.stderr
        daemon.kill()
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        back = restore(str(copy), "--directory", str(folder))
        assert back.returncode == 0, back.stderr
        assert list(folder.glob("site.db.replaced.*"))

        daemon.start()
        async with connected(daemon.chargers_url, "CP1") as charger:
            await charger.boot()
            # what began after the backup is not known, and its id is not given again
            third = await charger.begin(1, meter_start=77)
        assert second is not None
        assert third > second
        assert daemon.stop() == 0
        assert not [line for line in daemon.lines if "Traceback" in line]


def test_what_is_restored_belongs_to_the_daemons_user(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("giving files to another user needs root")
    folder = tmp_path / "site"
    folder.mkdir()
    with Daemon(folder, SITE) as daemon:
        made = daemon.command("backup", str(tmp_path / "copy.db"), "--socket", str(folder / "control.sock"))
        assert made.returncode == 0, made.stderr
        assert daemon.stop() == 0
    # the last part of the path must let another user through; this directory is root's alone
    state = Path("/var/tmp") / f"chargemon-edge-test-{os.getpid()}"
    shutil.copytree(folder, state, ignore=shutil.ignore_patterns("*.sock", "notify*"))
    try:
        for path in (state, *state.rglob("*")):
            os.chown(path, 65534, 65534)
        state.chmod(0o750)
        back = restore(str(tmp_path / "copy.db"), "--directory", str(state))
        assert back.returncode == 0, back.stderr
        owners = {path.name: (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) for path in state.glob("site.db*")}
        assert owners["site.db"] == (65534, 0o600)
        assert {owner for owner, _ in owners.values()} == {65534}
        assert not list(state.glob("*.part"))
    finally:
        shutil.rmtree(state)


@pytest.mark.promise("R8")
async def test_damaged_databases_cost_no_service(tmp_path: Path) -> None:
    with Daemon(tmp_path, SITE) as daemon:
        async with connected(daemon.chargers_url, "CP1") as charger:
            await charger.boot()
            running = await charger.begin(1)
            socket = str(tmp_path / "control.sock")
            made = await asyncio.to_thread(daemon.command, "backup", "--socket", socket)
            assert made.returncode == 0, made.stderr
        assert daemon.stop() == 0
        damage(tmp_path / "site.db", "zeroed page")
        damage(tmp_path / "samples.db", "bad header")

        daemon.start()
        assert daemon.ready_after_s < 30
        assert "database restored" in daemon.line("database restored")
        async with connected(daemon.chargers_url, "CP1") as charger:
            await charger.boot()
            codes = [alarm["code"] for alarm in site(daemon)["alarms"]]  # type: ignore[attr-defined] # JSON
            assert codes.count("database_damaged") == 2
            health = daemon.command("api", "GET", "health", "--socket", str(tmp_path / "control.sock"))
            assert json.loads(health.stdout)["status"] == "attention"
            assert await charger.end(running) is not None
        events = daemon.command("api", "GET", "security-events", "--socket", str(tmp_path / "control.sock"))
        assert "database restored" in events.stdout
        assert daemon.stop() == 0


def damage(path: Path, kind: str) -> None:
    content = path.read_bytes()
    page = int.from_bytes(content[16:18], "big")
    if kind == "zeroed page":
        path.write_bytes(content[:page] + bytes(page) + content[2 * page :])
    else:
        path.write_bytes(b"x" * 100 + content[100:])


@pytest.fixture
def own_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, that can be made read-only."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)], check=False)
    if mounted.returncode != 0:
        pytest.skip("mounting a tmpfs needs root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.promise("R7")
async def test_a_read_only_disk_is_served_from_and_nothing_is_promised(own_disk: Path, tmp_path: Path) -> None:
    socket = str(tmp_path / "control.sock")
    with Daemon(own_disk, SITE) as daemon:
        async with connected(daemon.chargers_url, "CP1") as charger:
            await charger.boot()
            running = await charger.begin(1)
        daemon.kill()
        # only what the daemon keeps is on that disk
        daemon.config.write_text(daemon.config.read_text().replace(f'"{own_disk}/control.sock"', f'"{socket}"'))
        subprocess.run(["mount", "-o", "remount,ro", str(own_disk)], check=True)

        daemon.folder = tmp_path
        daemon.start()
        async with connected(daemon.chargers_url, "CP1") as charger:
            assert (await charger.boot()).status == "Accepted"
            # a CALLERROR comes as None from this client: nothing was promised
            assert await charger.try_begin(1, meter_start=1) is None
            assert await charger.end(running) is None
            done = await asyncio.to_thread(daemon.command, "api", "GET", "site", "--socket", socket)
            view = json.loads(done.stdout)
            assert "disk_trouble" in [alarm["code"] for alarm in view["alarms"]]
            (connector,) = view["connectors"]
            assert connector["transaction"]["transaction_id"] == running
            assert daemon.process.poll() is None
            subprocess.run(["mount", "-o", "remount,rw", str(own_disk)], check=True)
            # systemd starts it again then
            assert await asyncio.to_thread(daemon.process.wait, 20) == 1
        assert "can be written again" in daemon.line("can be written again")
        daemon.start()
        async with connected(daemon.chargers_url, "CP1") as charger:
            await charger.boot()
            assert await charger.end(running) is not None
        assert daemon.stop() == 0
        assert not [line for line in daemon.lines if "Traceback" in line]
