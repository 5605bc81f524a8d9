"""The table of groups, and how one after the other is examined."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from msgspec.structs import replace

from chargemon_edge.doctor import (
    certificates,
    chargers,
    clock,
    configuration,
    database,
    disk,
    meters,
    ports,
    running,
    serial_lines,
    unit,
    upstream,
)
from chargemon_edge.doctor.finding import Finding, attention
from chargemon_edge.doctor.subject import Subject

log = logging.getLogger(__name__)

GROUPS: dict[str, Callable[[Subject], Iterator[Finding]]] = {
    "configuration": configuration.examine,
    "daemon": running.examine,
    "unit": unit.examine,
    "ports": ports.examine,
    "clock": clock.examine,
    "disk": disk.examine,
    "database": database.examine,
    "certificates": certificates.examine,
    "serial": serial_lines.examine,
    "meters": meters.examine,
    "chargers": chargers.examine,
    "upstream": upstream.examine,
}
"""In the order in which a person would look: what the later ones need comes first."""


def examine(subject: Subject, groups: dict[str, Callable[[Subject], Iterator[Finding]]] = GROUPS) -> list[Finding]:
    """Everything; a group that fails costs itself alone."""
    found: list[Finding] = []
    for name, look in groups.items():
        try:
            found.extend(replace(one, group=name) for one in look(subject))
        except Exception:
            log.exception("the group could not be examined group=%s", name)
            failed = attention("this part could not be examined: a bug of this program", "report the traceback above")
            found.append(replace(failed, group=name))
    return found
