"""The charge points: those that never came, and those that were turned away, with the reason."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from chargemon_edge.control.records import Page, SecurityEventRecord
from chargemon_edge.csms.arrival import CERTIFICATE_REFUSED, TLS_REFUSED
from chargemon_edge.csms.handshake import HANDSHAKE_REFUSED, LOGIN_REFUSED, UNKNOWN_IDENTITY
from chargemon_edge.doctor.finding import Finding, attention, ok
from chargemon_edge.doctor.subject import Daemon, Subject
from chargemon_edge.web import client
from chargemon_edge.web.alarms import RECONNECT_GRACE_S

_LOOKED_THROUGH = 500
_DAY_MS = 86_400_000
# whoever knocks with random names must not fill the screen
_SHOWN = 20
# the identity stands before the reason
_NAMED = (LOGIN_REFUSED, UNKNOWN_IDENTITY, HANDSHAKE_REFUSED)
_TURNED_AWAY = (*_NAMED, TLS_REFUSED, CERTIFICATE_REFUSED)


def examine(subject: Subject) -> Iterator[Finding]:
    """Only the running daemon knows them."""
    daemon = subject.daemon
    if daemon is None:
        return
    turned_away = _turned_away(daemon)
    here = [one for one in daemon.site.charge_points if one.configured and one.linked]
    if here:
        yield ok(f"{len(here)} of {len(subject.settings.site.charge_points)} charge points are connected")
    for one in daemon.site.charge_points:
        if not one.configured or one.linked:
            continue
        refusal = turned_away.pop(one.identity, None)
        if refusal is not None:
            yield attention(f"{one.identity} was turned away: {refusal.event}, {refusal.detail}", _ADVICE)
        elif one.seen:
            yield attention(f"{one.identity} is away: {one.link_reason or 'its link was lost'}", _SUPPLY)
        elif daemon.site.uptime_s >= RECONNECT_GRACE_S:
            yield attention(f"{one.identity} has not been seen since the daemon started", _SUPPLY)
        else:
            yield ok(f"{one.identity} has not come back yet; the daemon has just started")
    for whom, refusal in turned_away.items():
        if not any(one.identity == whom and one.linked for one in daemon.site.charge_points):
            yield attention(f"{whom} was turned away: {refusal.event}, {refusal.detail}", _ADVICE)


_SUPPLY = "check its supply, its network and the address of this system in it (docs/install.md)"
_ADVICE = "check identity, password and security profile in the charger (chargemon-edge charger show IDENTITY)"


def _turned_away(daemon: Daemon) -> dict[str, SecurityEventRecord]:
    """The newest refusal of the last day by charge point, or by address where the charge point was not known yet."""
    try:
        answer = client.ask(daemon.socket, "GET", f"/api/v1/security-events?limit={_LOOKED_THROUGH}")
        events = msgspec.json.decode(answer, type=Page[SecurityEventRecord]).items
    except (client.ClientError, msgspec.DecodeError):
        return {}
    found: dict[str, SecurityEventRecord] = {}
    for one in events:
        if one.utc_ms < daemon.clock.utc_ms - _DAY_MS or one.event not in _TURNED_AWAY:
            continue
        identity, named, _ = one.detail.partition(": ")
        whom = identity if named and one.event in _NAMED else one.source
        if whom in found or len(found) < _SHOWN:
            found.setdefault(whom, one)
    return found
