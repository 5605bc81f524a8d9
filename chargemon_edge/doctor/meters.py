"""The grid meters: as the daemon reads them, or read once while it does not run (many serve only one master)."""

from __future__ import annotations

from collections.abc import Iterator

from chargemon_edge.doctor.finding import Finding, attention, broken, ok
from chargemon_edge.doctor.subject import Subject
from chargemon_edge.site.units import PerPhase


def examine(subject: Subject) -> Iterator[Finding]:
    """One finding for each."""
    if subject.daemon is not None:
        for meter in subject.daemon.site.meters:
            if meter.state == "good" and meter.current_ma is not None:
                yield ok(f"meter {meter.name}: {_amperes(meter.current_ma)}")
            else:
                why = meter.reason or "no reading yet"
                yield broken(f"meter {meter.name} is {meter.state}: {why}", _look(subject, meter.name))
        return
    if not subject.settings.meters:
        return
    # half a second that a running daemon's doctor need not spend
    from chargemon_edge.meters.trial import try_once

    for settings in subject.settings.meters:
        tried = try_once(settings)
        name = f"meter {settings.name} at {settings.host}:{settings.port}"
        if tried.current_ma is None:
            yield broken(f"{name}: {tried.fault}", tried.advice)
        elif tried.fault:
            yield attention(f"{name}: {tried.fault}", "look at the transformers before trusting it")
        else:
            yield ok(f"{name}: {_amperes(tried.current_ma)}")


def _look(subject: Subject, name: str) -> str:
    where = next((f"{one.host}:{one.port}" for one in subject.settings.meters if one.name == name), "its address")
    return f"check its supply, cable, unit id and {where} (docs/meters.md)"


def _amperes(current_ma: PerPhase) -> str:
    return " / ".join(f"{one / 1000:.1f}" for one in current_ma) + " A"
