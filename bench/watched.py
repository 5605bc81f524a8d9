"""The daemon with one more task on its loop: how late is a timer, at worst? Told when the process is stopped.

A timer of the same loop is as late as the balancing tick would be at that moment.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from chargemon_edge import log
from chargemon_edge.app import App
from chargemon_edge.clock import SystemClock
from chargemon_edge.config import load_file

PROBE_S = 0.01


async def probe(late_s: list[float]) -> None:
    """Note for ever how late a timer is, every hundredth of a second."""
    loop = asyncio.get_running_loop()
    while True:
        due_s = loop.time() + PROBE_S
        await asyncio.sleep(PROBE_S)
        late_s.append(loop.time() - due_s)


async def _main(config: Path) -> None:
    settings = load_file(config)
    log.configure(settings.log_level)
    late_s: list[float] = []
    serving = asyncio.create_task(App(settings, SystemClock()).run())
    probing = asyncio.create_task(probe(late_s))
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, serving.cancel)
    # SIGUSR1 ends start-up and warming up: what counts begins here
    loop.add_signal_handler(signal.SIGUSR1, late_s.clear)
    loop.add_signal_handler(signal.SIGUSR2, lambda: print(f"late at most {1000 * max(late_s):.3f} ms", flush=True))
    try:
        await serving
    except asyncio.CancelledError:
        pass
    finally:
        probing.cancel()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
