"""``status`` and ``commissioning``: the running site at a glance, and its door for new chargers."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from chargemon_edge.command_line.verb import EXIT_OK, Verb, add_socket, asking


def _status(chosen: Namespace) -> int:
    from chargemon_edge.web import client
    from chargemon_edge.web.status import render_status

    print(render_status(client.fetch_site(chosen.socket)))
    return EXIT_OK


def _commissioning_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("action", choices=("open", "close"))
    parser.add_argument("--minutes", type=int, default=10, help="1 to 60 (default: %(default)s)")
    add_socket(parser)


def _commissioning(chosen: Namespace) -> int:
    from chargemon_edge.web import client

    if chosen.action == "open":
        client.open_commissioning(chosen.socket, chosen.minutes)
        print(f"unknown charge points may connect for {chosen.minutes} minutes")
    else:
        client.close_commissioning(chosen.socket)
        print("only configured charge points may connect")
    return EXIT_OK


VERBS = (
    Verb("status", "what the running daemon sees and does", add_socket, asking(_status)),
    Verb(
        "commissioning",
        "let chargers in that are not configured yet, for a while",
        _commissioning_arguments,
        asking(_commissioning),
    ),
)
