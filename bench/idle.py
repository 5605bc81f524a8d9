"""What the daemon costs when nothing happens: 20 connected charge points, a meter read each second, a tick each second.

The reference is a bare asyncio process that wakes up once a second.
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

_BARE = """
import asyncio

async def main():
    while True:
        await asyncio.sleep(1)

print("ready", 1, flush=True)
asyncio.run(main())
"""


def main() -> list[Figure]:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--idle-seconds", type=float, default=20.0)
    arguments, _ = parser.parse_known_args()
    seconds: float = arguments.idle_seconds
    print(f"idle: 20 connected charge points and a meter, {seconds:g} s")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        meter = stack.enter_context(Server("meter", ["-m", "bench.modbus_meter"], r"ready (\d+)"))
        bare = stack.enter_context(Server("bare loop", ["-c", _BARE], r"ready (\d+)"))
        config = daemon.write_config(folder, count=20, quiet=False, meter_port=meter.port)
        ours = stack.enter_context(daemon.start(config))
        drive = stack.enter_context(Drive(ours.port, count=20))
        drive.go(1.0)
        # what a connection starts (configuration, fail-safe profiles) and the first flushes are not idling
        time.sleep(5.0)
        before_s, bare_before_s = ours.cpu_s(), bare.cpu_s()
        time.sleep(seconds)
        used_s, bare_s = ours.cpu_s() - before_s, bare.cpu_s() - bare_before_s
    figures = [
        Figure("bare asyncio loop with a one-second timer: share of a core", 100 * bare_s / seconds, "%"),
        Figure(
            "daemon idle with meter and 20 charge points: share of a core", 100 * used_s / seconds, "%", at_most=1.0
        ),
    ]
    show(figures)
    return figures


if __name__ == "__main__":
    main()
