"""An export is readable, whole and harmless, and names nobody unless asked to."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import json
import sqlite3
from pathlib import Path

import pytest

from chargemon_edge.site.card_facts import IdTagPut
from chargemon_edge.site.cards import IdTag
from chargemon_edge.site.facts import SecurityEvent
from chargemon_edge.store.errors import StoreError
from chargemon_edge.store.offline import write_export
from chargemon_edge.store.tag_mask import TagMask
from tests.unit.store.opened import commit, fill, opened
from tests.unit.store.site_facts import AT, ONE_OF_EACH, started, stopped, values

CANARIES = ("04CANARY77", "B7", "04canary99", "Anna Canary", "cost centre canary")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """One of each fact, and a card that stands in every place where a tag can stand."""
    canary, short, group, name, note = CANARIES
    tag = IdTag(id_tag=canary, status="Accepted", parent_id_tag=group, name=name, note=note)
    fill(
        tmp_path,
        *ONE_OF_EACH,
        IdTagPut(at=AT, tag=tag, by="token office"),
        started(101, id_tag=canary, started_text="1"),
        stopped(101, id_tag=group, raw=json.dumps({"idTag": canary}).encode()),
        started(102, id_tag=short, started_text="2"),
        SecurityEvent(at=AT, event="id tag refused", source="10.0.0.9", detail=f"unknown tag {canary.lower()} shown"),
    )
    with opened(tmp_path):
        pass
    return tmp_path


def exported(directory: Path, target: Path, *, as_csv: bool = False, with_tags: bool = False) -> dict[str, int]:
    return write_export(directory, target, contextlib.nullcontext(), as_csv=as_csv, with_tags=with_tags)


def test_every_foreign_key_finds_its_row_and_the_file_is_sound(directory: Path, tmp_path: Path) -> None:
    target = tmp_path / "export.db"
    exported(directory, target)
    with contextlib.closing(sqlite3.connect(target)) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        kinds = connection.execute("SELECT DISTINCT kind FROM events").fetchall()
    assert len(kinds) > 10


@pytest.mark.demand("S28")
@pytest.mark.parametrize("as_csv", [False, True])
def test_no_canary_leaves_the_box_unless_asked_for(directory: Path, tmp_path: Path, as_csv: bool) -> None:
    def content(target: Path, *, with_tags: bool) -> bytes:
        exported(directory, target, as_csv=as_csv, with_tags=with_tags)
        files = sorted(target.iterdir()) if as_csv else [target]
        return b"".join(path.read_bytes() for path in files).lower()

    masked = content(tmp_path / "masked", with_tags=False)
    plain = content(tmp_path / "plain", with_tags=True)

    long = [canary.lower().encode() for canary in CANARIES if len(canary) > 2]
    assert [canary for canary in long if canary in masked] == []
    assert [canary for canary in long if canary not in plain] == []
    # what opens doors is in neither
    with contextlib.closing(sqlite3.connect(directory / "site.db")) as site:
        secrets = [row[0] for row in site.execute("SELECT password_hash FROM charge_point_access") if row[0]]
    assert secrets
    assert [secret for secret in secrets if secret.lower().encode() in plain] == []


def test_a_short_tag_is_masked_where_it_is_known_to_be_one(directory: Path, tmp_path: Path) -> None:
    target = tmp_path / "export.db"
    exported(directory, target)
    with contextlib.closing(sqlite3.connect(target)) as connection:
        assert connection.execute("SELECT id_tag FROM transactions WHERE id = 102").fetchone() == ("B…",)
        events = connection.execute("SELECT details FROM events WHERE kind = 'TransactionStarted'").fetchall()
    assert not [details for (details,) in events if '"B7"' in details]


def test_csv_holds_the_same_and_no_cell_is_a_formula(directory: Path, tmp_path: Path) -> None:
    fill(directory, SecurityEvent(at=AT, event="refused", source="=cmd()", detail="+1\n2"))
    target = tmp_path / "csv"
    counts = exported(directory, target, as_csv=True)
    for name, count in counts.items():
        with (target / f"{name}.csv").open(newline="") as file:
            rows = list(csv.reader(file))
        assert len(rows) == count + 1
        assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "@"))]


async def test_a_running_daemon_is_exported_with_its_meter_values(tmp_path: Path) -> None:
    target = tmp_path / "export.db"
    (tmp_path / "state").mkdir()
    with opened(tmp_path / "state", quick=True) as store:
        commit(store, started(9, id_tag="04A1B2C3"), values(transaction_id=9))
        store.journal.record([values(transaction_id=77), values(transaction_id=9)])
        await asyncio.sleep(0.05)
        exported(tmp_path / "state", target)
    with contextlib.closing(sqlite3.connect(target)) as connection:
        found = connection.execute("SELECT transaction_id, l1_a FROM meter_values").fetchall()

    # one belongs to a transaction that is not known here
    assert [number for number, _ in found].count(None) == 1
    assert {amperes for _, amperes in found} == {(values().current_ma or (None,))[0] / 1000}  # type: ignore[operator] # is set


def test_what_cannot_be_exported_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="could not be exported"):
        exported(tmp_path / "nowhere", tmp_path / "export.db")
    assert not (tmp_path / "export.db").exists()


def test_different_tags_stay_different() -> None:
    mask = TagMask({"04AAAAC3", "04BBBBC3", "x"})

    assert mask.tag("04AAAAC3") != mask.tag("04bbbbc3")
    assert mask.tag(" 04aaaac3 ") == mask.tag("04AAAAC3")
    assert mask.text("seen 04aaaac3 and 04BBBBC3") == f"seen {mask.tag('04AAAAC3')} and {mask.tag('04BBBBC3')}"
    assert mask.text('{"idTag": "never seen"}') == '{"idTag": "ne…en"}'
    assert mask.text("x marks the spot") == "x marks the spot"
    assert mask.text(None) is None
