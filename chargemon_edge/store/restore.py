"""Rows → the first picture of the site, from tables of states, never from history. Reads only."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from typing import Any

from msgspec.structs import replace

from chargemon_edge.control.ports import Restored
from chargemon_edge.site.facts import ChargePointBooted, Moment
from chargemon_edge.site.picture import ChargePointPicture, ConnectorPicture, HeldLimit, SitePicture, Transaction
from chargemon_edge.store.numbers import NUMBER_MAX, next_number
from chargemon_edge.store.restore_access import restore_access, restore_certificates, restore_revoked
from chargemon_edge.store.restore_cards import restore_cards
from chargemon_edge.store.restore_devices import restore_devices
from chargemon_edge.store.restore_files import restore_files
from chargemon_edge.store.restore_operations import restore_operations
from chargemon_edge.store.restore_rollouts import restore_campaigns, restore_stopped, restore_updating
from chargemon_edge.store.restore_tokens import restore_tokens
from chargemon_edge.store.restore_upstream import restore_caps, restore_upstream
from chargemon_edge.store.transactions import COLUMNS, known_from_row, moment_of

# how far back a register reading is looked for: some ten minutes of a busy site
_READINGS_BACK = 2_000


def restore(
    site: sqlite3.Connection,
    samples: sqlite3.Connection,
    now: Moment,
    *,
    site_is_fresh: bool = False,
    ids_below: int = 0,
) -> Restored:
    """What the disk knows, with *now* as the start of this run.

    *ids_below*: that all transaction ids ever used are below this (high_water.py); it counts when the file is fresh.
    """
    connectors: dict[str, dict[int, ConnectorPicture]] = defaultdict(dict)
    energy_wh = _newest_energy(samples)
    running = _running(site, now)
    for row in site.execute(
        "SELECT charge_point, number, status, error_code, info, status_utc_ms, status_reported_utc_ms, fail_safe_ma, "
        "held_limit_ma, held_fallback_ma, held_transaction_id, held_lease_s FROM connector"
    ):
        key = (row[0], row[1])
        connectors[row[0]][row[1]] = _connector(row, running.pop(key, None), energy_wh.get(key), now)
    for (charge_point, number), transaction in running.items():
        connectors[charge_point][number] = ConnectorPicture(
            transaction=transaction,
            energy_wh=energy_wh.get((charge_point, number), transaction.meter_start_wh),
        )
    for (charge_point, number), cap in restore_caps(site).items():
        before = connectors[charge_point].get(number, ConnectorPicture())
        connectors[charge_point][number] = replace(before, cap=cap)
    charge_points = {identity: ChargePointPicture(connectors=entry) for identity, entry in connectors.items()}
    for identity, known, boot in _charge_points(site, now):
        charge_points[identity] = ChargePointPicture(known=known, boot=boot, connectors=connectors.get(identity, {}))
    for identity, words in restore_updating(site).items():
        charge_points[identity] = replace(charge_points.get(identity, ChargePointPicture()), updating=words)
    (kept_stops,) = site.execute("SELECT count(*) FROM kept_stop WHERE settled_utc_ms IS NULL").fetchone()
    upstream = restore_upstream(site)
    # what was on its way out of a limit goes on at the pace of the balancing
    limits = {limit.source: limit for limit in upstream.limits if limit.stage in ("in force", "fail-safe")}
    return Restored(
        picture=SitePicture(
            started=now,
            charge_points=charge_points,
            kept_stops=kept_stops,
            stopped_campaigns=restore_stopped(site),
            limits=limits,
        ),
        next_transaction_id=_next_transaction_id(site, samples if site_is_fresh else None, ids_below, now.utc_ms),
        tokens=restore_tokens(site, now),
        devices=restore_devices(site, now),
        operations=restore_operations(site, now),
        cards=restore_cards(site),
        access=restore_access(site),
        revoked=restore_revoked(site, now),
        certificates=restore_certificates(site, now),
        files=restore_files(site),
        upstream=upstream,
        campaigns=restore_campaigns(site),
    )


def _running(site: sqlite3.Connection, now: Moment) -> dict[tuple[str, int], Transaction]:
    """The open transaction of each connector; the newest, if a fault has left several."""
    query = (
        f"SELECT {COLUMNS} FROM charging_transaction "  # noqa: S608 - a constant of ours
        "WHERE stop_received_utc_ms IS NULL ORDER BY transaction_id"
    )
    found = {}
    for row in site.execute(query):
        start, _ = known_from_row(row, now)
        found[start.charge_point, start.connector] = Transaction(
            transaction_id=start.transaction_id,
            id_tag=start.id_tag,
            id_tag_status=start.id_tag_status,
            meter_start_wh=start.meter_start_wh,
            started_utc_ms=start.started_utc_ms,
            started_text=start.started_text,
            received=start.at,
            reservation_id=start.reservation_id,
            adopted=True,
        )
    return found


def _connector(
    row: tuple[Any, ...], transaction: Transaction | None, energy_wh: int | None, now: Moment
) -> ConnectorPicture:
    held = None
    if transaction is not None and row[8] is not None and row[10] == transaction.transaction_id:
        held = HeldLimit(
            limit_ma=row[8],
            fallback_ma=row[9],
            transaction_id=row[10],
            # the charger may have got it in the last moment before we stopped: its lease is whole
            sent_mono_s=now.mono_s,
            lease_s=row[11],
            restored=True,
        )
    if transaction is not None and energy_wh is None:
        energy_wh = transaction.meter_start_wh
    return ConnectorPicture(
        status=row[2],
        error_code=row[3],
        info=row[4],
        status_at=None if row[5] is None else moment_of(row[5], now),
        status_reported_utc_ms=row[6],
        transaction=transaction,
        energy_wh=energy_wh,
        held=held,
        fail_safe_ma=row[7],
    )


def _charge_points(site: sqlite3.Connection, now: Moment) -> list[tuple[str, bool, ChargePointBooted | None]]:
    found: list[tuple[str, bool, ChargePointBooted | None]] = []
    for row in site.execute(
        "SELECT identity, known, booted_utc_ms, vendor, model, serial_number, firmware_version, iccid, imsi, "
        "meter_type, meter_serial_number FROM charge_point"
    ):
        boot = None
        if row[2] is not None:
            boot = ChargePointBooted(
                at=moment_of(row[2], now),
                charge_point=row[0],
                vendor=row[3],
                model=row[4],
                serial_number=row[5],
                firmware_version=row[6],
                iccid=row[7],
                imsi=row[8],
                meter_type=row[9],
                meter_serial_number=row[10],
            )
        found.append((row[0], bool(row[1]), boot))
    return found


def _newest_energy(samples: sqlite3.Connection) -> dict[tuple[str, int], int]:
    (newest,) = samples.execute("SELECT max(number) FROM reading").fetchone()
    if newest is None:
        return {}
    rows = samples.execute(
        "SELECT charge_point, connector, energy_wh FROM reading "
        "WHERE number > ? AND energy_wh IS NOT NULL ORDER BY number",
        (newest - _READINGS_BACK,),
    )
    return {(charge_point, connector): energy_wh for charge_point, connector, energy_wh in rows}


def _next_transaction_id(
    site: sqlite3.Connection, samples: sqlite3.Connection | None, ids_below: int, utc_ms: int
) -> int:
    """Above every id ever used. *samples* and *ids_below* count when the site's own file is new."""
    row = site.execute("SELECT seq FROM sqlite_sequence WHERE name = 'charging_transaction'").fetchone()
    used = 0 if row is None else row[0]
    if samples is not None:
        (seen,) = samples.execute(
            "SELECT max(transaction_id) FROM reading WHERE transaction_id < ?", (NUMBER_MAX,)
        ).fetchone()
        used = max(used, seen or 0, ids_below - 1)
    return next_number(used, utc_ms)
