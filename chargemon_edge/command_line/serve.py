"""``run``, ``check-config`` and ``demo``: what serves a site, and what looks at its configuration."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chargemon_edge.command_line.verb import EXIT_FAILED, EXIT_OK, EXIT_USAGE, Verb

if TYPE_CHECKING:
    from chargemon_edge.app import App
    from chargemon_edge.clock.site_clock import SiteClock
    from chargemon_edge.config import ConfigFiles
    from chargemon_edge.control.ports import Clock

_log = logging.getLogger(__name__)

# set by systemd for a service with StateDirectory=
STATE = "STATE_DIRECTORY"
DEFAULT_CONFIG = Path("/etc/chargemon-edge/config.toml")


def _run_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="default: %(default)s")


def _run(chosen: Namespace) -> int:
    from chargemon_edge import config as configuration
    from chargemon_edge import log
    from chargemon_edge.app import App
    from chargemon_edge.journald import JournalHandler
    from chargemon_edge.store.errors import StoreError
    from chargemon_edge.systemd import inherited_sockets

    state = os.environ.get(STATE)
    files = configuration.ConfigFiles(chosen.config, None if state is None else Path(state))
    try:
        settings, not_taken = files.begin()
    except configuration.ConfigError as error:
        _print_mistakes(chosen.config, error.mistakes)
        return EXIT_USAGE
    code = EXIT_OK
    log.configure(settings.log_level, JournalHandler)
    if not_taken is not None:
        for mistake in not_taken.mistakes:
            _log.error("configuration not taken: %s", mistake)
        _log.critical("started with other settings: %s", not_taken.summary)
    # what was built at start lives for ever: the collector need not look at it again, nor so often at the rest
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    try:
        clock = _clock(settings.clock.synchronised_file)
        app = App(settings, clock, sockets=inherited_sockets(), not_taken=not_taken)
        asyncio.run(_until_signalled(app, files, clock, keep=not_taken is None))
    except* (StoreError, OSError) as errors:
        # one that ends a room comes in a group
        print(f"chargemon-edge: {_first(errors)}", file=sys.stderr)
        code = EXIT_FAILED
    return code


def _first(errors: BaseException) -> BaseException:
    return _first(errors.exceptions[0]) if isinstance(errors, BaseExceptionGroup) else errors


def _clock(synchronised_file: str | None) -> SiteClock:
    """The machine's clock, believed as far as there is reason to."""
    from chargemon_edge.clock import SystemClock, evidence
    from chargemon_edge.clock.site_clock import SiteClock

    told_by = None if synchronised_file is None else Path(synchronised_file)
    return SiteClock(
        SystemClock(),
        partial(evidence.heard, told_by=told_by),
        # one that is told knows it from there alone
        kept_by_hardware=told_by is None and evidence.kept_by_hardware(),
        boot=evidence.boot(),
    )


async def _until_signalled(app: App, files: ConfigFiles, clock: Clock, *, keep: bool) -> None:
    def ready(_addresses: object) -> None:
        if keep:
            files.keep(clock.utc_ms())

    def reload() -> None:
        if app.reload(files.read):
            files.keep(clock.utc_ms())

    serving = asyncio.create_task(app.run(ready))
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, reload)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await serving


def _check_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("config", type=Path, nargs="?", default=DEFAULT_CONFIG, help="default: %(default)s")


def _check(chosen: Namespace) -> int:
    from chargemon_edge import config as configuration
    from chargemon_edge.balancing.regulator import Regulator

    try:
        settings = configuration.load_file(chosen.config)
    except configuration.ConfigError as error:
        _print_mistakes(chosen.config, error.mistakes)
        return EXIT_USAGE
    site = settings.site
    print(
        f"{chosen.config}: good: {len(site.circuits)} circuits, {len(site.charge_points)} charge points, "
        f"{len(site.connectors)} connectors, {len(settings.meters)} meters"
    )
    regulator = Regulator(site, settings.balancing)
    if not regulator.armed:
        print(f"but balancing will not arm: {regulator.why}")
    return EXIT_USAGE if site.circuits and not regulator.armed else EXIT_OK


def _print_mistakes(config: Path, mistakes: Sequence[str]) -> None:
    print(f"{config}: {len(mistakes)} mistake{'s' if len(mistakes) > 1 else ''}", file=sys.stderr)
    for line in mistakes:
        print(f"  {line}", file=sys.stderr)


def _demo_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--scenario", default="evening", help="its name, or the path of a file (default: %(default)s)")
    parser.add_argument("--speed", type=float, default=None, help="times real speed (default: the scenario's own)")
    parser.add_argument("--minutes", type=float, default=None, help="simulated minutes to run (default: for ever)")
    parser.add_argument(
        "--broker", default=None, metavar="HOST:PORT", help="tell an MQTT broker of the site, too (default: none)"
    )
    parser.add_argument("--list", action="store_true", help="list the scenarios and stop")


def _demo(chosen: Namespace) -> int:
    from chargemon_edge.sim import demo

    if chosen.list:
        for name, title in demo.scenarios():
            print(f"{name:18} {title}")
        return EXIT_OK
    return demo.run(chosen.scenario, speed=chosen.speed, minutes=chosen.minutes, broker=chosen.broker)


VERBS = (
    Verb("run", "serve the site until stopped", _run_arguments, _run),
    Verb("check-config", "say everything that is wrong in a configuration", _check_arguments, _check),
    Verb("demo", "serve a simulated site: chargers, cars and a meter on real sockets", _demo_arguments, _demo),
)
