"""``api``: any endpoint of the API, over the daemon's socket."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace

from chargemon_edge.command_line.verb import EXIT_OK, Verb, add_socket, asking

# an operation waits for a charge point, at most so long
TIMEOUT_S = 150.0


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("method", type=str.upper, choices=("GET", "PUT", "POST", "DELETE"))
    parser.add_argument("path", help="with or without /api/v1/ before it, like transactions?limit=5")
    parser.add_argument("json", nargs="?", help="the body; - reads it from standard input")
    add_socket(parser)


def _ask(chosen: Namespace) -> int:
    from chargemon_edge.web.client import ask

    body = sys.stdin.read() if chosen.json == "-" else chosen.json
    path = chosen.path if chosen.path.startswith("/") else f"/api/v1/{chosen.path}"
    answer = ask(chosen.socket, chosen.method, path, None if body is None else body.encode(), timeout_s=TIMEOUT_S)
    if answer:
        print(_readable(answer))
    return EXIT_OK


def _readable(answer: bytes) -> str:
    """JSON over several lines, with whatever a terminal might obey written as an escape; other text as it is."""
    try:
        return json.dumps(json.loads(answer), indent=2)
    except ValueError:
        return "".join(
            sign if sign.isprintable() or sign in "\n\t" else "�" for sign in answer.decode(errors="replace")
        )


VERBS = (Verb("api", "ask any endpoint of the API (docs/api.md) over the daemon's socket", _arguments, asking(_ask)),)
