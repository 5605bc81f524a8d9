"""What an export shows of each table, as data: a query and the kinds of its columns. Pure.

The queries may use ``utc(ms)``, ``amperes(ma)``, ``tag(id_tag)``, ``told(text)``, ``private(text)`` and
``known(transaction_id)``, which export.py defines.
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class Table(NamedTuple):
    """One table of the export."""

    name: str
    source: Literal["site", "samples"]
    key: str | tuple[str, ...]
    columns: dict[str, type]
    query: str
    """One value for each of *columns*, in their order."""
    links: tuple[tuple[str, str, str], ...] = (("charge_point", "charge_points", "identity"),)
    """Foreign keys: column, table, its column."""


def _columns(**kinds: type) -> dict[str, type]:
    return kinds


# whoever is named anywhere: a foreign key must find it
_EVERY_CHARGE_POINT = " UNION ".join(
    f"SELECT {column} AS identity FROM {table} WHERE {column} IS NOT NULL"  # noqa: S608 - names of ours
    for table, column in (
        ("charge_point", "identity"),
        ("connector", "charge_point"),
        ("charging_transaction", "charge_point"),
        ("event", "charge_point"),
        ("security_event", "charge_point"),
        ("operation", "charge_point"),
        ("kept_stop", "charge_point"),
    )
)

TABLES = (
    Table(
        "charge_points",
        "site",
        "identity",
        _columns(identity=str, vendor=str, model=str, serial_number=str, firmware_version=str, last_boot=str),
        f"SELECT named.identity, vendor, model, serial_number, firmware_version, utc(booted_utc_ms) "  # noqa: S608 - ours
        f"FROM ({_EVERY_CHARGE_POINT}) AS named LEFT JOIN charge_point ON charge_point.identity = named.identity",
        (),
    ),
    Table(
        "connectors",
        "site",
        "id",
        _columns(id=str, charge_point=str, number=int, status=str, error_code=str, status_since=str),
        "SELECT charge_point || '/' || number, charge_point, number, status, error_code, utc(status_utc_ms) "
        "FROM connector",
    ),
    Table(
        "transactions",
        "site",
        "id",
        _columns(
            id=int,
            charge_point=str,
            connector=int,
            id_tag=str,
            id_tag_status=str,
            started=str,
            stopped=str,
            meter_start_wh=int,
            meter_stop_wh=int,
            energy_wh=int,
            minutes=float,
            stop_reason=str,
        ),
        # when we heard of it: a charger's own clock may be wrong
        "SELECT transaction_id, charge_point, connector, tag(id_tag), id_tag_status, utc(start_received_utc_ms), "
        "utc(stop_received_utc_ms), meter_start_wh, meter_stop_wh, meter_stop_wh - meter_start_wh, "
        "round((stop_received_utc_ms - start_received_utc_ms) / 60000.0, 1), stop_reason "
        "FROM charging_transaction ORDER BY transaction_id",
    ),
    Table(
        "meter_values",
        "samples",
        "id",
        _columns(
            id=int,
            received=str,
            charge_point=str,
            connector=int,
            transaction_id=int,
            l1_a=float,
            l2_a=float,
            l3_a=float,
            power_w=int,
            energy_register_wh=int,
        ),
        "SELECT number, utc(received_utc_ms), charge_point, connector, known(transaction_id), amperes(l1_ma), "
        "amperes(l2_ma), amperes(l3_ma), power_w, energy_wh FROM reading ORDER BY number",
        (("transaction_id", "transactions", "id"),),
    ),
    Table(
        "grid_meter_minutes",
        "samples",
        ("meter", "minute"),
        _columns(
            meter=str,
            minute=str,
            samples=int,
            mean_l1_a=float,
            mean_l2_a=float,
            mean_l3_a=float,
            max_l1_a=float,
            max_l2_a=float,
            max_l3_a=float,
            mean_power_w=int,
        ),
        "SELECT meter, utc(minute * 60000), samples, amperes(mean_l1_ma), amperes(mean_l2_ma), amperes(mean_l3_ma), "
        "amperes(max_l1_ma), amperes(max_l2_ma), amperes(max_l3_ma), mean_power_w FROM meter_minute "
        "ORDER BY meter, minute",
        (),
    ),
    Table(
        "events",
        "site",
        "id",
        _columns(id=int, at=str, kind=str, charge_point=str, details=str),
        "SELECT number, utc(utc_ms), kind, charge_point, told(body) FROM event ORDER BY number",
    ),
    Table(
        "security_events",
        "site",
        "id",
        _columns(id=int, at=str, event=str, source=str, charge_point=str, detail=str),
        "SELECT number, utc(utc_ms), event, source, charge_point, told(detail) FROM security_event ORDER BY number",
    ),
    Table(
        "operations",
        "site",
        "id",
        _columns(
            id=int,
            asked=str,
            ended=str,
            charge_point=str,
            action=str,
            asked_by=str,
            request=str,
            result=str,
            detail=str,
        ),
        "SELECT number, utc(asked_utc_ms), utc(ended_utc_ms), charge_point, action, asked_by, told(payload), "
        "result, told(detail) FROM operation ORDER BY number",
    ),
    Table(
        "kept_stops",
        "site",
        "id",
        _columns(
            id=int,
            received=str,
            charge_point=str,
            claimed_transaction=int,
            doubt=str,
            settled=str,
            settled_by=str,
            request=str,
        ),
        "SELECT number, utc(received_utc_ms), charge_point, transaction_id, doubt, utc(settled_utc_ms), settled_by, "
        "told(CAST(raw AS TEXT)) FROM kept_stop ORDER BY number",
    ),
    Table(
        "cards",
        "site",
        "id_tag",
        _columns(id_tag=str, status=str, expires=str, parent_id_tag=str, name=str, note=str),
        "SELECT tag(id_tag), status, utc(expiry_utc_ms), tag(parent_id_tag), private(name), private(note) "
        "FROM id_tag ORDER BY id_tag",
        (),
    ),
)

VIEWS = {
    "sessions": """
        SELECT transactions.id, charge_point, vendor, model, connector, id_tag, started, stopped,
            round(energy_wh / 1000.0, 2) AS energy_kwh, round(minutes / 60.0, 2) AS hours, stop_reason
        FROM transactions LEFT JOIN charge_points ON charge_points.identity = charge_point
        ORDER BY transactions.id DESC""",
    "energy_per_day": """
        SELECT substr(started, 1, 10) AS day, charge_point, count(*) AS sessions,
            round(sum(energy_wh) / 1000.0, 2) AS energy_kwh
        FROM transactions GROUP BY day, charge_point ORDER BY day DESC, charge_point""",
    "energy_per_month_and_card": """
        SELECT substr(started, 1, 7) AS month, id_tag, count(*) AS sessions,
            round(sum(energy_wh) / 1000.0, 2) AS energy_kwh
        FROM transactions GROUP BY month, id_tag ORDER BY month DESC, id_tag""",
}
