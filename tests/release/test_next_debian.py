"""A site's machine moves from Debian 12 to 13 with the daemon and its data on it, and then gets the package for 13."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from chargemon_edge import __version__
from release import debian_mirror
from tests.system.installed import site, take_over
from tests.system.installed.container import Container

CHARGERS = ("CP1", "CP2", "CP3", "CP4")
UNATTENDED = ("-y", "-q", "-o", "Dpkg::Options::=--force-confold", "-o", "Dpkg::Options::=--force-unsafe-io")


@pytest.mark.promise("R14")
def test_moves_to_the_next_debian_with_its_records(shipped: Callable[[str, str], Path], tmp_path: Path) -> None:
    with Container("bookworm", tmp_path) as box:
        site.install(box, shipped("bookworm", "amd64"))
        site.describe(box, *CHARGERS)
        box.run("systemctl", "restart", site.UNIT)
        chargers = asyncio.run(
            take_over.under_load(box, CHARGERS, lambda: _ignored(box.run("systemctl", "restart", site.UNIT)))
        )
        take_over.check(box, chargers)
        before = _records(box)
        assert len(before) > 100

        _move(box)

        assert box.run("cat", "/etc/debian_version").startswith("13")
        assert "systemd 257" in box.run("systemctl", "--version")
        # Debian 12's interpreter stays, and with it the daemon
        assert box.run("systemctl", "is-active", site.UNIT).strip() == "active"
        box.run("systemctl", "restart", site.UNIT)
        _check_serving(box, "3.11")

        box.give(shipped("trixie", "amd64"), "/opt")
        inside = f"/opt/{shipped('trixie', 'amd64').name}"
        chargers = asyncio.run(
            take_over.under_load(
                box, CHARGERS, lambda: _ignored(box.run_online("apt-get", "install", *UNATTENDED, inside))
            )
        )

        take_over.check(box, chargers)
        _check_serving(box, "3.13")
        after = _records(box)
        assert {number: after[number] for number in before} == before
        assert box.run("dpkg", "-V", "chargemon-edge") == ""

        box.halt()
        box.boot()
        _check_serving(box, "3.13")
        assert _records(box) == after


def _ignored(_said: str) -> None:
    """For commands whose words nobody reads."""


def _move(box: Container) -> None:
    """As Debian's release notes say, but for the questions."""
    box.write("/etc/apt/sources.list", "".join(f"{line}\n" for line in debian_mirror.sources("trixie")))
    for command in (("update", "-q"), ("upgrade", "--without-new-pkgs", *UNATTENDED), ("full-upgrade", *UNATTENDED)):
        box.run_online("apt-get", *command)


def _check_serving(box: Container, python: str) -> None:
    assert box.run("systemctl", "is-active", site.UNIT, "chargemon-edge.socket").split() == ["active", "active"]
    assert site.ask(box, "/api/v1/health")[0] == 200
    assert __version__ in box.run("chargemon-edge", "--version")
    assert f"python{python}" in box.run("readlink", f"/proc/{site.main_pid(box)}/exe")

    async def charge() -> None:
        async with site.plugged_in(box, CHARGERS[0]) as cp:
            assert (await cp.boot()).status == "Accepted"

    asyncio.run(charge())


def _records(box: Container) -> dict[int, tuple[object, ...]]:
    """Every finished transaction as it is stored, by its id; the daemon stands still for it."""
    box.run("systemctl", "stop", site.UNIT)
    path = box.root / "var/lib/chargemon-edge/site.db"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        rows = database.execute(
            "SELECT transaction_id, charge_point, connector, id_tag, started_text, meter_start_wh, meter_stop_wh,"
            " stop_received_utc_ms, stop_reason FROM charging_transaction WHERE stop_received_utc_ms IS NOT NULL"
        ).fetchall()
    box.run("systemctl", "start", site.UNIT)
    return {row[0]: tuple(row[1:]) for row in rows}
