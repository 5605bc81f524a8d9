"""``token``: who may use the API over the network."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime

from chargemon_edge.command_line.verb import EXIT_OK, EXIT_USAGE, Verb, add_socket, asking

_DAY_MS = 86_400_000


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("action", choices=("create", "list", "revoke"))
    parser.add_argument("name", nargs="?", help="of the token to create or to revoke")
    parser.add_argument(
        "--role",
        choices=("viewer", "operator", "installer"),
        default="viewer",
        help="viewers read, operators run the site, installers also decide who gets in (default: %(default)s)",
    )
    parser.add_argument("--days", type=int, default=None, help="how long it is valid (default: until it is revoked)")
    add_socket(parser)


def _token(chosen: Namespace) -> int:
    from chargemon_edge.web import client

    if chosen.action == "list":
        for token in client.list_tokens(chosen.socket):
            print(f"{token.name:<40} {token.role.value:<9} {_until(token.expires_utc_ms, expired=token.expired)}")
        return EXIT_OK
    if chosen.name is None:
        print(f"chargemon-edge: token {chosen.action} needs a NAME", file=sys.stderr)
        return EXIT_USAGE
    if chosen.action == "revoke":
        client.revoke_token(chosen.socket, chosen.name)
        print(f"the token {chosen.name} opens nothing any more")
        return EXIT_OK
    expires_utc_ms = None if chosen.days is None else client.fetch_clock(chosen.socket).utc_ms + chosen.days * _DAY_MS
    made = client.make_token(chosen.socket, chosen.name, chosen.role, expires_utc_ms)
    # alone on standard output, so that a script can take it
    print(f"role {made.role.value}, {_until(made.expires_utc_ms)}; it is shown only now:", file=sys.stderr)
    print(made.token)
    return EXIT_OK


def _until(expires_utc_ms: int | None, *, expired: bool = False) -> str:
    if expires_utc_ms is None:
        return "until revoked"
    when = datetime.fromtimestamp(expires_utc_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"expired {when}" if expired else f"until {when}"


VERBS = (Verb("token", "access tokens for the API: create, list, revoke", _arguments, asking(_token)),)
