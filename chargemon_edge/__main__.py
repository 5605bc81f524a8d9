"""The command line. Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 the daemon does not answer."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from chargemon_edge import __version__
from chargemon_edge.command_line import (
    api,
    call,
    charger,
    data,
    doctor,
    files,
    firmware,
    serve,
    site,
    support,
    token,
    uplink,
)
from chargemon_edge.command_line.verb import EXIT_FAILED

VERBS = (
    *serve.VERBS,
    *site.VERBS,
    *token.VERBS,
    *call.VERBS,
    *charger.VERBS,
    *data.VERBS,
    *support.VERBS,
    *doctor.VERBS,
    *firmware.VERBS,
    *uplink.VERBS,
    *files.VERBS,
    *api.VERBS,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that *arguments* name; returns the exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        code: int = chosen.run(chosen)
        sys.stdout.flush()
    except BrokenPipeError:
        # whoever read our output has seen enough: nothing is left to say, also not when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chargemon-edge", description="Central system and load balancer of a charging site"
    )
    parser.add_argument("--version", action="version", version=f"chargemon-edge {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for verb in VERBS:
        of_verb = commands.add_parser(verb.name, help=verb.help)
        verb.arguments(of_verb)
        of_verb.set_defaults(run=verb.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
