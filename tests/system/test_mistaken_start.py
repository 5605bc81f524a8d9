"""A start with mistakes in the files: on with the last good configuration, and everybody who looks is told."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import websockets

from tests.system.daemon import HEAD, Daemon, charge_point
from tests.system.far_ends import charge_point as connected

CIRCUIT = '[[circuit]]\nname = "main"\nfuse_a = {fuse}\n'


def _asked(daemon: Daemon, path: str) -> Any:
    with urllib.request.urlopen(f"{daemon.page_url}/api/v1/{path}") as response:
        return json.load(response)


def _codes(daemon: Daemon) -> list[str]:
    return [alarm["code"] for alarm in _asked(daemon, "site")["alarms"] if alarm["code"].startswith("configuration")]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What systemd names to the daemon as its StateDirectory=."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    return tmp_path


async def test_it_goes_on_with_the_last_good_configuration_and_says_so_everywhere(state: Path) -> None:
    good = CIRCUIT.format(fuse=63) + charge_point("CP1")
    with Daemon(state, good) as daemon:
        assert daemon.stop() == 0
        # a smaller fuse was put in, and something else mistyped
        daemon.config.write_text(
            HEAD.format(folder=state) + CIRCUIT.format(fuse=40) + charge_point("CP1") + "[site]\ncolour = 1\n"
        )
        daemon.start()

        assert "site.colour" in daemon.line("configuration not taken")
        assert "the last good one counts" in daemon.line("started with other settings")
        assert _codes(daemon) == ["configuration_mistakes", "configuration_mistake"]
        assert _asked(daemon, "health")["status"] == "attention"
        assert _asked(daemon, "site")["circuits"][0]["fuse_ma"] == [40_000] * 3
        shown = daemon.command("status", "--socket", str(state / "control.sock")).stdout
        assert "CRITICAL: The configuration has 1 mistake and is not in force" in shown
        assert "site.colour: unknown setting" in " ".join(shown.split())
        async with connected(daemon.chargers_url, "CP1") as cp:
            assert (await cp.boot()).status == "Accepted"

        # mended while it runs
        daemon.reload(CIRCUIT.format(fuse=50) + charge_point("CP1"))
        assert _codes(daemon) == []
        assert _asked(daemon, "site")["circuits"][0]["fuse_ma"] == [50_000] * 3
        assert daemon.stop() == 0

        # and what was mended is now the last good one
        daemon.config.write_text("[")
        daemon.start()
        assert _asked(daemon, "site")["circuits"][0]["fuse_ma"] == [50_000] * 3
        daemon.kill()


def test_a_refused_reload_is_on_the_page_until_a_good_one(state: Path) -> None:
    good = CIRCUIT.format(fuse=63) + charge_point("CP1")
    with Daemon(state, good) as daemon:
        daemon.reload(good.replace("fuse_a", "fuze_a"))
        assert set(_codes(daemon)) == {"configuration_refused", "configuration_mistake"}

        daemon.reload(good)
        assert _codes(daemon) == []
        assert daemon.stop() == 0


async def test_without_a_last_good_one_nobody_gets_in_and_the_page_says_why(state: Path) -> None:
    with Daemon(state, CIRCUIT.format(fuse=63) + charge_point("CP1") + "[site]\ncolour = 1\n") as daemon:
        assert "no charge point may connect" in daemon.line("started with other settings")
        assert _codes(daemon) == ["configuration_mistakes", "configuration_mistake"]
        with pytest.raises(websockets.InvalidStatus):
            async with connected(daemon.chargers_url, "CP1"):
                pass
        daemon.reload(CIRCUIT.format(fuse=63) + charge_point("CP1"))
        async with connected(daemon.chargers_url, "CP1") as cp:
            assert (await cp.boot()).status == "Accepted"
        assert daemon.stop() == 0
