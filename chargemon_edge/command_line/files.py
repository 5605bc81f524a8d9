"""``files``: what charge points deliver. Everything here is asked of the running daemon."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import quote

from chargemon_edge.command_line.verb import EXIT_FAILED, EXIT_OK, EXIT_USAGE, Verb, add_socket, ask, asking

_FILES = "/api/v1/delivered-files"
# a slow disk takes its time, and so does a charge point
_TIMEOUT_S = 300.0
_ask = partial(ask, timeout_s=_TIMEOUT_S)


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("action", choices=("ask", "transfers", "list", "get", "remove"))
    parser.add_argument("what", nargs="?", help="ask: the charge point; get, remove: the file's number")
    parser.add_argument(
        "--purpose",
        choices=("Diagnostics", "DiagnosticsLog", "SecurityLog"),
        default="Diagnostics",
        help="ask: GetDiagnostics, or a log of the security extension (default: %(default)s)",
    )
    parser.add_argument(
        "--output", type=Path, default=None, help="get: where to write it (default: its own name, here)"
    )
    add_socket(parser)


def _files(chosen: Namespace) -> int:
    if chosen.action == "list":
        for one in _ask(chosen, "GET", _FILES):
            when = datetime.fromtimestamp(one["received_utc_ms"] / 1000, UTC).strftime("%Y-%m-%d %H:%M")
            about = f"{one['charge_point']:<20} {one['purpose']:<14} {one['file_name']}"
            print(f"{one['number']:>6}  {when}  {_size(one['size_bytes'])}  {about}")
        return EXIT_OK
    if chosen.action == "transfers":
        for one in _ask(chosen, "GET", "/api/v1/file-transfers"):
            state = "runs" if one["running"] else "waits"
            about = one["image_id"] or one["purpose"]
            whole = "" if one["size_bytes"] is None else f" of {one['size_bytes']}"
            print(f"{one['charge_point']:<20} {one['protocol']:<5} {about:<16} {state:<5} {one['bytes_done']}{whole}")
        return EXIT_OK
    if chosen.what is None:
        return _usage(f"files {chosen.action} needs {'a charge point' if chosen.action == 'ask' else 'a NUMBER'}")
    if chosen.action == "ask":
        path = f"/api/v1/charge-points/{quote(chosen.what, safe='')}/file-requests"
        coming = _ask(chosen, "POST", path, {"purpose": chosen.purpose})
        print(f"it will deliver {coming['file_name'] or 'a file'}; see: chargemon-edge files list")
        return EXIT_OK
    if not chosen.what.isdecimal():
        return _usage(f"{chosen.what!r} is not a number")
    if chosen.action == "get":
        return _get(chosen)
    _ask(chosen, "DELETE", f"{_FILES}/{chosen.what}")
    print(f"removed {chosen.what}")
    return EXIT_OK


def _get(chosen: Namespace) -> int:
    from chargemon_edge.web import client

    found = next((one for one in _ask(chosen, "GET", _FILES) if str(one["number"]) == chosen.what), None)
    if found is None:
        print(f"chargemon-edge: there is no file {chosen.what}", file=sys.stderr)
        return EXIT_FAILED
    target = chosen.output or Path(found["file_name"])
    try:
        # never over something that is there
        with target.open("xb") as sink:
            client.ask(chosen.socket, "GET", f"{_FILES}/{chosen.what}/content", timeout_s=_TIMEOUT_S, into=sink)
    except OSError as error:
        print(f"chargemon-edge: {target}: {error.strerror}", file=sys.stderr)
        return EXIT_FAILED
    print(f"{target}  {found['size_bytes']} bytes, SHA-256 {found['sha256']}")
    return EXIT_OK


def _usage(why: str) -> int:
    print(f"chargemon-edge: {why}", file=sys.stderr)
    return EXIT_USAGE


def _size(count: int) -> str:
    return f"{count / 1e6:>9.3f} MB"


VERBS = (Verb("files", "files of charge points: ask for, list, get, remove", _arguments, asking(_files)),)
