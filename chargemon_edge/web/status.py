"""The site as text for a terminal of 80 columns. Pure. Never passes on a control character that a charger sent."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime

from chargemon_edge.log import inert
from chargemon_edge.web.shapes import CircuitView, ConnectorView, MeterView, SiteView

WIDTH = 80


def render_status(view: SiteView) -> str:
    """What ``chargemon-edge status`` prints."""
    blocks = [_head(view), *_alarms(view), _circuits(view), _connectors(view), _software(view)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _head(view: SiteView) -> str:
    lines = [f"{inert(view.site)}   up {_duration(view.uptime_s)}   {inert(view.why)}"]
    lines += [_meter(meter) for meter in view.meters]
    lines.append(f"last backup: {'none yet' if view.last_backup_utc_ms is None else _when(view.last_backup_utc_ms)}")
    if view.commissioning_s is not None:
        lines.append(f"unknown charge points are let in for another {_duration(view.commissioning_s)}")
    return "\n".join(_wrapped(line, "  ") for line in lines)


def _when(utc_ms: int) -> str:
    return datetime.fromtimestamp(utc_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _software(view: SiteView) -> str:
    return f"chargemon-edge {inert(view.software_version)}, security updates until {inert(view.supported_until)}"


def _meter(meter: MeterView) -> str:
    age = "never read" if meter.age_s is None else f"read {meter.age_s:.1f} s ago"
    reason = f" ({inert(meter.reason)})" if meter.reason else ""
    return f"meter {inert(meter.name)}: {meter.state}, {age}{reason}"


def _alarms(view: SiteView) -> Iterator[str]:
    for alarm in view.alarms:
        yield _wrapped(f"{alarm.severity.value.upper()}: {inert(alarm.what)} {inert(alarm.advice)}".rstrip(), "  ")


def _circuits(view: SiteView) -> str:
    head = _row("CIRCUIT", ("L1", "L2", "L3"), "FUSE")
    return "\n".join([head, *map(_circuit, view.circuits)])


def _circuit(circuit: CircuitView) -> str:
    shown = circuit.charging_ma if circuit.measured_ma is None else circuit.measured_ma
    fuses = "/".join(f"{fuse / 1000:g}" for fuse in dict.fromkeys(circuit.fuse_ma))
    name = "  " * circuit.depth + inert(circuit.name)
    note = "" if circuit.measured_ma is not None else "  (charging only)"
    return _row(name, tuple(_amperes(phase) for phase in shown), f"{fuses} A{note}")


def _row(name: str, phases: tuple[str, ...], fuse: str) -> str:
    columns = " ".join(f"{phase:>8}" for phase in phases)
    return f"{_cut(name, 24):<24} {columns}  {fuse}"[:WIDTH].rstrip()


def _connectors(view: SiteView) -> str:
    if not view.connectors:
        return "no charge points are configured"
    lines = [f"{'CONNECTOR':<18} {'STATE':<26} {'ALLOWED':>8} {'MEASURED':>24}"]
    for connector in view.connectors:
        lines += _connector(connector)
    return "\n".join(lines)


def _connector(connector: ConnectorView) -> Iterator[str]:
    measured = "-"
    if connector.measured_ma is not None:
        measured = " ".join(
            f"{phase / 1000:.1f}" if wired else "-"
            for phase, wired in zip(connector.measured_ma, connector.phases, strict=True)
        )
        measured += " A"
    allowed = "-" if connector.allowed_ma is None else _amperes(connector.allowed_ma)
    label = _cut(inert(connector.label), 18)
    yield f"{label:<18} {_cut(connector.words, 26):<26} {allowed:>8} {measured:>24}"
    running = connector.transaction
    notes = [inert(connector.reason)] if connector.reason else []
    if running is not None:
        energy = "" if running.energy_wh is None else f", {running.energy_wh / 1000:.2f} kWh"
        notes.append(f"transaction {running.transaction_id}, {_duration(running.duration_s)}{energy}")
    if notes:
        yield textwrap.fill("; ".join(notes), WIDTH, initial_indent="    ", subsequent_indent="    ")


def _wrapped(line: str, indent: str) -> str:
    # a command or path that is broken at a hyphen cannot be copied
    return textwrap.fill(line, WIDTH, subsequent_indent=indent, break_on_hyphens=False)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _amperes(current_ma: int) -> str:
    return f"{current_ma / 1000:.1f} A"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
