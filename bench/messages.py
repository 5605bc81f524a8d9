"""Processor time per message on the daemon's whole durable path, against two references in the same run.

References: the raw aiohttp echo (what the transport alone costs) and a minimal central system on the PyPI packages
``ocpp`` and ``websockets`` (without storage). All servers live at once and are driven in short alternating turns; the
figure is the median over the turns of each server's processor time, all threads, per message. Rows that the daemon
writes behind fall partly between its turns, so the whole run's processor time per message is taken as well, and the
larger of both counts. Repeat a close call: a busy machine moves ratios by up to a third. What the kernel takes for one
message in and one out differs between machines more than Python does, so it is told apart.

The C library's allocator is told for all three alike to keep large blocks: left to itself it maps and unmaps memory for
each of asyncio's 256 kB reads or does not, as the moment will have it, and the echo takes twice the time or not.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
from pathlib import Path

from bench import daemon
from bench.figures import Figure, show
from bench.processes import Drive, Server

_STEADY_ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "4194304", "MALLOC_TRIM_THRESHOLD_": "16777216"}


class Contender:
    """A server with its load, and what its turns cost."""

    def __init__(self, server: Server, drive: Drive) -> None:
        self.server = server
        self.drive = drive
        self.us_per_message: list[float] = []
        self.per_s: list[float] = []
        self.p99_ms: list[float] = []
        self.messages = 0
        self._first_cpu_s = 0.0
        self._kernel_s = 0.0

    def warm_up(self, seconds: float) -> None:
        """A turn that does not count."""
        self.drive.go(seconds)
        self._first_cpu_s = self.server.cpu_s()

    def turn(self, seconds: float) -> None:
        """One turn that counts."""
        before_s, kernel_before_s = self.server.cpu_s(), self.server.kernel_s()
        seen = self.drive.go(seconds)
        self.us_per_message.append(1e6 * (self.server.cpu_s() - before_s) / seen["messages"])
        self.per_s.append(seen["messages"] / seen["seconds"])
        self.p99_ms.append(seen["p99_ms"])
        self._kernel_s += self.server.kernel_s() - kernel_before_s
        self.messages += seen["messages"]

    def median_us(self) -> float:
        """Processor time per message of the median turn."""
        return statistics.median(self.us_per_message)

    def kernel_us(self) -> float:
        """The kernel's part per message, over all turns."""
        return 1e6 * self._kernel_s / self.messages

    def whole_us(self) -> float:
        """Processor time per message from the first turn until now, idling and writing behind included."""
        return 1e6 * (self.server.cpu_s() - self._first_cpu_s) / self.messages


def compare(*, count: int, turns: int, seconds: float) -> list[Figure]:
    """The three servers in turns; the ratios and what stands behind them."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = (
            stack.enter_context(Server("raw aiohttp echo", ["-m", "bench.echo"], r"(\d+)\n", _STEADY_ALLOCATOR)),
            stack.enter_context(
                Server("ocpp + websockets", ["-m", "bench.ocpp_peer"], r"ready (\d+)", _STEADY_ALLOCATOR)
            ),
            stack.enter_context(daemon.start(daemon.write_config(folder, count=count), _STEADY_ALLOCATOR)),
        )
        echo, peer, ours = (
            Contender(server, stack.enter_context(Drive(server.port, count=count, echo=server is servers[0])))
            for server in servers
        )
        for one in (echo, peer, ours):
            one.warm_up(seconds)
        for _ in range(turns):
            for one in (echo, peer, ours):
                one.turn(seconds)
        return _figures(echo, peer, ours)


def _figures(echo: Contender, peer: Contender, ours: Contender) -> list[Figure]:
    cost_us = max(ours.median_us(), ours.whole_us())
    return [
        Figure("raw aiohttp echo: CPU per message", echo.median_us(), "µs"),
        Figure("  of it in the kernel", echo.kernel_us(), "µs"),
        Figure("ocpp + websockets, no storage: CPU per message", peer.median_us(), "µs"),
        Figure("daemon, durable: CPU per message, median turn", ours.median_us(), "µs"),
        Figure("daemon, durable: CPU per message, whole run", ours.whole_us(), "µs"),
        Figure("  of it in the kernel", ours.kernel_us(), "µs"),
        Figure("daemon: messages per second", statistics.median(ours.per_s), "/s"),
        Figure("daemon: answer time, 99th percentile", statistics.median(ours.p99_ms), "ms"),
        Figure("daemon / raw aiohttp echo", cost_us / echo.median_us(), "×", at_most=2.0),
        Figure("ocpp + websockets / daemon", peer.median_us() / cost_us, "×", at_least=20.0),
    ]


def main() -> list[Figure]:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="charge points (default: %(default)s)")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.2, help="length of a turn")
    arguments, _ = parser.parse_known_args()
    print(f"messages: {arguments.count} charge points in closed loop, {arguments.turns} turns of {arguments.seconds} s")
    figures = compare(count=arguments.count, turns=arguments.turns, seconds=arguments.seconds)
    show(figures)
    return figures


if __name__ == "__main__":
    main()
