"""Asks a real chronyd, which leaves this machine's clock alone, whether it has set the clock."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chargemon_edge.clock.chrony import chrony_heard


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def chronyd(folder: Path, *lines: str) -> Iterator[int]:
    """A chronyd without a time server; yields the port it is asked on."""
    port = free_port()
    config = folder / "chrony.conf"
    own = (f"cmdport {port}", "bindcmdaddress 127.0.0.1", "bindcmdaddress /", "port 0", f"pidfile {folder}/pid")
    config.write_text("\n".join([*own, *lines]) + "\n")
    process = subprocess.Popen(["chronyd", "-x", "-d", "-f", str(config)], stderr=subprocess.PIPE)
    try:
        yield port
    finally:
        process.kill()
        process.communicate()


def until(answered: Callable[[], object]) -> object:
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        found = answered()
        if found is not None:
            return found
        time.sleep(0.05)
    return None


@pytest.fixture(autouse=True)
def _chrony_is_there() -> None:
    if subprocess.run(["chronyd", "-v"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no chronyd here")


def test_a_synchronised_chronyd_is_heard(tmp_path: Path) -> None:
    now_ms = round(time.time() * 1000)
    with chronyd(tmp_path, "local stratum 5") as port:
        found = until(lambda: chrony_heard(now_ms + 3_600_000, port))

    assert found is not None
    assert getattr(found, "service", None) == "chrony"
    assert abs(getattr(found, "at_utc_ms", 0) - now_ms) < 60_000


def test_one_that_has_not_set_the_clock_says_nothing(tmp_path: Path) -> None:
    with chronyd(tmp_path) as port:
        answer = None
        ends = time.monotonic() + 10
        while answer is None and time.monotonic() < ends:
            # its command port is open as soon as it answers anything
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
                line.settimeout(0.2)
                line.connect(("127.0.0.1", port))
                try:
                    line.send(b"\6\1\0\0\0\x21".ljust(104, b"\0"))
                    answer = line.recv(1024)
                except OSError:
                    time.sleep(0.05)

        assert answer is not None
        assert chrony_heard(round(time.time() * 1000), port) is None


def test_where_none_runs_nothing_is_waited_for() -> None:
    port, began = free_port(), time.monotonic()

    assert chrony_heard(1, port) is None
    assert time.monotonic() - began < 5
