"""Rows → what operators left: the named charging profiles, and the numbers that come next. Reads only."""

from __future__ import annotations

import sqlite3

from chargemon_edge.control.ports import GivenProfile, RestoredOperations
from chargemon_edge.ocpp.charging_profile import FIRST_FREE_PROFILE_ID
from chargemon_edge.site.facts import Moment
from chargemon_edge.site.operation_facts import ChargingProfileStored
from chargemon_edge.store.numbers import next_number
from chargemon_edge.store.transactions import moment_of

# a remote start is answered before its transaction begins
_BEFORE_MS = 600_000
_GIVEN = (
    "SELECT charge_point, action, payload FROM operation WHERE result = 'Accepted' "
    "AND (action = 'SetChargingProfile' OR (action = 'RemoteStartTransaction' AND payload LIKE '%chargingProfile%')) "
    "AND asked_utc_ms >= ? - coalesce((SELECT ? - min(start_received_utc_ms) FROM charging_transaction AS running "
    "WHERE running.charge_point = operation.charge_point AND stop_received_utc_ms IS NULL), 0) ORDER BY number"
)


def restore_operations(site: sqlite3.Connection, now: Moment) -> RestoredOperations:
    """What the disk knows of operations."""
    (used,) = site.execute(
        "SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'operation'), 0), "
        "coalesce((SELECT max(number) FROM operation), 0))"
    ).fetchone()
    (last_id,) = site.execute("SELECT coalesce(max(profile_id), 0) FROM charging_profile").fetchone()
    profiles = tuple(
        ChargingProfileStored(at=moment_of(row[3], now), profile_id=row[0], name=row[1], body=row[2], by=row[4])
        for row in site.execute(
            "SELECT profile_id, name, body, stored_utc_ms, stored_by FROM charging_profile "
            "WHERE body IS NOT NULL ORDER BY profile_id"
        )
    )
    return RestoredOperations(
        next_number=next_number(used, now.utc_ms),
        next_profile_id=max(next_number(last_id, now.utc_ms), FIRST_FREE_PROFILE_ID),
        profiles=profiles,
        given=tuple(
            GivenProfile(charge_point=row[0], action=row[1], payload=row[2])
            for row in site.execute(_GIVEN, (now.utc_ms - _BEFORE_MS, now.utc_ms))
        ),
    )
