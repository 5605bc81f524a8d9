"""Facts about configuration keys → rows of the site's file. Values stay out of the events: some are long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chargemon_edge.site import device_facts as facts
from chargemon_edge.site.facts import Fact
from chargemon_edge.store.event import event
from chargemon_edge.store.statement import Statement

_KEY = (
    "INSERT INTO configuration_key (charge_point, key, value, readonly, read_utc_ms) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (charge_point, key) DO UPDATE SET value = excluded.value, readonly = excluded.readonly, "
    "read_utc_ms = excluded.read_utc_ms"
)
# what a whole reading does not have is gone; what was read later stays
_GONE = "DELETE FROM configuration_key WHERE charge_point = ? AND read_utc_ms < ?"
_READ = (
    "INSERT INTO configuration_state (charge_point, whole_utc_ms) VALUES (?, ?) "
    "ON CONFLICT (charge_point) DO UPDATE SET whole_utc_ms = excluded.whole_utc_ms"
)
_WRITTEN = (
    "INSERT INTO configuration_write (charge_point, key, value, outcome, utc_ms, firmware, by_person) "
    "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (charge_point, key, value) DO UPDATE SET outcome = excluded.outcome, "
    "utc_ms = excluded.utc_ms, firmware = excluded.firmware, by_person = excluded.by_person"
)
_PAUSED = (
    "INSERT INTO configuration_state (charge_point, paused_utc_ms, paused_until_utc_ms, paused_reason) "
    "VALUES (?, ?, ?, ?) ON CONFLICT (charge_point) DO UPDATE SET paused_utc_ms = excluded.paused_utc_ms, "
    "paused_until_utc_ms = excluded.paused_until_utc_ms, paused_reason = excluded.paused_reason"
)


def _read(fact: facts.ConfigurationRead) -> tuple[Statement, ...]:
    rows = [
        Statement(_KEY, (fact.charge_point, one.key, one.value, int(one.readonly), fact.at.utc_ms)) for one in fact.keys
    ]
    if fact.whole:
        rows.append(Statement(_GONE, (fact.charge_point, fact.at.utc_ms)))
        rows.append(Statement(_READ, (fact.charge_point, fact.at.utc_ms)))
    return tuple(rows)


def _written(fact: facts.KeyWritten) -> tuple[Statement, ...]:
    row = (
        fact.charge_point,
        fact.key,
        fact.value,
        fact.outcome,
        fact.at.utc_ms,
        fact.firmware,
        int(fact.by_person),
    )
    return (Statement(_WRITTEN, row), event(fact, fact.charge_point, key=fact.key, outcome=fact.outcome))


def _paused(fact: facts.ConfigurationPaused) -> tuple[Statement, ...]:
    row = (fact.charge_point, fact.at.utc_ms, fact.until_utc_ms, fact.reason)
    return (
        Statement(_PAUSED, row),
        event(fact, fact.charge_point, reason=fact.reason, until_utc_ms=fact.until_utc_ms),
    )


ROWS: dict[type[Fact], Callable[[Any], tuple[Statement, ...]]] = {
    facts.ConfigurationRead: _read,
    facts.KeyWritten: _written,
    facts.ConfigurationPaused: _paused,
}

STATEMENTS = (_KEY, _GONE, _READ, _WRITTEN, _PAUSED)
