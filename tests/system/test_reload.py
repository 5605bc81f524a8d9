"""New settings while a car charges: taken as far as they can be, the link stands, the rest is named."""

import asyncio
import json
import signal
import socket
import time
import urllib.request
from pathlib import Path
from typing import Any

import websockets

from tests.system import load_step
from tests.system.daemon import METER, SECRET, Daemon, charge_point
from tests.system.far_ends import charge_point as connected
from tests.system.far_ends import grid_meter
from tests.waiting import until

CIRCUIT = '[[circuit]]\nname = "main"\nfuse_a = {fuse}\n'


def _site(daemon: Daemon) -> Any:
    with urllib.request.urlopen(f"{daemon.page_url}/api/v1/site") as response:
        return json.load(response)


async def test_smaller_fuse_and_more_chargers_are_taken_without_dropping_a_link(tmp_path: Path) -> None:
    one = charge_point("CP1")
    with grid_meter(10.0) as first, grid_meter(10.0) as second:
        before = CIRCUIT.format(fuse=63) + one + load_step.QUICK + METER.format(port=first.port)
        with Daemon(tmp_path, before) as daemon:
            showing = [asyncio.create_task(load_step.keep_fresh(meter, 10.0)) for meter in (first, second)]
            async with connected(daemon.chargers_url, "CP1") as cp:
                await cp.boot()
                transaction_id = await cp.begin(1)
                await cp.status(1, "Charging")
                await until(lambda: bool(cp.tx_limits()) and cp.tx_limits()[-1][1] >= 20, within_s=30, what="20 A")

                # another fuse, another meter, another charge point, another log level
                after = CIRCUIT.format(fuse=25) + one + charge_point("CP2") + load_step.QUICK
                after += METER.format(port=second.port) + '[log]\nlevel = "debug"\n'
                await asyncio.to_thread(daemon.reload, after.replace('"grid"', '"other"'))

                await until(lambda: cp.tx_limits()[-1][1] <= 15, within_s=10, what="15 A or less")
                async with connected(daemon.chargers_url, "CP2") as other:
                    assert (await other.boot()).status == "Accepted"
                await until(lambda: _site(daemon)["meters"][0]["state"] == "good", within_s=10, what="the other meter")
                site = _site(daemon)
                assert site["meters"][0]["name"] == "other"
                assert site["circuits"][0]["fuse_ma"] == [25_000] * 3
                # the same link, the same transaction
                await cp.values(1, transaction_id, 9.9)
                assert str(transaction_id) in json.dumps(site)
                assert not [line for line in daemon.lines if "link closed cp=CP1" in line]
                polls = len(first.data.reads_s)
                await asyncio.sleep(1.5)
                assert len(first.data.reads_s) == polls, "the meter that was taken out is still read"
                await cp.end(transaction_id)
            for task in showing:
                task.cancel()
            assert daemon.stop() == 0
            assert not [line for line in daemon.lines if "Traceback" in line]


async def test_what_waits_for_a_restart_is_named_and_what_is_wrong_changes_nothing(tmp_path: Path) -> None:
    with Daemon(tmp_path, CIRCUIT.format(fuse=63) + charge_point("CP1")) as daemon:
        async with connected(daemon.chargers_url, "CP1") as cp:
            named = daemon.reload(CIRCUIT.format(fuse=32) + charge_point("CP1") + "[balancing]\nmin_on_s = 1.0\n")
            assert "configuration taken" in named[-1]
            daemon.config.write_text(daemon.config.read_text().replace("[page]\nport = 0", "[page]\nport = 1"))
            before = len(daemon.lines)
            daemon.process.send_signal(signal.SIGHUP)
            assert "settings=page.port" in daemon.line("wait for a restart", after=before)

            wrong = daemon.reload('[[circuit]]\nname = 7\n[[circuit]]\nname = "b"\nfuse_a = "x"\n')
            assert len([line for line in wrong if "configuration not taken" in line]) == 3
            unarmed = daemon.reload(
                CIRCUIT.format(fuse=5) + charge_point("CP1").replace("fallback_a = 0", "fallback_a = 6")
            )
            assert "balancing would not arm" in unarmed[-1]
            assert _site(daemon)["circuits"][0]["fuse_ma"] == [32_000] * 3
            assert (await cp.boot()).status == "Accepted"
        assert daemon.stop() == 0


async def test_charge_point_that_is_taken_out_is_disconnected_and_refused(tmp_path: Path) -> None:
    both = CIRCUIT.format(fuse=63) + charge_point("CP1") + charge_point("CP2")
    with Daemon(tmp_path, both) as daemon:
        async with connected(daemon.chargers_url, "CP1") as kept, connected(daemon.chargers_url, "CP2") as gone:
            daemon.reload(CIRCUIT.format(fuse=63) + charge_point("CP1"))

            assert "taken out of the configuration" in daemon.line("link closed cp=CP2")
            with_gone = gone._connection
            await asyncio.wait_for(with_gone.wait_closed(), 5)
            try:
                async with connected(daemon.chargers_url, "CP2"):
                    raise AssertionError("it was let in")
            except websockets.InvalidStatus as refused:
                assert refused.response.status_code == 404
            assert (await kept.boot()).status == "Accepted"
        assert daemon.stop() == 0


def test_systemd_is_told_when_reloading_begins_and_ends(tmp_path: Path) -> None:
    import os
    import subprocess
    import sys

    from tests.system.daemon import HEAD

    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "config.toml").write_text(HEAD.format(folder=tmp_path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(10)
        process = subprocess.Popen(
            [sys.executable, "-m", "chargemon_edge", "run", "--config", str(tmp_path / "config.toml")],
            env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")},
            stderr=subprocess.DEVNULL,
        )
        try:
            while "READY=1" not in listener.recv(4096).decode():
                pass
            at_us = time.monotonic_ns() // 1000
            process.send_signal(signal.SIGHUP)
            told = listener.recv(4096).decode().splitlines()
            assert told[0] == "RELOADING=1"
            assert at_us <= int(told[1].removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000
            assert "READY=1" in listener.recv(4096).decode()
        finally:
            process.terminate()
            process.wait()
