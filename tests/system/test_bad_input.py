"""Rubbish, a meter that says NaN, a wrong configuration, a full disk: one clear line each; nobody else suffers."""

import asyncio
import contextlib
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import websockets

from tests.system.daemon import METER, SECRET, Daemon, charge_point
from tests.system.far_ends import GridMeter, grid_meter
from tests.system.far_ends import charge_point as connected

CIRCUIT = '[[circuit]]\nname = "main"\nfuse_a = 63\n'
TWO = CIRCUIT + charge_point("CP1") + charge_point("CP2")


async def _raw(daemon: Daemon, identity: str) -> websockets.ClientConnection:
    import base64

    login = base64.b64encode(f"{identity}:{SECRET}".encode()).decode()
    return await websockets.connect(
        f"{daemon.chargers_url}/{identity}",
        subprotocols=[websockets.Subprotocol("ocpp1.6")],
        additional_headers={"Authorization": f"Basic {login}"},
        proxy=None,
        max_size=None,
    )


async def test_frame_of_rubbish_costs_one_message(tmp_path: Path) -> None:
    with Daemon(tmp_path, TWO) as daemon:
        async with connected(daemon.chargers_url, "CP2") as good:
            await good.boot()
            bad = await _raw(daemon, "CP1")
            lines = len(daemon.lines)
            await bad.send("\x00 this is no frame {{{[[[")
            await bad.send('[2,"7","Heartbeat",{}]')
            answer = await asyncio.wait_for(bad.recv(), 5)
            assert '"7"' in str(answer)
            assert "cp=CP1" in daemon.line("cp=CP1", after=lines)
            assert (await good.boot()).status == "Accepted"
            await bad.close()
        assert daemon.stop() == 0
        assert not [line for line in daemon.lines if "Traceback" in line]


async def test_ten_megabyte_frame_closes_its_own_link_only(tmp_path: Path) -> None:
    with Daemon(tmp_path, TWO) as daemon:
        async with connected(daemon.chargers_url, "CP2") as good:
            await good.boot()
            bad = await _raw(daemon, "CP1")
            with contextlib.suppress(websockets.ConnectionClosed, OSError):
                await bad.send("x" * 10_000_000)
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await asyncio.wait_for(bad.recv(), 5)
            assert closed.value.rcvd is None or closed.value.rcvd.code == 1009
            line = daemon.line("link closed cp=CP1")
            assert "65536" in line or "too" in line.lower() or "larger" in line.lower(), line
            assert (await good.boot()).status == "Accepted"
        assert daemon.stop() == 0


def _show_nan(meter: GridMeter) -> None:
    nan = struct.unpack(">2H", struct.pack(">f", float("nan")))
    meter.data.set_input_registers(6, [*nan, *nan, *nan])


async def test_meter_that_answers_nan_is_lost_with_one_line_and_comes_back(tmp_path: Path) -> None:
    with (
        grid_meter(10.0) as meter,
        Daemon(tmp_path, TWO + METER.format(port=meter.port) + "lost_after_s = 2.0\n") as (daemon),
    ):
        async with connected(daemon.chargers_url, "CP2") as good:
            meter.show(11.0)
            daemon.line("meter=grid")
            _show_nan(meter)
            line = await asyncio.to_thread(daemon.line, "meter=grid lost", within_s=8)
            assert "holds no number" in line
            assert (await good.boot()).status == "Accepted"
            await asyncio.sleep(2)
            assert len([text for text in daemon.lines if "meter=grid lost" in text]) == 1
            meter.show(12.0)
            await asyncio.to_thread(daemon.line, "meter=grid back", within_s=8)
        assert daemon.stop() == 0


def test_configuration_with_five_mistakes_is_answered_in_five_lines(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(
        '[[circuit]]\nname = "main"\nfuse_a = "63"\n'
        '[[charge_point]]\nidentity = "CP1"\nallow_without_password = "yes"\n'
        '[[charge_point.connector]]\nnumber = 1\ncircuit = "main"\nphases = 4\nrotation = "L1"\n'
        "[stoore]\n"
    )
    for command in (["check-config", str(config)], ["run", "--config", str(config)]):
        done = subprocess.run(
            [sys.executable, "-m", "chargemon_edge", *command],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert done.returncode == 2
        lines = done.stderr.splitlines()
        assert "5 mistakes" in lines[0]
        assert len(lines) == 6
        assert "did you mean 'store'?" in done.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for little more than the databases."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a tmpfs needs root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


async def test_full_disk_refuses_honestly_serves_on_and_recovers_alone(small_disk: Path) -> None:
    with Daemon(small_disk, TWO) as daemon:
        async with connected(daemon.chargers_url, "CP1") as one, connected(daemon.chargers_url, "CP2") as two:
            running = await one.begin(1)
            filler = small_disk / "filler"
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(b"x" * 4096)
            # this client library answers a CALLERROR with None
            starts = [await two.try_begin(1, meter_start=number) for number in range(200)]
            assert starts[-1] is None, "the disk was full and starts were still accepted"
            assert (await one.boot()).status == "Accepted"
            lines = [line for line in daemon.lines if "disk full" in line]
            assert len(lines) == 1, lines
            assert not (small_disk / "reserve").exists()
            site = await asyncio.to_thread(
                daemon.command, "api", "GET", "site", "--socket", str(small_disk / "control.sock")
            )
            assert '"disk_trouble"' in site.stdout
            # the reserve is for this: a stop costs money if it is lost
            assert await asyncio.wait_for(one.end(running), 10) is not None
            filler.unlink()
            async with asyncio.timeout(60):
                while await two.try_begin(1, meter_start=9_999) is None:
                    await asyncio.sleep(0.5)
            # it went on by itself: the same process, its reserve held again
            assert daemon.process.poll() is None
            assert (small_disk / "reserve").stat().st_size == 2_048 * 1024
        assert daemon.stop() == 0
        assert not [line for line in daemon.lines if "Traceback" in line]


def test_port_that_is_taken_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "config.toml").write_text(
            f'[chargers]\nhost = "127.0.0.1"\nport = {port}\n[page]\nport = 0\nunix_socket = "{tmp_path}/s"\n'
            f'[store]\ndirectory = "{tmp_path}"\n'
        )
        done = subprocess.run(
            [sys.executable, "-m", "chargemon_edge", "run", "--config", str(tmp_path / "config.toml")],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    assert done.returncode == 1
    assert str(port) in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
