"""The machine's clock: who keeps it, and whether the daemon believes it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from chargemon_edge.clock import evidence
from chargemon_edge.clock.site_clock import FLOOR_UTC_MS, STEP_MS
from chargemon_edge.doctor.finding import Finding, attention, broken, ok
from chargemon_edge.doctor.subject import Subject

_CONFIRM = "set it (timedatectl set-time), then: chargemon-edge api POST clock/confirm"
_SERVICE = "install chrony or systemd-timesyncd and give it a time server of the site"


def examine(subject: Subject) -> Iterator[Finding]:
    """The daemon's word counts where it runs; else what it would find."""
    now_ms = time.time_ns() // 1_000_000
    told_by = subject.settings.clock.synchronised_file
    heard = evidence.heard(now_ms, None if told_by is None else Path(told_by))
    shown = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    if now_ms < FLOOR_UTC_MS:
        yield broken(f"the machine's clock says {shown}, before this software was made", f"{_SERVICE}; or {_CONFIRM}")
    elif heard is not None:
        yield ok(f"the machine's clock says {shown}, kept by {heard.service}")
    elif evidence.kept_by_hardware(subject.machine.sys / "class" / "rtc"):
        yield ok(f"the machine's clock says {shown}, kept by a hardware clock; no time service has set it")
    else:
        yield attention(
            f"the machine's clock says {shown}, but no time service has set it and no hardware clock kept it",
            f"{_SERVICE}; or {_CONFIRM}",
        )
    if subject.daemon is None:
        return
    known = subject.daemon.clock
    if not known.trusted:
        yield attention("the daemon does not know the time: records will be dated anew", f"{_SERVICE}; or {_CONFIRM}")
    elif abs(known.machine_ahead_ms) > STEP_MS:
        yield attention(
            f"the machine's clock was set by {known.machine_ahead_ms / 1000:.0f} s, and the daemon does not follow it",
            "if the machine is right: chargemon-edge api POST clock/confirm; else correct its clock",
        )
    else:
        yield ok(f"the daemon believes it: {known.source or 'its clock is not watched'}")
