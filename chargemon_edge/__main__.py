"""The command line. Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 the daemon does not answer."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chargemon_edge import __version__

if TYPE_CHECKING:
    from chargemon_edge.app import App

DEFAULT_CONFIG = Path("/etc/chargemon-edge/config.toml")
DEFAULT_SOCKET = "/run/chargemon-edge/control.sock"

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_NO_DAEMON = 0, 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that *arguments* name; returns the exit code."""
    chosen = _parser().parse_args(arguments)
    command: str = chosen.command
    if command == "run":
        return _run(chosen.config)
    if command == "check-config":
        return _check_config(chosen.config)
    if command == "demo":
        return _demo(chosen)
    return _ask_daemon(chosen)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chargemon-edge", description="Central system and load balancer of a charging site"
    )
    parser.add_argument("--version", action="version", version=f"chargemon-edge {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="serve the site until stopped")
    run.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="default: %(default)s")

    check = commands.add_parser("check-config", help="say everything that is wrong in a configuration")
    check.add_argument("config", type=Path, nargs="?", default=DEFAULT_CONFIG, help="default: %(default)s")

    demo = commands.add_parser("demo", help="serve a simulated site: chargers, cars and a meter on real sockets")
    demo.add_argument("--scenario", default="evening", help="its name, or the path of a file (default: %(default)s)")
    demo.add_argument("--speed", type=float, default=None, help="times real speed (default: the scenario's own)")
    demo.add_argument("--minutes", type=float, default=None, help="simulated minutes to run (default: for ever)")
    demo.add_argument("--list", action="store_true", help="list the scenarios and stop")

    status = commands.add_parser("status", help="what the running daemon sees and does")
    window = commands.add_parser("commissioning", help="let chargers in that are not configured yet, for a while")
    window.add_argument("action", choices=("open", "close"))
    window.add_argument("--minutes", type=int, default=10, help="1 to 60 (default: %(default)s)")
    for asking in (status, window):
        asking.add_argument("--socket", default=DEFAULT_SOCKET, help="the daemon's socket (default: %(default)s)")
    return parser


def _run(config: Path) -> int:
    from chargemon_edge import config as configuration
    from chargemon_edge import log
    from chargemon_edge.app import App
    from chargemon_edge.clock import SystemClock
    from chargemon_edge.journald import JournalHandler
    from chargemon_edge.store.errors import StoreError
    from chargemon_edge.systemd import inherited_sockets

    try:
        settings = configuration.load_file(config)
    except configuration.ConfigError as error:
        _print_mistakes(config, error.mistakes)
        return EXIT_USAGE
    log.configure(settings.log_level, JournalHandler)
    # what was built at start lives for ever: the collector need not look at it again, nor so often at the rest
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    try:
        asyncio.run(_until_signalled(App(settings, SystemClock(), sockets=inherited_sockets())))
    except (StoreError, OSError) as error:
        print(f"chargemon-edge: {error}", file=sys.stderr)
        return EXIT_FAILED
    return EXIT_OK


async def _until_signalled(app: App) -> None:
    serving = asyncio.create_task(app.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await serving


def _check_config(config: Path) -> int:
    from chargemon_edge import config as configuration
    from chargemon_edge.balancing.regulator import Regulator

    try:
        settings = configuration.load_file(config)
    except configuration.ConfigError as error:
        _print_mistakes(config, error.mistakes)
        return EXIT_USAGE
    site = settings.site
    print(
        f"{config}: good: {len(site.circuits)} circuits, {len(site.charge_points)} charge points, "
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


def _demo(chosen: argparse.Namespace) -> int:
    from chargemon_edge.sim import demo

    if chosen.list:
        for name, title in demo.scenarios():
            print(f"{name:18} {title}")
        return EXIT_OK
    return demo.run(chosen.scenario, speed=chosen.speed, minutes=chosen.minutes)


def _ask_daemon(chosen: argparse.Namespace) -> int:
    from chargemon_edge.web import client
    from chargemon_edge.web.status import render_status

    try:
        if chosen.command == "status":
            print(render_status(client.fetch_site(chosen.socket)))
        elif chosen.action == "open":
            client.open_commissioning(chosen.socket, chosen.minutes)
            print(f"unknown charge points may connect for {chosen.minutes} minutes")
        else:
            client.close_commissioning(chosen.socket)
            print("only configured charge points may connect")
    except client.ClientError as error:
        print(f"chargemon-edge: {error}", file=sys.stderr)
        return EXIT_FAILED if isinstance(error, client.RefusedError) else EXIT_NO_DAEMON
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
