"""A lost database is replaced by the newest good backup, and what a backup cannot know is made safe."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from chargemon_edge.control.keeping import BackupError
from chargemon_edge.site.facts import FailSafeHeld
from chargemon_edge.store import backup, database
from chargemon_edge.store.database import mark_broken
from chargemon_edge.store.errors import StoreError
from chargemon_edge.store.high_water import SPARE, HighWater, read
from chargemon_edge.store.journal import Store
from chargemon_edge.store.migrations import scripts
from chargemon_edge.store.numbers import NUMBER_MAX
from chargemon_edge.store.offline import restore_backup
from chargemon_edge.store.put_back import EVENT_JUMP, JUMP
from tests.unit.store.opened import commit, fill, opened, rows
from tests.unit.store.site_facts import AT, UTC_MS, StandingClock, held, started
from tests.unit.store.test_opening import damage

DAMAGES = ["no database", "zeroed page", "truncated", "emptied"]


def ids(store: Store, *wanted: int) -> list[bool]:
    return [store.journal.find_transaction(number) is not None for number in wanted]


async def backed_up(directory: Path, *wanted: int) -> Path:
    """A site with these transactions, in a backup too."""
    with opened(directory) as store:
        outcome = commit(store, *(started(number, connector=number) for number in wanted))
        await asyncio.sleep(0)
        assert outcome == [None]
        record = await store.back_up("daily")
    return Path(record.path)


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.promise("R8")
async def test_the_newest_good_backup_takes_the_place_of_a_damaged_database(tmp_path: Path, kind: str) -> None:
    good = await backed_up(tmp_path, 1, 2)
    spoilt = await backed_up(tmp_path, 3)
    damage(spoilt, "zeroed page")
    fill(tmp_path, started(4, connector=4))
    damage(tmp_path / "site.db", kind)

    with opened(tmp_path) as store:
        assert ids(store, 1, 2, 3, 4) == [True, True, False, False]
        assert store.restored.picture.connector("CP1", 1).transaction is not None
        assert len(store.standing().put_aside) == 1
    ((event, told),) = rows(tmp_path, "SELECT event, detail FROM security_event")
    assert event == "database restored"
    assert good.name in told
    # it stays as it is, and is told of once
    with opened(tmp_path):
        pass
    assert len(rows(tmp_path, "SELECT * FROM security_event")) == 1
    assert rows(tmp_path, "SELECT name FROM sqlite_schema WHERE name IN ('backup', 'kept_file')") == []


async def test_a_database_that_is_gone_is_replaced_too(tmp_path: Path) -> None:
    await backed_up(tmp_path, 1)
    (tmp_path / "site.db").unlink()

    with opened(tmp_path) as store:
        assert ids(store, 1) == [True]
    assert "missing" in rows(tmp_path, "SELECT detail FROM security_event")[0][0]


@pytest.mark.parametrize("there_is_a_backup", [True, False])
async def test_no_id_is_given_twice_although_the_clock_began_anew(tmp_path: Path, there_is_a_backup: bool) -> None:
    if there_is_a_backup:
        await backed_up(tmp_path, 1)
    with opened(tmp_path) as store:
        used = store.restored.next_transaction_id + 3 * SPARE
        commit(store, started(used))
    damage(tmp_path / "site.db", "no database")
    damage(tmp_path / "samples.db", "no database")

    with opened(tmp_path, StandingClock(utc_ms=0)) as store:
        first = store.restored.next_transaction_id
        commit(store, started(first))
    assert first > used
    with opened(tmp_path, StandingClock(utc_ms=0)) as store:
        assert store.restored.next_transaction_id == first + 1


async def test_on_another_box_ids_and_events_jump(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    path = await backed_up(there, 7)
    (events,) = rows(there, "SELECT seq FROM sqlite_sequence WHERE name = 'event'")
    with opened(here):
        pass
    restore_backup(here, path, utc_ms=0)

    with opened(here, StandingClock(utc_ms=0)) as store:
        assert store.restored.next_transaction_id == 7 + JUMP + 1
        commit(store, started(store.restored.next_transaction_id))
    assert rows(here, "SELECT max(number) FROM event")[0][0] > events[0] + EVENT_JUMP


async def test_limits_that_were_held_then_are_not_relied_on(tmp_path: Path) -> None:
    fill(
        tmp_path,
        started(1),
        FailSafeHeld(at=AT, charge_point="CP1", connector=1, fallback_ma=6_000),
        held(transaction_id=1),
    )
    with opened(tmp_path) as store:
        connector = store.restored.picture.connector("CP1", 1)
        assert connector.held is not None
        assert connector.fail_safe_ma is not None
        await store.back_up("daily")
    damage(tmp_path / "site.db", "truncated")

    with opened(tmp_path) as store:
        connector = store.restored.picture.connector("CP1", 1)
        assert connector.transaction is not None
        # unknown: its whole range is counted
        assert (connector.held, connector.fail_safe_ma) == (None, None)


async def test_the_keys_come_back_where_they_are_missing(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "root-ecdsa.pem").write_text("root")
    (keys / "server-ecdsa.pem").write_text("old")
    path = await backed_up(tmp_path, 1)
    (keys / "root-ecdsa.pem").unlink()
    (keys / "server-ecdsa.pem").write_text("new")
    damage(tmp_path / "site.db", "truncated")
    with opened(tmp_path):
        pass

    assert (keys / "root-ecdsa.pem").read_text() == "root"
    assert (keys / "server-ecdsa.pem").read_text() == "new"
    # asked for by a person, all of them come back
    done = restore_backup(tmp_path, path, utc_ms=UTC_MS)
    assert (keys / "server-ecdsa.pem").read_text() == "old"
    assert [aside.name.partition(".replaced.")[0] for aside in done.put_aside] == ["site.db", "server-ecdsa.pem"]


async def test_a_person_restores_the_latest_and_keeps_what_was_there(tmp_path: Path) -> None:
    await backed_up(tmp_path, 1)
    fill(tmp_path, started(2, connector=2))
    done = restore_backup(tmp_path, None, utc_ms=UTC_MS)

    (aside,) = done.put_aside
    with sqlite3.connect(aside) as before:
        assert before.execute("SELECT count(*) FROM charging_transaction").fetchone() == (2,)
    before.close()
    with opened(tmp_path) as store:
        assert ids(store, 1, 2) == [True, False]


async def test_nothing_is_restored_while_the_daemon_runs(tmp_path: Path) -> None:
    path = await backed_up(tmp_path, 1)

    with opened(tmp_path), pytest.raises(StoreError, match=r"another process uses.*systemctl stop"):
        restore_backup(tmp_path, path, utc_ms=UTC_MS)


async def test_a_spoilt_backup_changes_nothing(tmp_path: Path) -> None:
    path = await backed_up(tmp_path, 1)
    damage(path, "zeroed page")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    for wanted in (path, None):
        with pytest.raises(BackupError, match=r"cannot be used|can be used"):
            restore_backup(tmp_path, wanted, utc_ms=UTC_MS)

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


async def test_a_backup_of_a_newer_release_is_refused_and_the_database_stays(tmp_path: Path) -> None:
    path = await backed_up(tmp_path, 1)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {max(scripts('site')) + 1}")
    connection.close()

    with pytest.raises(BackupError, match="install the release that made it"):
        restore_backup(tmp_path, path, utc_ms=UTC_MS)
    with opened(tmp_path) as store:
        assert ids(store, 1) == [True]


@pytest.mark.promise("R9")
def test_a_change_of_schema_is_preceded_by_a_backup(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "site.db")
    connection.executescript(scripts("site")[1] + "PRAGMA user_version = 1;")
    connection.execute("INSERT INTO kept_stop VALUES (1, 2, 'CP1', 3, 'unknown', x'00')")
    connection.commit()
    connection.close()
    with opened(tmp_path) as store:
        (record,) = store.backups()

    assert record.reason == f"before-{max(scripts('site'))}"
    assert backup.check(Path(record.path), thoroughly=True) == 1
    # the release before finds its own schema in it
    (tmp_path / "site.db").unlink()
    with opened(tmp_path) as store:
        assert store.restored.picture.kept_stops == 1


async def test_a_large_database_is_read_whole_when_it_was_found_broken_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await backed_up(tmp_path, 1)
    monkeypatch.setattr(database, "CHECK_MAX_BYTES", 0)
    index = tmp_path / "site.db"
    (root,) = rows(tmp_path, "SELECT rootpage FROM sqlite_schema WHERE name = 'security_event_source'")[0]
    content = index.read_bytes()
    index.write_bytes(content[: (root - 1) * 4096] + bytes(4096) + content[root * 4096 :])
    with opened(tmp_path) as store:
        assert store.standing().put_aside == ()
    mark_broken(tmp_path, "site")

    with opened(tmp_path) as store:
        assert len(store.standing().put_aside) == 1
        assert ids(store, 1) == [True]
    assert not list(tmp_path.glob("check-at-start*"))


def test_the_mark_is_above_every_id_and_seldom_written(tmp_path: Path) -> None:
    mark = HighWater(tmp_path)
    written = set()
    for number in range(1, 3 * SPARE):
        mark.reach(number)
        written.add(read(tmp_path))
        assert read(tmp_path) > number

    assert len(written) == 3
    mark.reach(NUMBER_MAX - 1)
    assert read(tmp_path) == NUMBER_MAX
    (tmp_path / "numbers").write_text("rubbish")
    assert read(tmp_path) == 0
