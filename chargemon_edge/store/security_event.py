"""Security events, apart from all others (security white paper; kept 90 days): nobody can push another's out.

Of each source the newest are kept, whatever it does; retention.py bounds all of them together, at the cost of whoever
has caused most.
"""

from __future__ import annotations

from chargemon_edge.site.facts import Fact
from chargemon_edge.store.statement import Statement

KEPT_PER_SOURCE = 1_000
KEPT_ALTOGETHER = 50_000
_LONGEST = 1_000

_NOTED = "INSERT INTO security_event (utc_ms, event, source, charge_point, detail) VALUES (?, ?, ?, ?, ?)"
_BOUNDED = (
    "DELETE FROM security_event WHERE number IN "
    "(SELECT number FROM security_event WHERE source = ? ORDER BY number DESC LIMIT -1 OFFSET ?)"
)
# a source's new rows first, then the bound
STATEMENTS = (_NOTED, _BOUNDED)


def security_event(
    fact: Fact, event: str, source: str, detail: str, charge_point: str | None = None
) -> tuple[Statement, ...]:
    """The rows of a security event: *source* is an address, a charge point or a person, as far as it is known."""
    row = (fact.at.utc_ms, event[:_LONGEST], source[:_LONGEST], charge_point, detail[:_LONGEST])
    return Statement(_NOTED, row), Statement(_BOUNDED, (source[:_LONGEST], KEPT_PER_SOURCE))


def of_charge_point(charge_point: str) -> str:
    """The source of what a charge point says itself."""
    return f"charge point {charge_point}"
