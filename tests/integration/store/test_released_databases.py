"""Every schema that was ever released opens, once and twice, and brings back what it held."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from chargemon_edge.store.migrations import scripts
from tests import databases
from tests.unit.store.opened import commit, opened, rows
from tests.unit.store.site_facts import started, stopped, values

FOLDER = Path(databases.__file__).parent
VERSIONS = {
    schema: sorted(int(path.stem.rpartition("_")[2]) for path in FOLDER.glob(f"{schema}_*.sql"))
    for schema in ("site", "samples")
}


def put(directory: Path, schema: str, version: int) -> None:
    connection = sqlite3.connect(directory / f"{schema}.db")
    connection.executescript((FOLDER / f"{schema}_{version:04d}.sql").read_text(encoding="utf-8"))
    connection.close()


def shape(directory: Path, schema: str) -> list[object]:
    return list(rows(directory, "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name", schema))


@pytest.mark.parametrize("schema", ["site", "samples"])
def test_there_is_a_database_of_each_version(schema: str) -> None:
    assert VERSIONS[schema] == list(scripts(schema))


@pytest.mark.parametrize("version", VERSIONS["site"])
async def test_the_site_comes_back_at_each_opening(tmp_path: Path, version: int) -> None:
    put(tmp_path, "site", version)
    for opening in (1, 2):
        with opened(tmp_path) as store:
            picture = store.restored.picture
            assert store.restored.next_transaction_id > 8
            found = store.journal.find_start("CP1", 2, "04A1B2C3", "2027-01-15T08:00:00Z", 1200)
            assert found is not None
            assert found.transaction_id == 8
            ended = store.journal.find_transaction(7)
            assert ended is not None
            assert ended[1] == stopped(7)
            assert len(await store.outbox.pending(0, 100)) >= 10
            outcome = commit(store, started(opening * 1_000, connector=3))
            await asyncio.sleep(0)
            assert outcome == [None]
        connector = picture.connector("CP1", 2)
        assert connector.transaction is not None
        assert connector.transaction.transaction_id == 8
        assert connector.held is not None
        assert connector.held.limit_ma == 13_000
        assert connector.status == "Charging"
        assert picture.connector("CP1", 1).fail_safe_ma == 6_000
        assert picture.kept_stops == 1
        assert picture.charge_points["CP1"].boot is not None


@pytest.mark.parametrize("version", VERSIONS["samples"])
async def test_the_samples_come_back_at_each_opening(tmp_path: Path, version: int) -> None:
    put(tmp_path, "samples", version)
    for opening in (1, 2):
        with opened(tmp_path) as store:
            outcome = commit(store, values(energy_wh=opening))
            await asyncio.sleep(0)
            assert outcome == [None]
        (count,) = rows(tmp_path, "SELECT count(*) FROM reading", "samples")[0]
        assert count == 2 + opening
    assert rows(tmp_path, "SELECT meter, mean_l2_ma FROM meter_minute", "samples") == [("grid", 2)]


@pytest.mark.parametrize(("schema", "version"), [(schema, one) for schema, all_ in VERSIONS.items() for one in all_])
def test_an_old_file_ends_in_the_same_shape_as_a_new_one(tmp_path: Path, schema: str, version: int) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    put(old, schema, version)
    for directory in (old, new):
        with opened(directory):
            pass

    assert shape(old, schema) == shape(new, schema)
