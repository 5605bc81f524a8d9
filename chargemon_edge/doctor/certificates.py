"""Certificates: those that the listeners show and trust, as they lie on the disk."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from chargemon_edge.doctor.finding import Finding, attention, broken, ok
from chargemon_edge.doctor.subject import Subject

_DAY_MS = 86_400_000


def examine(subject: Subject) -> Iterator[Finding]:
    """Nothing but a word where no listener has TLS."""
    chargers = subject.settings.chargers
    if chargers.tls_port is None and chargers.mutual_tls_port is None:
        yield ok("no listener has TLS")
        return
    # ten megabytes that a site without TLS need not load
    from chargemon_edge.keys.addresses import own_names
    from chargemon_edge.keys.inspection import Inspected, inspect

    def judged(one: Inspected) -> Finding:
        name = f"{one.use} ({one.path})"
        if one.fault is not None:
            return broken(f"{name}: {one.fault}", _MEND[one.ours])
        ends = datetime.fromtimestamp(one.ends_utc_ms / 1000, UTC).date().isoformat()
        left_ms = one.ends_utc_ms - time.time_ns() // 1_000_000
        if left_ms <= 0:
            return broken(f"{name} has ended on {ends}", _MEND[one.ours])
        if one.missing:
            return attention(
                f"{name} is not for {', '.join(one.missing)}",
                "chargers that dial that name refuse it; made here, it is renewed at the next restart",
            )
        if left_ms < subject.settings.keys.renew_days * _DAY_MS // 3:
            return attention(f"{name} ends on {ends}", _MEND[one.ours])
        return ok(f"{name} ends on {ends}")

    found = list(inspect(subject.settings.keys, subject.state / "keys", own_names()))
    if not found:
        yield attention("there are no certificates yet", "they are made when the daemon starts: see its journal")
    yield from map(judged, found)


_MEND = {
    True: "it is made here: see why with: journalctl -u chargemon-edge CHARGEMON_EVENT=certificate-trouble",
    False: "get a new one from whoever made it and put it in its place",
}
