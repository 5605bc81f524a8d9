"""``charger``: how a charge point gets in. Everything here is asked of the running daemon."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from functools import partial
from typing import Any
from urllib.parse import quote

from chargemon_edge.command_line.verb import EXIT_FAILED, EXIT_OK, EXIT_USAGE, Verb, add_socket, ask, asking

# the daemon waits for the charge point's own answer
_TIMEOUT_S = 60.0
_ask = partial(ask, timeout_s=_TIMEOUT_S)


def _arguments(parser: ArgumentParser) -> None:
    actions = ("show", "password", "rotate-key", "raise", "give-up", "revoke", "forget")
    parser.add_argument("action", choices=actions)
    parser.add_argument("identity", help="the last part of the address that is set in the charger")
    parser.add_argument(
        "--profile", type=int, choices=range(4), default=None, help="password: with this security profile"
    )
    parser.add_argument(
        "--stdin", action="store_true", help="password: read it from standard input (default: make a random one)"
    )
    parser.add_argument("--to", type=int, choices=(1, 2, 3), default=None, help="raise: the security profile to reach")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="raise: a configuration key that the model needs set first, such as its new address; may be repeated",
    )
    parser.add_argument(
        "--serial", default=None, help="revoke: this certificate only (default: all that were signed for it here)"
    )
    parser.add_argument("--root", choices=("ecdsa", "rsa"), default="ecdsa", help="raise: which root to install")
    add_socket(parser)


def _charger(chosen: Namespace) -> int:
    path = f"/api/v1/charge-points/{quote(chosen.identity, safe='')}"
    if chosen.action == "show":
        return _told(_ask(chosen, "GET", f"{path}/access"))
    if chosen.action == "password":
        return _password(chosen, path)
    if chosen.action == "rotate-key":
        result = _ask(chosen, "POST", f"{path}/key-rotation")["result"]
        print(_ROTATED[result])
        return EXIT_FAILED if result == "refused" else EXIT_OK
    if chosen.action == "raise":
        return _raise(chosen, path)
    if chosen.action == "give-up":
        _ask(chosen, "DELETE", f"{path}/profile-raise")
        print("only the old way is open")
        return EXIT_OK
    if chosen.action == "revoke":
        revoked = _ask(chosen, "POST", f"{path}/certificate-revocations", {"serial": chosen.serial})["serials"]
        print(f"revoked, for ever: {', '.join(revoked)}")
        return EXIT_OK
    _ask(chosen, "DELETE", path)
    print("only the configuration counts for it now")
    return EXIT_OK


_ROTATED = {
    "accepted": "accepted; the old password opens until the charger has used the new one",
    "refused": "refused by the charger; the old password stays",
    "unanswered": "not answered; both passwords open until the charger has used the new one",
}


_NOT_DESCRIBED = (
    "it charges nobody until it is described in the configuration: a [[charge_point]] with its circuit, then: "
    "systemctl reload chargemon-edge"
)


def _password(chosen: Namespace, path: str) -> int:
    wish: dict[str, Any] = {"generate_password": True}
    if chosen.stdin:
        wish = {"password": sys.stdin.readline().rstrip("\r\n")}
    if chosen.profile is not None:
        wish["security_profile"] = chosen.profile
    written = _ask(chosen, "PUT", path, wish)
    if not written["access"]["configured"]:
        print(f"it may connect now; {_NOT_DESCRIBED}", file=sys.stderr)
    made = written["password"]
    if made is not None:
        # alone on standard output, so that a script can take it
        print("to be set in the charger; it is shown only now:", file=sys.stderr)
        print(made)
    return EXIT_OK


def _raise(chosen: Namespace, path: str) -> int:
    pairs = [text.partition("=") for text in chosen.set]
    if chosen.to is None or any(not sign for _, sign, _ in pairs):
        print("chargemon-edge: charger raise needs --to, and --set as KEY=VALUE", file=sys.stderr)
        return EXIT_USAGE
    wish = {"to": chosen.to, "settings": {key: value for key, _, value in pairs}, "root": chosen.root}
    _ask(chosen, "POST", f"{path}/profile-raise", wish)
    print(f"begun; see: chargemon-edge charger show {chosen.identity}")
    return EXIT_OK


def _told(standing: dict[str, Any]) -> int:
    print(f"security profile  {standing['security_profile']}")
    if standing["raising_to"] is not None:
        print(f"open to it too    {standing['raising_to']}")
    if standing["raise_step"] is not None:
        print(f"last raise        {standing['raise_step']}")
    if not standing["configured"]:
        print(f"configured        no: {_NOT_DESCRIBED}")
    source = "kept by the daemon" if standing["kept_password"] else "as configured"
    print(f"password          {source}")
    print(f"keys on their way {standing['keys_on_their_way']}")
    return EXIT_OK


VERBS = (Verb("charger", "a charger's password, key and security profile", _arguments, asking(_charger)),)
