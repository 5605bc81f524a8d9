"""The configuration: every mistake, and values that are allowed but hardly meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from chargemon_edge.balancing.regulator import Regulator
from chargemon_edge.config import Settings
from chargemon_edge.doctor.finding import Finding, attention, broken, ok
from chargemon_edge.doctor.subject import Subject

_CHECK = "mend it, then: systemctl reload chargemon-edge"
# mistakes of a configuration that is empty or of another program would fill pages
_SHOWN = 20


def examine(subject: Subject) -> Iterator[Finding]:
    """Mistakes first; without any, whether balancing arms, and what looks odd."""
    for mistake in subject.mistakes[:_SHOWN]:
        if "Permission denied" in mistake:
            yield attention(mistake, "run this as root: passwords are root's alone")
        else:
            yield broken(mistake, _CHECK)
    if len(subject.mistakes) > _SHOWN:
        yield broken(f"{len(subject.mistakes) - _SHOWN} more mistakes", f"chargemon-edge check-config {subject.config}")
    if subject.mistakes:
        return
    settings, site = subject.settings, subject.settings.site
    if not site.circuits and not site.charge_points:
        yield attention("the site is not described yet: nobody may connect", "describe it (docs/install.md)")
        return
    yield ok(f"{subject.config} is good: {len(site.circuits)} circuits, {len(site.charge_points)} charge points")
    regulator = Regulator(site, settings.balancing)
    if site.circuits and not regulator.armed:
        yield broken(f"balancing will not arm: {regulator.why}", "lower fallback_a, or correct background_a or fuse_a")
    for look in _LOOKS:
        yield from look(settings)


def _fuses(settings: Settings) -> Iterator[Finding]:
    for circuit in settings.site.circuits:
        lowest, highest = min(circuit.fuse_ma), max(circuit.fuse_ma)
        if not 6_000 <= lowest <= highest <= 2_000_000:
            yield attention(
                f"circuit {circuit.name!r}: a fuse of {lowest / 1000:g} A is hardly meant",
                "fuse_a is in amperes, for each phase",
            )


def _outlets(settings: Settings) -> Iterator[Finding]:
    fuses = {circuit.name: max(circuit.fuse_ma) for circuit in settings.site.circuits}
    for key, connector in settings.site.connectors.items():
        fuse_ma = fuses[connector.circuit]
        if connector.max_ma > fuse_ma:
            yield attention(
                f"{key.charge_point}/{key.number}: max_a {connector.max_ma / 1000:g} is above the fuse of "
                f"{connector.circuit!r}",
                "max_a is what outlet, cable and contact bear; the fuse holds in any case",
            )


def _meters(settings: Settings) -> Iterator[Finding]:
    measured = {meter.circuit for meter in settings.meters}
    for circuit in settings.site.circuits:
        if circuit.parent is None and circuit.name not in measured and circuit.background_ma is None:
            yield attention(
                f"circuit {circuit.name!r} has neither a meter nor background_a: nothing but chargers may hang on it",
                "add a [[meter]], or say with background_a how much else it carries at most",
            )
    for meter in settings.meters:
        fuse_ma = max(next(one.fuse_ma for one in settings.site.circuits if one.name == meter.circuit))
        if meter.rating_ma * 1.5 < fuse_ma:
            yield attention(
                f"meter {meter.name!r}: readings above {1.5 * meter.rating_ma / 1000:g} A are dropped, but its fuse "
                f"carries {fuse_ma / 1000:g} A",
                "rating_ma is the rating of the meter or of its current transformers, on the primary side",
            )


def _doors(settings: Settings) -> Iterator[Finding]:
    if not settings.authorisation.accept_unknown and not settings.authorisation.id_tags:
        yield ok("only cards that are kept over the API may charge: none is written here, and accept_unknown is off")
    open_ones = [one.identity for one in settings.chargers.charge_points if one.allow_without_password]
    if open_ones:
        yield attention(
            f"no login is asked of {', '.join(open_ones)}",
            "whoever reaches the chargers' network can pose as them; give them a password_file where they can send one",
        )


_LOOKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (_fuses, _outlets, _meters, _doors)
