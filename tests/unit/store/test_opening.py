"""Opening the files: fresh, released, newer, broken, locked, not writable."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from chargemon_edge.store import database
from chargemon_edge.store.disk import LEFT_MAX_BYTES
from chargemon_edge.store.errors import StoreError
from chargemon_edge.store.migrations import migrate, scripts
from tests.unit.store.opened import commit, opened, rows
from tests.unit.store.site_facts import started, status, values

NEWEST = {schema: max(scripts(schema)) for schema in ("site", "samples")}
PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "wal_autocheckpoint": 0}


@pytest.mark.parametrize("schema", ["site", "samples"])
def test_a_fresh_file_is_durable_at_each_commit(tmp_path: Path, schema: str) -> None:
    found = database.open_database(tmp_path, schema, page_bytes=1024, flush=True, utc_ms=0)
    pragmas = {name: found.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in PRAGMAS}
    (version,) = found.connection.execute("PRAGMA user_version").fetchone()
    found.connection.close()

    assert found.fresh
    assert pragmas == PRAGMAS
    assert version == NEWEST[schema]


def test_the_samples_file_has_small_pages(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass

    assert rows(tmp_path, "PRAGMA page_size", "samples") == [(1024,)]


def test_a_clean_stop_leaves_no_log_behind(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass

    assert sorted(path.name for path in tmp_path.iterdir()) == ["reserve", "samples.db", "site.db"]


@pytest.mark.parametrize("schema", ["site", "samples"])
def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path, schema: str) -> None:
    with opened(tmp_path):
        pass
    path = tmp_path / f"{schema}.db"
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {NEWEST[schema] + 1}")
    connection.close()
    before = path.read_bytes()

    with pytest.raises(StoreError, match="install the release that wrote it"), opened(tmp_path):
        pass
    assert path.read_bytes() == before


def test_a_step_that_fails_leaves_the_version_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {1: "CREATE TABLE one (a) STRICT;"}
    monkeypatch.setattr("chargemon_edge.store.migrations.scripts", lambda _schema: broken)
    connection = sqlite3.connect(":memory:", isolation_level=None)
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, "site")
    version, tables = (
        connection.execute(query).fetchone()[0]
        for query in ("PRAGMA user_version", "SELECT count(*) FROM sqlite_schema")
    )
    connection.close()

    assert (version, tables) == (0, 0)


def test_two_daemons_never_share_a_directory(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(StoreError, match="another process uses"), opened(tmp_path):
        pass
    with opened(tmp_path):
        pass


def damage(path: Path, kind: str) -> None:
    content = path.read_bytes()
    if kind == "no database":
        path.write_bytes(b"this is no database at all, " * 400)
    elif kind == "zeroed page":
        path.write_bytes(content[:4096] + bytes(4096) + content[8192:])
    elif kind == "truncated":
        path.write_bytes(content[: len(content) // 2 // 1024 * 1024])
    elif kind == "emptied":
        path.write_bytes(b"")


@pytest.mark.parametrize("schema", ["site", "samples"])
@pytest.mark.parametrize("kind", ["no database", "zeroed page", "truncated"])
async def test_a_broken_file_is_put_aside_and_a_fresh_one_begun(
    tmp_path: Path, schema: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path) as store:
        first = store.restored.next_transaction_id
        commit(store, *(started(first + number, connector=number) for number in range(50)))
        store.journal.record([values(raw=os.urandom(500).hex().encode())] * 50)
        await asyncio.sleep(0)
    damage(tmp_path / f"{schema}.db", kind)

    with opened(tmp_path) as store:
        outcome = commit(store, started(store.restored.next_transaction_id), values())
        await asyncio.sleep(0)
        assert outcome == [None]
    (aside,) = tmp_path.glob(f"{schema}.db.corrupt.*")
    assert store.standing().put_aside == (aside.name,)
    assert aside.name == f"{schema}.db.corrupt.20270115T080000Z"
    assert aside.stat().st_size > 0
    moved, begun = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert str(aside) in moved
    assert "begun anew" in begun
    told = [event for (event,) in rows(tmp_path, "SELECT event FROM security_event")]
    assert told == (["database begun anew"] if schema == "site" else [])


def test_files_put_aside_never_take_each_others_place(tmp_path: Path) -> None:
    for _ in range(3):
        (tmp_path / "site.db").write_bytes(b"rubbish" * 1000)
        with opened(tmp_path):
            pass

    assert len(list(tmp_path.glob("site.db.corrupt.*"))) == 3


async def test_a_large_file_is_checked_at_its_end_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "CHECK_MAX_BYTES", 0)
    with opened(tmp_path) as store:
        store.journal.record([values()])
    with opened(tmp_path) as store:
        assert store.restored.picture.connector("CP1", 1).energy_wh is None
    damage(tmp_path / "samples.db", "truncated")
    with opened(tmp_path):
        pass

    assert list(tmp_path.glob("samples.db.corrupt.*"))


def test_a_place_that_cannot_be_used_is_named_with_advice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreError, match="name another directory"), opened(tmp_path / "file" / "below"):
        pass


def test_a_log_left_by_a_crash_is_taken_up(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    connection = sqlite3.connect(tmp_path / "site.db", isolation_level=None)
    connection.execute("INSERT INTO kept_stop VALUES (1, 2, 'CP1', 3, 'unknown', x'00', NULL, NULL)")
    for name in ("site.db", "site.db-wal"):
        (tmp_path / f"copy-{name}").write_bytes((tmp_path / name).read_bytes())
    connection.close()
    for name in ("site.db", "site.db-wal"):
        (tmp_path / f"copy-{name}").rename(tmp_path / name)

    with opened(tmp_path) as store:
        assert store.restored.picture.kept_stops == 1


async def test_a_second_close_does_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.journal.record([status()])
        store.close()


async def test_a_log_that_a_killed_process_left_is_copied_soon_and_does_not_grow_from_life_to_life(
    tmp_path: Path,
) -> None:
    sizes = []
    for life in range(6):
        before, after = tmp_path / f"life-{life}", tmp_path / f"life-{life + 1}"
        with opened(before) as store:
            for number in range(80):
                one = commit(store, *(started(1000 * life + number * 10 + row) for row in range(10)))
                await asyncio.sleep(0)
                assert one == [None]
            # as a kill leaves the files
            shutil.copytree(before, after)
        sizes.append((after / "site.db-wal").stat().st_size)

    assert sizes[0] > LEFT_MAX_BYTES
    assert max(sizes) < 2.5 * sizes[0]
    assert len(rows(tmp_path / "life-6", "SELECT 1 FROM charging_transaction")) == 6 * 800
