"""Measured values of a few minutes, folded by connector and meter. Reads only.

Implements :class:`chargemon_edge.control.upstream_records.MeasuredLog`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from chargemon_edge.control.upstream_records import ConnectorMinutes, Measured, MeterMinutes
from chargemon_edge.site.units import PerPhase
from chargemon_edge.store.history import number_at
from chargemon_edge.store.reader import Reader

# of one batch: a quarter of an hour of two hundred connectors every ten seconds
_READINGS_MAX = 20_000


class MeasuredHistory:
    """Asked on the event loop."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def measured(self, first_minute: int, minutes: int) -> Measured:
        """Those of *minutes* from *first_minute*."""
        return await self._reader.ask("samples", _measured, first_minute, minutes)

    async def first_minute(self) -> int | None:
        """The oldest minute of which a reading is kept."""
        return await self._reader.ask("samples", _first_minute)


def _first_minute(samples: sqlite3.Connection) -> int | None:
    row = samples.execute("SELECT received_utc_ms FROM reading ORDER BY number LIMIT 1").fetchone()
    return None if row is None else int(row[0]) // 60_000


def _measured(samples: sqlite3.Connection, first_minute: int, minutes: int) -> Measured:
    begin_ms, end_ms = first_minute * 60_000, (first_minute + minutes) * 60_000
    rows = samples.execute(
        "SELECT charge_point, connector, transaction_id, power_w, l1_ma, l2_ma, l3_ma, energy_wh FROM reading "
        "WHERE number >= ? AND number < ? AND live AND received_utc_ms >= ? AND received_utc_ms < ? "
        "ORDER BY number LIMIT ?",
        (number_at(samples, begin_ms), number_at(samples, end_ms), begin_ms, end_ms, _READINGS_MAX),
    )
    by_connector: dict[tuple[str, int], list[tuple[Any, ...]]] = {}
    for row in rows:
        by_connector.setdefault((row[0], row[1]), []).append(row)
    return Measured(
        [_connector(*key, found) for key, found in sorted(by_connector.items())],
        list(map(_meter, _minutes(samples, first_minute, minutes))),
    )


def _connector(charge_point: str, connector: int, rows: Sequence[tuple[Any, ...]]) -> ConnectorMinutes:
    phases = [_mean([row[place] for row in rows]) for place in (4, 5, 6)]
    known = [phase for phase in phases if phase is not None]
    return ConnectorMinutes(
        charge_point=charge_point,
        connector=connector,
        transaction_id=_last([row[2] for row in rows]),
        power_w=_mean([row[3] for row in rows]),
        current_ma=PerPhase(*known) if len(known) == 3 else None,
        energy_wh=_last([row[7] for row in rows]),
        reports=len(rows),
    )


def _mean(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known)) if known else None


def _last(values: Sequence[int | None]) -> int | None:
    return next((value for value in reversed(values) if value is not None), None)


def _minutes(samples: sqlite3.Connection, first_minute: int, minutes: int) -> sqlite3.Cursor:
    weighted = ", ".join(f"sum(mean_{phase}_ma * samples) / sum(samples)" for phase in ("l1", "l2", "l3"))
    return samples.execute(
        f"SELECT meter, {weighted}, max(max_l1_ma), max(max_l2_ma), max(max_l3_ma), "  # noqa: S608 - names of ours
        "avg(mean_power_w), sum(samples) FROM meter_minute WHERE minute >= ? AND minute < ? GROUP BY meter",
        (first_minute, first_minute + minutes),
    )


def _meter(row: tuple[Any, ...]) -> MeterMinutes:
    return MeterMinutes(
        meter=row[0],
        mean_ma=PerPhase(*row[1:4]),
        highest_ma=PerPhase(*row[4:7]),
        power_w=None if row[7] is None else round(row[7]),
        samples=row[8],
    )
