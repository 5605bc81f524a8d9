"""Who is forgotten leaves no byte in any file of the daemon's."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest

from chargemon_edge.control.keeping import BackupError
from chargemon_edge.site.card_facts import IdTagPut
from chargemon_edge.site.cards import IdTag
from chargemon_edge.site.facts import MessageKept, SecurityEvent
from chargemon_edge.store.erasing import ERASED, _hiding
from chargemon_edge.store.errors import StoreError
from chargemon_edge.store.offline import wipe
from tests.unit.store.opened import commit, opened, rows
from tests.unit.store.site_facts import AT, ONE_OF_EACH, started, stop_kept, stopped, values

CANARY = "04CANARY77"
OTHER = "04OTHER99"


def holding(directory: Path, canary: str = CANARY) -> list[str]:
    """The names of the files with the canary's bytes."""
    return sorted(
        path.name
        for path in directory.rglob("*")
        if path.is_file() and canary.lower().encode() in path.read_bytes().lower()
    )


FACTS = (
    *ONE_OF_EACH,
    IdTagPut(at=AT, tag=IdTag(id_tag=CANARY, status="Accepted", name="Anna"), by="token office"),
    started(101, id_tag=CANARY, started_text="1"),
    stopped(101, id_tag=CANARY.lower(), raw=json.dumps({"idTag": CANARY}).encode()),
    started(102, id_tag=OTHER, started_text="2", connector=2),
    stop_kept(raw=json.dumps({"idTag": CANARY, "n": "x" * 9000}).encode()),
    MessageKept(at=AT, charge_point="CP1", action="DataTransfer", raw=b'{"data": "' + CANARY.encode() + b'"}'),
    SecurityEvent(at=AT, event="refused", source="10.0.0.9", detail=f"card {CANARY.lower()}, unknown"),
)


@pytest.mark.demand("S28")
async def test_a_forgotten_tag_leaves_no_byte_and_nothing_else_goes(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.journal.record(FACTS)
        commit(store, started(103, id_tag=CANARY, started_text="3", connector=3))
        commit(store, stopped(103, connector=3))
        await asyncio.sleep(0)
        await store.back_up("daily")
        assert "site.db-wal" in holding(tmp_path)
        (before,) = rows(tmp_path, "SELECT count(*) FROM event")
        done = await store.erase(CANARY)

        # while it runs, and what was deleted is not on the disk either
        assert holding(tmp_path) == []
        assert done.rows >= 10
        assert done.backups_deleted == 1
        assert done.may_remain == ()
        assert holding(tmp_path, OTHER) != []
        assert rows(tmp_path, "SELECT count(*) FROM event") == [before]
        (record,) = store.backups()
        commit(store, started(104, id_tag=OTHER))
    found = dict(rows(tmp_path, "SELECT transaction_id, id_tag FROM charging_transaction WHERE transaction_id > 100"))
    assert found == {101: ERASED, 102: OTHER, 103: ERASED, 104: OTHER}
    raw = rows(tmp_path, "SELECT stop_raw FROM charging_transaction WHERE transaction_id = 101")
    assert json.loads(raw[0][0]) == {"idTag": ERASED}
    assert rows(tmp_path, "SELECT count(*) FROM event WHERE NOT json_valid(body)") == [(0,)]
    assert rows(tmp_path, "PRAGMA integrity_check") == [("ok",)]
    assert Path(record.path).exists()


async def test_files_that_were_put_aside_are_named(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.journal.record(FACTS)
        await asyncio.sleep(0)
    (tmp_path / "site.db").rename(tmp_path / "site.db.corrupt.20270115T080000Z")
    with opened(tmp_path) as store:
        done = await store.erase(CANARY)

    assert list(done.may_remain) == holding(tmp_path) == ["site.db.corrupt.20270115T080000Z"]


async def test_backups_that_cannot_be_replaced_are_told_of(tmp_path: Path) -> None:
    with opened(tmp_path, free_min_percent=90) as store:
        store.journal.record(FACTS)
        (tmp_path / "backups").write_text("in the way")
        with pytest.raises(BackupError, match="erased from the records, but"):
            await store.erase(CANARY)


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        ("2027AB", ERASED),
        (" 2027ab ", ERASED),
        ('{"idTag": "2027ab", "at": "2027AB1"}', f'{{"idTag": "{ERASED}", "at": "2027AB1"}}'),
        ("card 2027ab.", f"card {ERASED}."),
        ("X2027AB", "X2027AB"),
        (b'{"a":"2027AB"}', f'{{"a":"{ERASED}"}}'.encode()),
        (b"\xff\xfe 2027AB", b"\xff\xfe erased"),
        (None, None),
    ],
)
def test_a_tag_is_found_as_a_whole_and_never_within_another_word(
    value: str | bytes | None, hidden: str | bytes | None
) -> None:
    assert _hiding("2027AB")(value) == hidden


def test_a_short_tag_is_found_where_it_is_the_whole_value_only() -> None:
    hide = _hiding("2027")

    assert hide("2027") == ERASED
    assert hide('{"idTag":"2027","at":"2027-01-15T08:00:00Z"}') == f'{{"idTag":"{ERASED}","at":"2027-01-15T08:00:00Z"}}'
    assert hide("in 2027") == "in 2027"


@pytest.mark.demand("S28")
async def test_wiping_leaves_nothing_but_the_mark_of_ids(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.journal.record(FACTS)
        commit(store, started(500), values())
        await asyncio.sleep(0)
        await store.back_up("asked")
        with pytest.raises(StoreError, match="another process uses"):
            wipe(tmp_path)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "root-ecdsa.pem").write_text("key")
    content = (tmp_path / "numbers").read_bytes()
    # what is overwritten stays so behind another name
    (tmp_path.parent / "link.db").hardlink_to(tmp_path / "site.db")

    assert wipe(tmp_path) >= 4
    assert [path.name for path in tmp_path.iterdir()] == ["numbers"]
    assert (tmp_path / "numbers").read_bytes() == content
    assert set((tmp_path.parent / "link.db").read_bytes()) == {0}
    with opened(tmp_path) as store:
        assert store.restored.next_transaction_id > 500


def test_every_table_that_is_left_out_is_there(site: sqlite3.Connection) -> None:
    from chargemon_edge.store import erasing

    tables = {name for (name,) in site.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}

    assert tables >= erasing._TABLES_WITHOUT
