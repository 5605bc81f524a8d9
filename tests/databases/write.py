"""Writes the dump of the newest schema, filled with one fact of each kind, where there is none yet."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from pathlib import Path

from chargemon_edge.store.migrations import scripts
from tests.unit.store.opened import opened
from tests.unit.store.site_facts import ONE_OF_EACH, held, started, status, stop_kept, values

FOLDER = Path(__file__).parent


def dump(path: Path) -> str:
    """The whole file as SQL, its version included."""
    connection = sqlite3.connect(path)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
        lines = "\n".join(connection.iterdump())
    finally:
        connection.close()
    return f"PRAGMA page_size = {page_bytes};\n{lines}\nPRAGMA user_version = {version};\n"


async def main() -> None:
    """Fill a store and dump both files."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        with opened(directory) as store:
            store.journal.record([*ONE_OF_EACH, started(8, connector=2, started_text="2027-01-15T08:00:00Z")])
            store.journal.record([held(connector=2, transaction_id=8), status(2), values(connector=2, energy_wh=1500)])
            # of the two stops one is settled
            store.journal.record([stop_kept(transaction_id=98)])
        for schema in ("site", "samples"):
            path = FOLDER / f"{schema}_{max(scripts(schema)):04d}.sql"
            if not path.exists():
                path.write_text(dump(directory / f"{schema}.db"), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
