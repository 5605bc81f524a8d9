"""Whether the daemon runs, and what it says of itself."""

from __future__ import annotations

from collections.abc import Iterator

from chargemon_edge.doctor.finding import Finding, attention, broken, ok
from chargemon_edge.doctor.subject import Subject
from chargemon_edge.web.shapes import Severity

# what other groups look at themselves, with more than an alarm knows
_ELSEWHERE = ("meter_", "offline", "clock_", "certificate_", "not_armed", "not_described")


def examine(subject: Subject) -> Iterator[Finding]:
    """Its alarms, as far as no other group has its own words for them."""
    daemon = subject.daemon
    if daemon is None:
        permitted = "permission denied" not in subject.silence
        advice = "see: journalctl -u chargemon-edge -n 50" if permitted else "run this as root"
        yield (broken if permitted else attention)(f"the daemon does not answer: {subject.silence}", advice)
        return
    linked = sum(one.linked for one in daemon.site.charge_points)
    yield ok(f"the daemon has been running for {daemon.site.uptime_s / 3600:.1f} h, {linked} charge points connected")
    for alarm in daemon.site.alarms:
        if alarm.severity is Severity.NOTICE or alarm.code.startswith(_ELSEWHERE):
            continue
        judged = broken if alarm.severity is Severity.CRITICAL else attention
        yield judged(alarm.what, alarm.advice)
