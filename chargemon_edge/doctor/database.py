"""The records: whether the files are sound and of this release, and how old the newest backup is."""

from __future__ import annotations

import time
from collections.abc import Iterator

from chargemon_edge.doctor.finding import Finding, attention, broken, ok
from chargemon_edge.doctor.subject import Subject
from chargemon_edge.store.backup import records
from chargemon_edge.store.database import put_aside
from chargemon_edge.store.inspection import inspect

_HOUR_MS = 3_600_000
# one that failed is tried again every hour
_LATE = 1.5


def examine(subject: Subject) -> Iterator[Finding]:
    """Both files, what lies aside, and the backups."""
    for one in inspect(subject.state, running=subject.daemon is not None):
        if one.fault is None:
            state = f"schema {one.version}, {one.size_bytes / 1e6:.1f} MB{'' if one.whole else ', read in part'}"
            yield ok(f"{one.path.name} is sound: {state}")
        elif one.permitted:
            yield broken(
                f"{one.path.name}: {one.fault}",
                "restart the service: a damaged file is put aside, the newest backup takes its place (docs/store.md)",
            )
        else:
            yield attention(f"{one.path.name} may not be read by this user", "run this as root")
    for name in put_aside(subject.state):
        yield attention(
            f"{name} was found damaged and put aside",
            "keep it if what came after the backup matters; delete it when nobody needs it",
        )
    yield from _backups(subject)


def _backups(subject: Subject) -> Iterator[Finding]:
    every_h = subject.settings.store.backup_hours
    try:
        known = records(subject.state)
    except OSError:
        yield attention("the backups may not be looked at by this user", "run this as root")
        return
    if not known:
        if every_h and (subject.state / "site.db").exists():
            yield attention("there is no backup yet", "the first is made within a day; make one: chargemon-edge backup")
        return
    # by the clock of then, which may have been wrong: only an age is judged
    age_h = (time.time_ns() // 1_000_000 - known[0].made_utc_ms) / _HOUR_MS
    if every_h and age_h > every_h * _LATE:
        yield attention(
            f"the newest backup is {age_h / 24:.1f} days old ({known[0].name})",
            "see why with: journalctl -u chargemon-edge CHARGEMON_EVENT=backup-failed; make one: chargemon-edge backup",
        )
    else:
        yield ok(f"{len(known)} backups, the newest {max(0.0, age_h):.0f} h old")
