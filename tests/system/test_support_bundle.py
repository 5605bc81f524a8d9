"""The support bundle of a running daemon, searched for canaries."""

from __future__ import annotations

import asyncio
import json
import stat
import zipfile
from pathlib import Path

import pytest

from tests.system.daemon import SECRET, Daemon, charge_point
from tests.system.far_ends import charge_point as connected

CANARY = "04CANARY7788"
SITE = (
    '[[circuit]]\nname = "main"\nfuse_a = 63\n'
    + charge_point("CP1")
    + f'[charge_point.configuration]\nAuthorizationKey = "inline-canary-key"\n[[id_tag]]\nid_tag = "{CANARY}"\n'
)


@pytest.mark.demand("S30")
async def test_a_bundle_helps_and_holds_no_canary(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    bundle = tmp_path / "support.zip"
    common = ("--config", str(folder / "config.toml"), "--directory", str(folder))
    with Daemon(folder, SITE) as daemon:
        async with connected(daemon.chargers_url, "CP1") as charger:
            await charger.boot()
            await charger.begin(1, id_tag=CANARY)
            done = await asyncio.to_thread(
                daemon.command, "support-bundle", str(bundle), *common, "--socket", str(folder / "control.sock")
            )
        assert done.returncode == 0, done.stderr
        assert daemon.stop() == 0
    with zipfile.ZipFile(bundle) as opened:
        parts = {name: opened.read(name).decode() for name in opened.namelist()}

    assert stat.S_IMODE(bundle.stat().st_mode) == 0o600
    everything = "\n".join(parts.values()).lower()
    assert [canary for canary in (SECRET, CANARY, "inline-canary-key") if canary.lower() in everything] == []
    assert json.loads(parts["site.json"])["charge_points"][0]["identity"] == "CP1"
    assert "rows in charging_transaction" in parts["records.txt"]
    assert "StartTransaction" in parts["frames/1.jsonl"]
    assert "aiohttp" in parts["about.txt"]
    assert "fuse_a = 63" in parts["configuration/config.toml"]
    assert json.loads(parts["doctor.json"])["findings"]
    assert not [name for name, text in parts.items() if "could not be had" in text and name != "journal.txt"]


def test_without_a_daemon_there_is_a_bundle_all_the_same(tmp_path: Path) -> None:
    with Daemon(tmp_path, SITE) as daemon:
        assert daemon.stop() == 0
        arguments = ("--config", str(tmp_path / "config.toml"), "--directory", str(tmp_path))
        done = daemon.command("support-bundle", str(tmp_path / "b.zip"), *arguments, "--socket", str(tmp_path / "none"))
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(tmp_path / "b.zip") as opened:
        assert "not running" in opened.read("site.json").decode()
        assert "rows in charging_transaction" in opened.read("records.txt").decode()
