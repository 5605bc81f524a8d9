"""Rows → what is known of charge points' configuration keys, as the facts that would say the same. Reads only."""

from __future__ import annotations

import sqlite3
from collections import defaultdict

from chargemon_edge.site.device_facts import ConfigurationPaused, ConfigurationRead, KeyRead, KeyWritten
from chargemon_edge.site.facts import Fact, Moment
from chargemon_edge.store.transactions import moment_of


def restore_devices(site: sqlite3.Connection, now: Moment) -> tuple[Fact, ...]:
    """Of each charge point: its last whole reading, what was read since, what was written, and its last pause."""
    found: list[Fact] = []
    keys: dict[str, list[KeyRead]] = defaultdict(list)
    for charge_point, key, value, readonly in site.execute(
        "SELECT charge_point, key, value, readonly FROM configuration_key"
    ):
        keys[charge_point].append(KeyRead(key=key, value=value, readonly=bool(readonly)))
    for charge_point, whole, paused, until, reason in site.execute(
        "SELECT charge_point, whole_utc_ms, paused_utc_ms, paused_until_utc_ms, paused_reason FROM configuration_state"
    ):
        if whole is not None:
            found.append(
                ConfigurationRead(
                    at=moment_of(whole, now),
                    charge_point=charge_point,
                    keys=tuple(keys.pop(charge_point, ())),
                    whole=True,
                )
            )
        if paused is not None:
            found.append(
                ConfigurationPaused(
                    at=moment_of(paused, now), charge_point=charge_point, reason=reason, until_utc_ms=until
                )
            )
    for charge_point, some in keys.items():
        found.append(ConfigurationRead(at=now, charge_point=charge_point, keys=tuple(some), whole=False))
    rows = site.execute(
        "SELECT charge_point, key, value, outcome, utc_ms, firmware, by_person FROM configuration_write"
    )
    found += [
        KeyWritten(
            at=moment_of(row[4], now),
            charge_point=row[0],
            key=row[1],
            value=row[2],
            outcome=row[3],
            firmware=row[5],
            by_person=bool(row[6]),
        )
        for row in rows
    ]
    return tuple(found)
