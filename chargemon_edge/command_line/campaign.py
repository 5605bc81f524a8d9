"""``firmware campaign``: new firmware for many chargers. Everything here is asked of the running daemon."""

from __future__ import annotations

import datetime
import re
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import Any

from chargemon_edge.command_line.verb import EXIT_OK, EXIT_USAGE, Verb, add_socket, ask, asking

_PATH = "/api/v1/firmware/campaigns"
_IMAGES = "/api/v1/firmware/images"
_CHANGES = ("pause", "resume", "cancel")


def _window(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", text)
    if found is None:
        raise ArgumentTypeError(f"{text!r} is not like 22:00-05:00")
    hours = [int(part) for part in found.groups()]
    return hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]


def _moment(text: str) -> int:
    try:
        # without a zone: this machine's
        return round(datetime.datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not like 2027-03-01T02:00") from error


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("action", choices=("start", "list", "show", *_CHANGES))
    parser.add_argument("subject", nargs="?", help="start: the image's id; else the campaign's number")
    parser.add_argument(
        "charge_points", nargs="*", help="start: identities, or patterns like 'GARAGE-*'; none: all that the image fits"
    )
    parser.add_argument(
        "--from-versions", default="", help="start: only those that run such versions, like '>= 4, < 5'"
    )
    parser.add_argument("--canaries", type=int, help="start: so many first, and all of them must succeed (1)")
    parser.add_argument("--wave", type=int, help="start: chargers of each further wave (0: one wave)")
    parser.add_argument("--at-once", type=int, help="start: chargers under way at any one time (3)")
    parser.add_argument("--pause-s", type=float, help="start: seconds between waves (0)")
    parser.add_argument("--even-if-busy", action="store_true", help="start: do not wait until a charger is idle")
    parser.add_argument("--at", type=_moment, help="start: not before then, like 2027-03-01T02:00")
    parser.add_argument("--window", type=_window, help="start: only at these times of the day, like 22:00-05:00")
    parser.add_argument("--attempts", type=int, help="start: how often a charger whose download fails is asked (2)")
    parser.add_argument("--retry-s", type=float, help="start: seconds between its attempts (600)")
    parser.add_argument("--stop-after", type=int, help="start: failures after which nobody else is asked (2)")
    add_socket(parser)


def _campaign(chosen: Namespace) -> int:
    if chosen.action == "list":
        for one in ask(chosen, "GET", _PATH):
            print(f"{one['number']}  {one['state']:<9}  {one['version']}  {one['tally']}")
        return EXIT_OK
    if chosen.subject is None:
        what = "an image" if chosen.action == "start" else "a campaign's number"
        print(f"chargemon-edge: firmware campaign {chosen.action} needs {what}", file=sys.stderr)
        return EXIT_USAGE
    if chosen.action == "start":
        return _start(chosen)
    if not chosen.subject.isdecimal():
        print(f"chargemon-edge: {chosen.subject!r} is no campaign's number", file=sys.stderr)
        return EXIT_USAGE
    path = f"{_PATH}/{chosen.subject}"
    if chosen.action == "show":
        return _told(ask(chosen, "GET", path))
    return _told(ask(chosen, "POST", f"{path}/{chosen.action}"))


def _start(chosen: Namespace) -> int:
    rules: dict[str, Any] = {
        "canaries": chosen.canaries,
        "wave": chosen.wave,
        "at_once": chosen.at_once,
        "pause_s": chosen.pause_s,
        "not_before_utc_ms": chosen.at,
        "window": chosen.window,
        "attempts": chosen.attempts,
        "retry_s": chosen.retry_s,
        "stop_after": chosen.stop_after,
        "only_idle": False if chosen.even_if_busy else None,
    }
    # the beginning of its id will do, where no other begins so
    images = [one["image_id"] for one in ask(chosen, "GET", _IMAGES)]
    meant = [one for one in images if one.startswith(chosen.subject.lower())]
    wish = {
        "image_id": meant[0] if len(meant) == 1 else chosen.subject,
        "charge_points": chosen.charge_points,
        "from_versions": chosen.from_versions,
        "rules": {name: value for name, value in rules.items() if value is not None},
    }
    made = ask(chosen, "POST", _PATH, wish)
    for identity, why in made["left_out"].items():
        print(f"left out: {identity}: {why}", file=sys.stderr)
    print(f"campaign {made['number']} for {len(made['updates'])} chargers")
    return EXIT_OK


def _told(one: dict[str, Any]) -> int:
    why = f" ({one['why']})" if one["why"] else ""
    print(f"campaign {one['number']}: version {one['version']}, image {one['image_id']}, {one['state']}{why}")
    for update in one["updates"]:
        detail = f": {update['detail']}" if update["detail"] else ""
        print(f"  {update['charge_point']:<20} wave {update['wave']}  {update['step']}{detail}")
    return EXIT_OK


VERB = Verb("campaign", "new firmware for many chargers, a few at a time", _arguments, asking(_campaign))
