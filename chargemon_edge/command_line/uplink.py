"""``uplink``: the operators above the site, and how far each has heard."""

from __future__ import annotations

import time
from argparse import Namespace
from typing import Any

from chargemon_edge.command_line.verb import EXIT_FAILED, EXIT_OK, Verb, add_socket, ask, asking
from chargemon_edge.log import inert

_TIMEOUT_S = 10.0


def _uplink(chosen: Namespace) -> int:
    found = ask(chosen, "GET", "/api/v1/upstreams", timeout_s=_TIMEOUT_S)
    if not found:
        print("no [[upstream]] is configured")
        return EXIT_OK
    now_s = time.time()
    print("\n\n".join("\n".join(_lines(one, now_s)) for one in found))
    return EXIT_OK if all(one["connected"] and not one["error"] for one in found) else EXIT_FAILED


def _lines(one: dict[str, Any], now_s: float) -> list[str]:
    """One upstream for people."""
    since = "" if one["since_utc_ms"] is None else f" for {_ago(now_s - one['since_utc_ms'] / 1000)}"
    state = f"connected (MQTT {one['mqtt']})" if one["connected"] else "not connected"
    lines = [
        f"{one['name']}  {one['broker']}",
        f"  {state}{since}, {one['connections']} connections since the start",
        f"  events        head {_place(one['head'])}, acknowledged {_place(one['acknowledged'])}",
    ]
    if one["backlog"]:
        oldest = one["oldest_utc_ms"]
        age = "" if oldest is None else f", the oldest {_ago(now_s - oldest / 1000)} old"
        lines.append(f"  waiting       {one['backlog']}{age}")
    lines += [f"  refused       {count} x {reason}" for reason, count in one["refused"].items()]
    if one["without_subscriber"]:
        lines.append(f"  nobody hears  {one['without_subscriber']} messages")
    if one["error"]:
        lines.append(f"  {'last error' if not one['connected'] else 'error':<13} {inert(one['error'])}")
    if one["rival"]:
        lines.append("  somebody else connects with the same client id: give each box its own")
    return lines


def _place(place: dict[str, int]) -> str:
    return f"{place['ep']}/{place['s']}"


def _ago(seconds: float) -> str:
    minutes = max(0, int(seconds)) // 60
    if minutes >= 2880:
        return f"{minutes // 1440} d"
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min {int(seconds) % 60:02d} s"


VERBS = (Verb("uplink", "the operators above the site, and how far each has heard", add_socket, asking(_uplink)),)
