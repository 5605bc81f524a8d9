"""A command of the command line as data, and what all of them share."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_NO_DAEMON = 0, 1, 2, 3

DEFAULT_SOCKET = "/run/chargemon-edge/control.sock"


class Verb(NamedTuple):
    """One command."""

    name: str
    help: str
    arguments: Callable[[ArgumentParser], None]
    """Adds what may stand behind the name."""
    run: Callable[[Namespace], int]
    """Does it; returns the exit code."""


def add_socket(parser: ArgumentParser) -> None:
    """For commands that ask the running daemon: where it is."""
    parser.add_argument("--socket", default=DEFAULT_SOCKET, help="the daemon's socket (default: %(default)s)")


def ask(chosen: Namespace, method: str, route: str, body: object = None, *, timeout_s: float | None = None) -> Any:
    """The daemon's answer, for commands that :func:`add_socket`; ClientError. *timeout_s*: None: the client's own."""
    from chargemon_edge.web import client

    content = None if body is None else msgspec.json.encode(body)
    answer = client.ask(chosen.socket, method, route, content, timeout_s=timeout_s or client.TIMEOUT_S)
    return msgspec.json.decode(answer) if answer else None


def asking(run: Callable[[Namespace], int]) -> Callable[[Namespace], int]:
    """*run*, which asks the daemon, with its refusals and its absence said on standard error."""

    def run_and_tell(chosen: Namespace) -> int:
        from chargemon_edge.web.client import ClientError, RefusedError

        try:
            return run(chosen)
        except ClientError as error:
            print(f"chargemon-edge: {error}", file=sys.stderr)
            return EXIT_FAILED if isinstance(error, RefusedError) else EXIT_NO_DAEMON

    return run_and_tell
