"""Rows → the access tokens in force. Reads only."""

from __future__ import annotations

import sqlite3

from chargemon_edge.site.facts import Moment
from chargemon_edge.site.token_facts import Role, TokenIssued
from chargemon_edge.store.transactions import moment_of


def restore_tokens(site: sqlite3.Connection, now: Moment) -> tuple[TokenIssued, ...]:
    """Every token that was not revoked, expired or not."""
    return tuple(
        TokenIssued(
            at=moment_of(row[3], now),
            name=row[0],
            role=Role(row[1]),
            digest=row[2],
            by=row[4],
            expires_utc_ms=row[5],
        )
        for row in site.execute("SELECT name, role, digest, issued_utc_ms, issued_by, expires_utc_ms FROM access_token")
    )
