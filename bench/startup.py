"""How long from exec until the daemon tells systemd that it is ready, disk opened and listeners up.

The reference is a bare interpreter that imports aiohttp's server, started the same way.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench import daemon
from bench.figures import Figure, show
from bench.processes import SERVER_CORE

_PINNED = ["taskset", "--cpu-list", str(SERVER_CORE), sys.executable]
READY_TIMEOUT_S = 20.0


def _until_ready_s(arguments: Sequence[str], folder: Path) -> float:
    """Seconds from starting the daemon to its READY=1 on the notification socket."""
    address = str(folder / "notify")
    Path(address).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(READY_TIMEOUT_S)
        started_s = time.monotonic()
        process = subprocess.Popen(
            [*_PINNED, *arguments],
            env={**os.environ, "NOTIFY_SOCKET": address},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while "READY=1" not in manager.recv(4096).decode().splitlines():
                pass
            return time.monotonic() - started_s
        finally:
            process.terminate()
            process.wait(READY_TIMEOUT_S)


def _import_s(module: str) -> float:
    """Seconds to start an interpreter and import *module*."""
    started_s = time.monotonic()
    subprocess.run([*_PINNED, "-c", f"import {module}"], check=True)
    return time.monotonic() - started_s


def main() -> list[Figure]:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=7)
    arguments, _ = parser.parse_known_args()
    starts: int = arguments.starts
    print(f"startup: median of {starts} starts, 20 charge points configured")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = daemon.command(daemon.write_config(folder, count=20))
        ready_s = statistics.median([_until_ready_s(command, folder) for _ in range(starts)])
    aiohttp_s = statistics.median([_import_s("aiohttp.web") for _ in range(starts)])
    ours_s = statistics.median([_import_s("chargemon_edge.app") for _ in range(starts)])
    figures = [
        Figure("interpreter + import of aiohttp.web", aiohttp_s, "s"),
        Figure("interpreter + import of the daemon", ours_s, "s"),
        Figure("daemon ready after exec", ready_s, "s", at_most=0.8),
        Figure("daemon ready / interpreter with aiohttp.web", ready_s / aiohttp_s, "×"),
    ]
    show(figures)
    return figures


if __name__ == "__main__":
    main()
