"""An export is opened by a program that is not ours: sqlite-utils' own command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from chargemon_edge.store.export_tables import TABLES, VIEWS
from tests.unit.store.opened import fill
from tests.unit.store.site_facts import ONE_OF_EACH, started, stopped
from tests.unit.store.test_export import exported


def sqlite_utils_says(*arguments: str) -> str:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "sqlite-utils"), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_sqlite_utils_reads_it(tmp_path: Path) -> None:
    fill(tmp_path, *ONE_OF_EACH, started(101, started_text="1"), stopped(101))
    target = tmp_path / "export.db"
    counts = exported(tmp_path, target)
    tables = {row["table"]: row["count"] for row in json.loads(sqlite_utils_says("tables", str(target), "--counts"))}
    views = {row["view"] for row in json.loads(sqlite_utils_says("views", str(target)))}
    sessions = json.loads(sqlite_utils_says("rows", str(target), "sessions"))

    assert {table.name for table in TABLES} | {"about"} == set(tables)
    assert {name: tables[name] for name in counts} == counts
    assert views == set(VIEWS)
    assert counts["transactions"] == 2
    (session,) = [row for row in sessions if row["id"] == 101]
    assert session["energy_kwh"] == 7.8
    assert session["started"] == "2027-01-15T08:00:00Z"
    assert "REFERENCES [charge_points]([identity])" in sqlite_utils_says("schema", str(target), "transactions").replace(
        '"charge_points"("identity")', "[charge_points]([identity])"
    )
