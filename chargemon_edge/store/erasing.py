"""Takes an id tag out of the site's file, wherever it stands, so that its bytes are gone. Runs on the writer.

Every table and column is looked through but for those that cannot hold a tag: a new one is looked through, too.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable

from chargemon_edge.store.errors import StoreError
from chargemon_edge.store.sql_transaction import transaction

ERASED = "erased"
# a shorter one stands in many sentences without being meant; as a whole value it is always found
SHORTEST_IN_TEXT = 6
# names, digests and settings; a tag that happens to be equal to one of them must not break it
_TABLES_WITHOUT = frozenset(
    {
        "access_token",
        "campaign",
        "campaign_update",
        "charge_point",
        "charge_point_access",
        "charging_profile",
        "configuration_key",
        "configuration_state",
        "configuration_write",
        "connector",
        "epoch",
        "file_ticket",
        "firmware_image",
        "installed_certificate",
        "issued_certificate",
        "site_limit",
        "upstream_cursor",
        "upstream_hold",
    }
)
_COLUMNS_WITHOUT = frozenset({"charge_point", "digest", "kind", "sha256", "started_text", "upstream"})
# the writer stands meanwhile
_CHECKPOINT_MAX_S = 2.0


def erase(site: sqlite3.Connection, id_tag: str) -> int:
    """Put :data:`ERASED` in the place of *id_tag*; returns how many rows that changed. All or nothing, and durable.

    Raises :class:`sqlite3.Error`, and :class:`StoreError` when a reader keeps the log from being emptied.
    """
    hide = _hiding(id_tag)
    site.create_function("hide", 1, hide, deterministic=True)
    key = id_tag.strip().lower()
    changed = 0
    with transaction(site):
        for table, column in _columns(site):
            # SQLite looks through a million rows in the time in which Python looks at ten thousand
            changed += site.execute(
                f"UPDATE {table} SET {column} = hide({column}) "  # noqa: S608 - names of ours
                f"WHERE instr(lower(CAST({column} AS TEXT)), ?) > 0 AND hide({column}) IS NOT {column}",
                (key,),
            ).rowcount
    empty_log(site)
    return changed


def empty_log(site: sqlite3.Connection) -> None:
    """Leave nothing of former contents in the log. Raises :class:`StoreError` while a reader holds on to it."""
    until_s = time.monotonic() + _CHECKPOINT_MAX_S
    while time.monotonic() < until_s:
        (busy, _, _) = site.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy:
            return
        time.sleep(0.05)
    raise StoreError("erased, but somebody is reading the file: its log could not be emptied; try again in a minute")


def _columns(site: sqlite3.Connection) -> list[tuple[str, str]]:
    tables = [
        name
        for (name,) in site.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        if name not in _TABLES_WITHOUT
    ]
    return [
        (table, column)
        for table in tables
        for column, kind in site.execute("SELECT name, type FROM pragma_table_info(?)", (table,)).fetchall()
        if kind in ("TEXT", "BLOB") and column not in _COLUMNS_WITHOUT
    ]


def _hiding(id_tag: str) -> Callable[[str | bytes | None], str | bytes | None]:
    """A function that leaves *id_tag* out of a value; upper and lower case are the same (OCPP 1.6 §3.6)."""
    key = id_tag.strip()
    whole = re.compile(re.escape(key), re.IGNORECASE)
    parts = [rf'(?<="){re.escape(key)}\s*(?=")']
    if len(key) >= SHORTEST_IN_TEXT:
        parts.append(rf"(?<![0-9A-Za-z]){re.escape(key)}(?![0-9A-Za-z])")
    within = re.compile("|".join(parts), re.IGNORECASE)
    lower = key.lower()

    def hide(value: str | bytes | None) -> str | bytes | None:
        if value is None:
            return None
        if isinstance(value, bytes):
            text = value.decode("utf-8", "surrogateescape")
            hidden = hide(text)
            assert isinstance(hidden, str)
            return value if hidden == text else hidden.encode("utf-8", "surrogateescape")
        if lower not in value.lower():
            return value
        return ERASED if whole.fullmatch(value.strip()) else within.sub(ERASED, value)

    return hide
