"""Rows → how far operators had heard, what they had asked and what they allowed. Reads only."""

from __future__ import annotations

import sqlite3
from typing import Any

from chargemon_edge.control.upstream_records import CommandRecord, DesiredRecord, Heard, RestoredUpstream
from chargemon_edge.site.site_limit import ConnectorCap, SiteLimit
from chargemon_edge.site.units import PerPhase
from chargemon_edge.store.reader import Reader

_COMMAND = (
    "upstream, id, op, digest, body, asked_by, state, code, message, data, taken_utc_ms, ended_utc_ms "
    "FROM upstream_command"
)


class UpstreamCommands:
    """Implements :class:`chargemon_edge.control.upstream_records.CommandLog`."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def command(self, upstream: str, command_id: str) -> CommandRecord | None:
        """One by its id."""
        return await self._reader.ask("site", _command, upstream, command_id)


def _command(site: sqlite3.Connection, upstream: str, command_id: str) -> CommandRecord | None:
    row = site.execute(
        f"SELECT {_COMMAND} WHERE upstream = ? AND id = ?",
        (upstream, command_id),
    ).fetchone()
    return None if row is None else _command_record(row)


def _command_record(row: tuple[Any, ...]) -> CommandRecord:
    return CommandRecord(
        upstream=row[0],
        id=row[1],
        op=row[2],
        digest=row[3],
        body=row[4],
        by=row[5],
        state=row[6],
        code=row[7],
        message=row[8],
        data=row[9],
        taken_utc_ms=row[10],
        ended_utc_ms=row[11],
    )


def restore_caps(site: sqlite3.Connection) -> dict[tuple[str, int], ConnectorCap]:
    """What each connector may draw at most."""
    return {
        (charge_point, connector): ConnectorCap(limit_ma=limit_ma, until_utc_ms=until_utc_ms, by=by)
        for charge_point, connector, limit_ma, until_utc_ms, by in site.execute(
            "SELECT charge_point, connector, limit_ma, until_utc_ms, set_by FROM connector_cap "
            "WHERE limit_ma IS NOT NULL"
        )
    }


def restore_upstream(site: sqlite3.Connection) -> RestoredUpstream:
    """What the disk knows of them."""
    return RestoredUpstream(
        heard={
            upstream: Heard(number, minute)
            for upstream, number, minute in site.execute("SELECT upstream, number, minute FROM upstream_cursor")
        },
        holding=dict(site.execute("SELECT upstream, number FROM upstream_hold")),
        unfinished=tuple(
            _command_record(row)
            for row in site.execute(f"SELECT {_COMMAND} WHERE ended_utc_ms IS NULL ORDER BY taken_utc_ms, id")
        ),
        limits=tuple(map(_limit, site.execute("SELECT * FROM site_limit ORDER BY source"))),
        desired=tuple(
            DesiredRecord(upstream=row[0], name=row[1], version=row[2], state=row[3], body=row[4], error=row[5])
            for row in site.execute(
                "SELECT upstream, name, version, state, body, error FROM desired_state ORDER BY upstream, name"
            )
        ),
    )


def _limit(row: tuple[Any, ...]) -> SiteLimit:
    source, kind, n, stage, until_utc_ms, l1_ma, l2_ma, l3_ma, power_w, by = row
    return SiteLimit(
        source=source,
        kind=kind,
        n=n,
        stage=stage,
        until_utc_ms=until_utc_ms,
        current_ma=None if l1_ma is None else PerPhase(l1_ma, l2_ma, l3_ma),
        power_w=power_w,
        by=by,
    )
