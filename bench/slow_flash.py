"""A worn memory card: every flush takes 10 ms longer. Is the balancing tick still in time?

100 charge points in closed loop; a timer on the daemon's loop stands for the tick. The reference is the same load
without the delay.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import signal
import tempfile
import time
from pathlib import Path

from bench import daemon
from bench.figures import Figure, show
from bench.processes import Drive, Server

ANSWER_TIMEOUT_S = 10.0


def _lateness(server: Server) -> float:
    """Milliseconds that the daemon's loop was late at most since it was told to count."""
    server.process.send_signal(signal.SIGUSR2)
    deadline_s = time.monotonic() + ANSWER_TIMEOUT_S
    while time.monotonic() < deadline_s:
        found = re.search(r"late at most ([0-9.]+) ms", server.output())
        if found is not None:
            return float(found.group(1))
        time.sleep(0.05)
    raise RuntimeError("the watched daemon did not answer")


def _drive(flush_delay_s: float, *, count: int, seconds: float) -> tuple[float, float, float]:
    """Lateness at most in ms, messages per second, median answer time in ms."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        config = daemon.write_config(folder, count=count, flush_delay_s=flush_delay_s)
        server = stack.enter_context(Server("watched daemon", ["-m", "bench.watched", str(config)], daemon.READY))
        drive = stack.enter_context(Drive(server.port, count=count))
        drive.go(1.0)
        server.process.send_signal(signal.SIGUSR1)
        time.sleep(0.2)
        seen = drive.go(seconds)
        return _lateness(server), seen["messages"] / seen["seconds"], seen["p50_ms"]


def main() -> list[Figure]:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flash-seconds", type=float, default=6.0)
    parser.add_argument("--flash-count", type=int, default=100, help="charge points (default: %(default)s)")
    arguments, _ = parser.parse_known_args()
    count, seconds = arguments.flash_count, arguments.flash_seconds
    print(f"slow flash: {count} charge points in closed loop for {seconds:g} s, 10 ms added to each flush")
    plain_late_ms, plain_per_s, _ = _drive(0.0, count=count, seconds=seconds)
    late_ms, per_s, p50_ms = _drive(0.010, count=count, seconds=seconds)
    figures = [
        Figure("this disk: tick late at most", plain_late_ms, "ms"),
        Figure("this disk: messages per second", plain_per_s, "/s"),
        Figure("slow flash: tick late at most", late_ms, "ms", at_most=100),
        Figure("slow flash: messages per second", per_s, "/s", at_least=10_000),
        Figure("slow flash: answer time, median", p50_ms, "ms"),
        Figure("slow flash / this disk, messages per second", per_s / plain_per_s, "×"),
    ]
    show(figures)
    return figures


if __name__ == "__main__":
    main()
