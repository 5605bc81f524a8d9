"""A backup is whole, private and checked, or there is none."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from chargemon_edge.control.keeping import BackupError, BackupRecord
from chargemon_edge.site.facts import Moment
from chargemon_edge.store import backup
from chargemon_edge.store.backup import SourceBrokenError, check, drop_old, kept_files, make, records
from chargemon_edge.store.database import open_for_reading
from tests.unit.store.opened import commit, fill, opened, writer_of
from tests.unit.store.site_facts import UTC_MS, StandingClock, started


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A site with a hundred transactions and a key."""
    fill(tmp_path, *(started(number) for number in range(1, 101)))
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "root-ecdsa.pem").write_text("a key")
    (tmp_path / "keys" / "root-ecdsa.new").write_text("a draft")
    (tmp_path / "last-good.json").write_text("{}")
    return tmp_path


@contextlib.contextmanager
def reading(directory: Path) -> Iterator[sqlite3.Connection]:
    connection = open_for_reading(directory / "site.db")
    try:
        yield connection
    finally:
        connection.close()


def made(directory: Path, reason: str = "asked", utc_ms: int = UTC_MS, free_min_bytes: int = 0) -> BackupRecord:
    with reading(directory) as source:
        return make(source, directory, reason=reason, utc_ms=utc_ms, free_min_bytes=free_min_bytes, flush=False)


def test_it_holds_the_tables_and_the_keys_for_its_owner_alone(directory: Path) -> None:
    record = made(directory)
    path = Path(record.path)
    with contextlib.closing(backup.open_backup(path)) as found:
        (count,) = found.execute("SELECT count(*) FROM charging_transaction").fetchone()

    assert record.name == "site-000001-20270115T080000Z-asked.db"
    assert (record.made_utc_ms, record.size_bytes) == (UTC_MS, path.stat().st_size)
    assert count == 100
    assert kept_files(path) == [("keys/root-ecdsa.pem", b"a key"), ("last-good.json", b"{}")]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert check(path, thoroughly=True) == 2


def test_numbers_and_not_clocks_order_them(directory: Path) -> None:
    names = [made(directory, utc_ms=utc_ms).name for utc_ms in (UTC_MS, 0, UTC_MS + 1000)]

    assert [record.name for record in records(directory)] == names[::-1]


def test_the_newest_are_kept_and_those_before_a_change_of_schema_by_themselves(directory: Path) -> None:
    for _ in range(4):
        made(directory, reason="before-2")
    kept = [made(directory, reason="daily").name for _ in range(9)][-7:]
    drop_old(directory, 7)
    left = [record.name for record in records(directory)]

    assert left[:7] == kept[::-1]
    assert [name.split("-")[1] for name in left[7:]] == ["000004", "000003"]


def test_none_is_made_where_the_disk_would_be_full(directory: Path) -> None:
    with pytest.raises(BackupError, match="no room for a backup"):
        made(directory, free_min_bytes=2**60)
    assert records(directory) == []


@pytest.mark.parametrize("answers", [0, 1])
def test_one_that_is_given_up_leaves_nothing(directory: Path, monkeypatch: pytest.MonkeyPatch, answers: int) -> None:
    monkeypatch.setattr(backup, "_STEPS", 10)
    asked = iter([True] * answers)
    with reading(directory) as source, pytest.raises(BackupError, match="interrupted"):
        make(
            source,
            directory,
            reason="daily",
            utc_ms=UTC_MS,
            free_min_bytes=0,
            go_on=lambda: next(asked, False),
        )

    assert list((directory / "backups").iterdir()) == []


def test_a_damaged_database_gives_no_backup_and_is_named(directory: Path) -> None:
    path = directory / "site.db"
    content = path.read_bytes()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        query = "SELECT rootpage FROM sqlite_schema WHERE name = 'charging_transaction'"
        (root,) = connection.execute(query).fetchone()
    path.write_bytes(content[: (root - 1) * 4096] + bytes(4096) + content[root * 4096 :])

    with pytest.raises(SourceBrokenError, match=r"site\.db is damaged"):
        made(directory)
    assert list((directory / "backups").iterdir()) == []


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda content: content[: len(content) // 2], "malformed|Page"),
        (lambda content: content[:8192] + bytes(4096) + content[12288:], "Page|malformed"),
        (lambda _: b"this is no database, " * 1000, "not a database"),
        (lambda _: b"", "no backup"),
    ],
)
def test_a_spoilt_one_is_found_out(directory: Path, spoil, said: str) -> None:  # type: ignore[no-untyped-def] # a lambda
    path = Path(made(directory).path)
    path.write_bytes(spoil(path.read_bytes()))

    with pytest.raises(BackupError, match=said):
        check(path, thoroughly=False)


def test_a_database_is_no_backup(directory: Path) -> None:
    with pytest.raises(BackupError, match="it is no backup"):
        check(directory / "site.db", thoroughly=True)


def test_only_files_that_a_backup_can_hold_come_out_of_it(directory: Path) -> None:
    path = Path(made(directory).path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executemany(
            "INSERT INTO kept_file VALUES (?, x'00')", [("../evil.pem",), ("keys/../evil.pem",), ("site.db",)]
        )
        connection.commit()

    assert [file.path for file in kept_files(path)] == ["keys/root-ecdsa.pem", "last-good.json"]


async def test_a_running_store_makes_one_and_says_so(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        assert store.standing().last_backup is None
        commit(store, started(9))
        record = await store.back_up("asked")
        assert store.standing().last_backup == record == store.backups()[0]
    os.truncate(record.path, 0)
    with opened(tmp_path) as store:
        assert [one.name for one in store.backups()] == [record.name]


async def test_what_could_not_be_made_is_told_until_one_is(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        folder = tmp_path / "backups"
        folder.write_text("in the way")
        with pytest.raises(BackupError):
            await store.back_up("daily")
        assert "no backup could be made" in (store.standing().backup_trouble or "")
        folder.unlink()
        await store.back_up("daily")
        assert store.standing().backup_trouble is None


async def test_one_a_day_whatever_the_clock_says(tmp_path: Path) -> None:
    clock = StandingClock()
    with opened(tmp_path, clock) as store:
        backups = store._backups
        assert backups._due_s() == 0
        await backups.make("daily")
        assert backups._due_s() == 86_400
        # set by ten years, forth or back: a day is a day
        clock.now = Moment(clock.now.mono_s + 3_600, 0)
        assert backups._due_s() == 82_800
    for utc_ms, due_s in ((UTC_MS + 3_600_000, 82_800), (UTC_MS + 90_000_000, 0), (UTC_MS - 1, 0)):
        with opened(tmp_path, StandingClock(utc_ms=utc_ms)) as store:
            assert store._backups._due_s() == due_s


async def test_damage_that_a_backup_finds_is_left_to_the_next_start(directory: Path) -> None:
    path = directory / "site.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        query = "SELECT rootpage FROM sqlite_schema WHERE name = 'charging_transaction'"
        (root,) = connection.execute(query).fetchone()
    with opened(directory) as store:
        await store.back_up("daily")
        writer_of(store)._disk._site.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with path.open("r+b") as file:
            file.seek((root - 1) * 4096)
            file.write(bytes(4096))
        with pytest.raises(SourceBrokenError):
            await store.back_up("daily")
        assert "damaged" in (store.standing().trouble or "")
        assert (directory / "check-at-start-site").exists()
    with opened(directory) as store:
        assert len(store.standing().put_aside) == 1
        assert store.journal.find_transaction(100) is not None
