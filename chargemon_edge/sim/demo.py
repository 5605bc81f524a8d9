"""The demo: a simulated site at real speed or faster, with the real page, for as long as somebody watches.

Prints where the page is and a few words of progress; everything the daemon keeps lies in a folder that goes with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from chargemon_edge.clock import SystemClock
from chargemon_edge.config import ConfigError
from chargemon_edge.control.ports import Clock
from chargemon_edge.sim import scenario as scenarios_
from chargemon_edge.sim.daemon import LoopClock
from chargemon_edge.sim.progress import lines
from chargemon_edge.sim.scenario import Scenario, ScenarioError
from chargemon_edge.sim.virtual_loop import FastLoop
from chargemon_edge.sim.world import World

PAGE_PORT = 8180
SITE = "demo"
"""In the topics."""
_PROGRESS_EVERY_S = 5.0


def scenarios() -> list[tuple[str, str]]:
    """Name and title of every scenario that comes with the program."""
    return [(name, scenarios_.load(name).title) for name in scenarios_.names()]


def run(name: str, *, speed: float | None = None, minutes: float | None = None, broker: str | None = None) -> int:
    """Play the scenario until interrupted, or for so many simulated minutes; returns the exit code.

    *broker*: ``HOST:PORT`` of an MQTT broker that is told of the site and may ask everything of it.
    0: nothing happened that must not; 1: a check failed; 2: there is no such scenario, or it is wrong.
    """
    try:
        scenario = scenarios_.load(name)
        speed = scenario.speed if speed is None else speed
        if not 0.1 <= speed <= 100:
            raise ScenarioError(f"speed {speed:g}: between 0.1 and 100 the sockets can keep up")
        if broker is not None:
            scenario = _told(scenario, broker)
    except ScenarioError as error:
        _say(f"chargemon-edge: {error}")
        return 2
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s", stream=sys.stderr)
    with (
        tempfile.TemporaryDirectory(prefix="chargemon-demo-") as folder,
        asyncio.Runner(loop_factory=_loop_factory(speed)) as runner,
    ):
        try:
            return runner.run(_play(scenario, speed, minutes, Path(folder)))
        except KeyboardInterrupt:
            # only before the site stands: later the signal ends the play
            return 0
        except ConfigError as error:
            _say(f"chargemon-edge: the scenario's configuration is wrong:\n{error}")
            return 2


def _told(scenario: Scenario, broker: str) -> Scenario:
    """*scenario* with an operator on *broker* who is told everything and may ask everything."""
    host, _, port = broker.rpartition(":")
    if not host or not port.isdigit():
        raise ScenarioError(f"broker {broker}: write it as HOST:PORT, like localhost:1883")
    upstream = {
        "name": "demo",
        "host": host,
        "port": int(port),
        "site": SITE,
        "tls": False,
        "pace": "live",
        "commands": ["*"],
        "desired": ["config", "local_list", "firmware"],
        "limit": True,
        "failsafe_a": 16.0,
        "failsafe_min_s": 600,
        "recovery_spread_s": 0.0,
        "drain_spread_s": 0.0,
    }
    return msgspec.structs.replace(scenario, configuration={**scenario.configuration, "upstream": [upstream]})


def _loop_factory(speed: float) -> Callable[[], asyncio.AbstractEventLoop] | None:
    return None if speed == 1.0 else lambda: FastLoop(speed)


async def _play(scenario: Scenario, speed: float, minutes: float | None, folder: Path) -> int:
    fast = LoopClock(time.time())
    clock: Clock = SystemClock() if speed == 1.0 else fast
    world = World(
        scenario,
        folder,
        clock,
        utc_s=lambda: clock.utc_ms() / 1000,
        inline_writer=False,
        page_port=await _page_port(),
        repeats_faults=True,
    )
    await world.start()
    assert world.daemon.addresses is not None
    _say(f"{scenario.title}, {speed:g} x real time. {' '.join(scenario.description.split())}")
    _say(f"Page: http://{world.daemon.addresses.page[0]}:{world.daemon.addresses.page[1]}/   (Ctrl-C ends the demo)")
    if "upstream" in scenario.configuration:
        _say(f"MQTT: mosquitto_sub -v -t 'cm/v1/{SITE}/#' beside it shows what an operator hears (docs/mqtt.md).")
    playing = asyncio.create_task(world.play(None if minutes is None else minutes * 60.0, _Progress(world, speed)))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, playing.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await playing
    await world.stop()
    for violation in world.checks.violations:
        _say(f"must not happen: {violation}")
    return 1 if world.checks.violations else 0


async def _page_port() -> int:
    """The usual port if nobody has it, so that the address stays the same from run to run; else a free one."""
    try:
        server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", PAGE_PORT)
    except OSError:
        return 0
    server.close()
    await server.wait_closed()
    return PAGE_PORT


class _Progress:
    """Says every few real seconds how the site stands."""

    def __init__(self, world: World, speed: float) -> None:
        self._world = world
        self._every_s = _PROGRESS_EVERY_S * speed
        self._due_s = 0.0

    def __call__(self) -> None:
        if self._world.elapsed_s >= self._due_s:
            self._due_s = self._world.elapsed_s + self._every_s
            for line in lines(self._world):
                _say(line)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
