"""``call``: make a charge point do something, in OCPP's own words."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from urllib.parse import quote

from chargemon_edge.command_line.verb import EXIT_FAILED, EXIT_OK, Verb, add_socket, asking

# beyond the charge point's own time to answer
_SPARE_S = 15.0


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("identity", help="of the charge point")
    parser.add_argument("action", help="like Reset or TriggerMessage (docs/ocpp.md)")
    parser.add_argument("json", nargs="?", default="{}", help="its payload; - reads it from standard input")
    parser.add_argument("--deadline", type=float, default=30.0, help="seconds to answer (default: %(default)g)")
    add_socket(parser)


def _call(chosen: Namespace) -> int:
    from chargemon_edge.web.client import ask

    body = sys.stdin.read() if chosen.json == "-" else chosen.json
    path = f"/api/v1/charge-points/{quote(chosen.identity, safe='')}/operations/{quote(chosen.action, safe='')}"
    answer = json.loads(
        ask(
            chosen.socket,
            "POST",
            f"{path}?deadline_s={chosen.deadline:g}",
            body.encode(),
            timeout_s=chosen.deadline + _SPARE_S,
        )
    )
    if "callError" in answer:
        error = answer["callError"]
        print(f"chargemon-edge: {chosen.identity} answered with an error: {json.dumps(error)}", file=sys.stderr)
        return EXIT_FAILED
    print(json.dumps(answer["result"], indent=2))
    return EXIT_OK


VERBS = (Verb("call", "make a charge point do something: call IDENTITY ACTION [JSON]", _arguments, asking(_call)),)
