"""Resident memory: with 20 charge points after their sessions, and what each further connection takes.

The reference is the raw aiohttp echo with as many connections.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from pathlib import Path

from bench import daemon
from bench.figures import Figure, show
from bench.processes import Drive, Server


def _with_sessions() -> tuple[float, float]:
    """Megabytes of the daemon when nobody is connected, and with 20 charge points after 5 s of sessions."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ours = stack.enter_context(daemon.start(daemon.write_config(folder, count=20)))
        time.sleep(2.0)
        empty_mb = ours.resident_mb()
        drive = stack.enter_context(Drive(ours.port, count=20))
        drive.go(5.0)
        return empty_mb, ours.resident_mb()


def _per_connection(server: Server, count: int, *, echo: bool) -> float:
    """Kilobytes that one idle connection takes, over *count* of them."""
    time.sleep(1.0)
    before_mb = server.resident_mb()
    with Drive(server.port, count=count, echo=echo):
        time.sleep(2.0)
        return 1024 * (server.resident_mb() - before_mb) / count


def main() -> list[Figure]:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=500)
    arguments, _ = parser.parse_known_args()
    count: int = arguments.connections
    print(f"memory: 20 charge points after sessions; {count} idle connections")
    empty_mb, full_mb = _with_sessions()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        echo = stack.enter_context(Server("raw aiohttp echo", ["-m", "bench.echo"], r"(\d+)\n"))
        ours = stack.enter_context(daemon.start(daemon.write_config(folder, count=count)))
        echo_kb = _per_connection(echo, count, echo=True)
        ours_kb = _per_connection(ours, count, echo=False)
    figures = [
        Figure("daemon, nobody connected: resident", empty_mb, "MB"),
        Figure("daemon, 20 charge points after sessions: resident", full_mb, "MB", at_most=80),
        Figure("raw aiohttp echo: each idle connection", echo_kb, "kB"),
        Figure("daemon: each idle connection", ours_kb, "kB", at_most=25),
        Figure("daemon / raw aiohttp echo, each connection", ours_kb / echo_kb, "×"),
    ]
    show(figures)
    return figures


if __name__ == "__main__":
    main()
