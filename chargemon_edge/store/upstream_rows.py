"""Facts about operators above the site → rows of the site's file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from chargemon_edge.site import upstream_facts as facts
from chargemon_edge.site.facts import Fact
from chargemon_edge.site.site_limit import SiteLimit
from chargemon_edge.store.event import event
from chargemon_edge.store.statement import Statement

_HEARD = (
    "INSERT INTO upstream_cursor (upstream, number, minute) VALUES (?, ?, ?) "
    "ON CONFLICT (upstream) DO UPDATE SET number = max(number, excluded.number), minute = max(minute, excluded.minute)"
)
_HOLDING_NO_MORE = "DELETE FROM upstream_hold WHERE upstream NOT IN (SELECT value FROM json_each(?))"
_HOLDING = "INSERT OR IGNORE INTO upstream_hold (upstream, number) SELECT value, 0 FROM json_each(?)"
_STORED = "UPDATE upstream_hold SET number = max(number, ?) WHERE upstream = ?"
_TAKEN = (
    "INSERT INTO upstream_command (upstream, id, op, digest, body, asked_by, state, taken_utc_ms) "
    "VALUES (?, ?, ?, ?, ?, ?, 'accepted', ?)"
)
_BEGUN = "UPDATE upstream_command SET state = 'running' WHERE upstream = ? AND id = ?"
# one that was refused without being taken has no row: its outcome is the event's alone
_ENDED = (
    "UPDATE upstream_command SET state = ?, code = ?, message = ?, data = ?, ended_utc_ms = ?, body = NULL "
    "WHERE upstream = ? AND id = ?"
)
# all that happens to a limit goes through this one, so that a group keeps its order
_LIMIT = (
    "INSERT OR REPLACE INTO site_limit (source, kind, n, stage, until_utc_ms, l1_ma, l2_ma, l3_ma, power_w, set_by) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_CAP = (
    "INSERT OR REPLACE INTO connector_cap (charge_point, connector, limit_ma, until_utc_ms, set_by) "
    "VALUES (?, ?, ?, ?, ?)"
)
_DESIRED = (
    "INSERT OR REPLACE INTO desired_state (upstream, name, version, state, body, error, changed_utc_ms) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_MESSAGE_MAX = 80


def _heard(fact: facts.UpstreamHeard) -> tuple[Statement, ...]:
    return (Statement(_HEARD, (fact.upstream, fact.number, fact.minute)),)


def _holding(fact: facts.UpstreamsHolding) -> tuple[Statement, ...]:
    names = (msgspec.json.encode(fact.upstreams).decode(),)
    return (Statement(_HOLDING_NO_MORE, names), Statement(_HOLDING, names))


def _stored(fact: facts.UpstreamStored) -> tuple[Statement, ...]:
    return (Statement(_STORED, (fact.number, fact.upstream)),)


def _taken(fact: facts.CommandTaken) -> tuple[Statement, ...]:
    row = (fact.upstream, fact.id, fact.op, fact.digest, fact.body, fact.by, fact.at.utc_ms)
    return (
        Statement(_TAKEN, row),
        event(fact, None, id=fact.id, op=fact.op, upstream=fact.upstream, by=fact.by),
    )


def _begun(fact: facts.CommandBegun) -> tuple[Statement, ...]:
    return (Statement(_BEGUN, (fact.upstream, fact.id)),)


def _ended(fact: facts.CommandEnded) -> tuple[Statement, ...]:
    row = (fact.state, fact.code, fact.message, fact.data, fact.at.utc_ms, fact.upstream, fact.id)
    told = event(
        fact,
        None,
        id=fact.id,
        upstream=fact.upstream,
        op=fact.op or None,
        state=fact.state,
        code=fact.code,
        msg=None if fact.message is None else fact.message[:_MESSAGE_MAX],
        by=fact.by,
    )
    return (Statement(_ENDED, row), told)


def _limit(limit: SiteLimit) -> Statement:
    phases = (None, None, None) if limit.current_ma is None else tuple(limit.current_ma)
    return Statement(
        _LIMIT,
        (limit.source, limit.kind, limit.n, limit.stage, limit.until_utc_ms, *phases, limit.power_w, limit.by),
    )


def _phases(limit: SiteLimit) -> dict[str, int]:
    if limit.current_ma is None:
        return {}
    return dict(zip(("l1_ma", "l2_ma", "l3_ma"), limit.current_ma, strict=True))


def _limit_taken(fact: facts.SiteLimitTaken) -> tuple[Statement, ...]:
    limit = fact.limit
    told = event(
        fact,
        None,
        source=limit.source,
        n=limit.n,
        until_utc_ms=limit.until_utc_ms,
        **_phases(limit),
        power_w=limit.power_w,
        by=limit.by,
    )
    return (_limit(limit), told)


def _failsafe(fact: facts.SiteFailsafeBegun) -> tuple[Statement, ...]:
    limit = fact.limit
    told = event(fact, None, source=limit.source, reason=fact.reason, until_utc_ms=limit.until_utc_ms, **_phases(limit))
    return (_limit(limit), told)


def _limit_ended(fact: facts.SiteLimitEnded) -> tuple[Statement, ...]:
    return (_limit(fact.limit), event(fact, None, source=fact.limit.source, reason=fact.reason))


def _limit_gone(fact: facts.SiteLimitGone) -> tuple[Statement, ...]:
    return (_limit(fact.limit),)


def _capped(fact: facts.ConnectorCapped) -> tuple[Statement, ...]:
    cap = fact.cap
    limit_ma, until_utc_ms = (None, None) if cap is None else (cap.limit_ma, cap.until_utc_ms)
    row = Statement(_CAP, (fact.charge_point, fact.connector, limit_ma, until_utc_ms, fact.by))
    told = event(
        fact, fact.charge_point, connector=fact.connector, limit_ma=limit_ma, until_utc_ms=until_utc_ms, by=fact.by
    )
    return (row, told)


def _desired(fact: facts.DesiredReached) -> tuple[Statement, ...]:
    row = (fact.upstream, fact.name, fact.version, fact.state, fact.body, fact.error, fact.at.utc_ms)
    told = event(
        fact,
        None,
        name=fact.name,
        upstream=fact.upstream,
        ver=fact.version,
        state=fact.state,
        err=None if fact.error is None else fact.error[:_MESSAGE_MAX],
    )
    return (Statement(_DESIRED, row), told)


ROWS: dict[type[Fact], Callable[[Any], tuple[Statement, ...]]] = {
    facts.UpstreamHeard: _heard,
    facts.UpstreamsHolding: _holding,
    facts.UpstreamStored: _stored,
    facts.CommandTaken: _taken,
    facts.CommandBegun: _begun,
    facts.CommandEnded: _ended,
    facts.SiteLimitTaken: _limit_taken,
    facts.SiteFailsafeBegun: _failsafe,
    facts.SiteLimitEnded: _limit_ended,
    facts.SiteLimitGone: _limit_gone,
    facts.ConnectorCapped: _capped,
    facts.DesiredReached: _desired,
}

STATEMENTS: tuple[str, ...] = (
    _HEARD,
    _HOLDING_NO_MORE,
    _HOLDING,
    _STORED,
    _TAKEN,
    _BEGUN,
    _ENDED,
    _LIMIT,
    _CAP,
    _DESIRED,
)
"""This file's SQL, in the order in which a group is written."""
