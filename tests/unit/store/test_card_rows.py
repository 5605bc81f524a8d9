"""Cards, reservations and local lists come back after a restart, and a removed tag leaves no trace but its bills."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from chargemon_edge.site import card_facts, facts
from chargemon_edge.site.cards import HeldList, LocalListState, RestoredCards
from chargemon_edge.store.restore_cards import restore_cards
from chargemon_edge.store.retention import Retention
from chargemon_edge.store.rows import ROWS, runs
from chargemon_edge.store.settings import StoreSettings
from tests.unit.store.card_samples import AT, CARDS, UTC_MS, reservation, tag
from tests.unit.store.opened import opened, rows
from tests.unit.store.site_facts import started

DAY_MS = 86_400_000


def restored(directory: Path, *new: facts.Fact) -> RestoredCards:
    with opened(directory) as store:
        store.journal.record(new)
    with opened(directory) as store:
        return store.restored.cards


async def test_everything_comes_back(tmp_path: Path) -> None:
    cards = restored(tmp_path, *CARDS)

    assert cards.id_tags == (tag(),)
    assert cards.reservations == (reservation(state="Used", transaction_id=7),)
    assert cards.local_lists == {
        "CP1": LocalListState(
            held=HeldList(version=4, entries={"a1": "b2"}), changed_utc_ms=UTC_MS, cache_cleared_utc_ms=UTC_MS
        )
    }
    assert cards.revoked_utc_ms == UTC_MS


async def test_a_later_answer_takes_the_place_of_the_list(tmp_path: Path) -> None:
    cards = restored(tmp_path, *CARDS, card_facts.LocalListUnsupported(at=AT, charge_point="CP1", firmware_version=""))

    assert cards.local_lists["CP1"].held is None
    assert cards.local_lists["CP1"].unsupported_firmware == ""
    assert cards.local_lists["CP1"].cache_cleared_utc_ms == UTC_MS


async def test_removed_and_put_again_in_one_group_is_there_and_the_other_way_round_is_not(tmp_path: Path) -> None:
    put = card_facts.IdTagPut(at=AT, tag=tag("AAAA1111"), by="x")
    again = card_facts.IdTagPut(at=AT, tag=tag("BBBB2222"), by="x")
    cards = restored(
        tmp_path,
        put,
        card_facts.IdTagRemoved(at=AT, id_tag="aaaa1111", by="x"),
        card_facts.IdTagRemoved(at=AT, id_tag="BBBB2222", by="x"),
        again,
    )

    assert [one.id_tag for one in cards.id_tags] == ["BBBB2222"]


async def test_nothing_names_a_removed_tag_but_its_transactions(tmp_path: Path) -> None:
    """S28: the bytes are gone from the file; what was charged with it stays, for the bill."""
    secret = "DEADBEEF99"
    with opened(tmp_path) as store:
        store.journal.record(
            [
                card_facts.IdTagPut(at=AT, tag=tag(secret, name="Berta"), by="operator"),
                facts.IdTagPresented(at=AT, charge_point="CP1", id_tag=secret.lower(), status="Accepted"),
                card_facts.ReservationMade(at=AT, reservation=reservation(id_tag=secret)),
                card_facts.ReservationChanged(at=AT, reservation=reservation(id_tag=secret, state="Expired")),
                card_facts.ReservationMade(at=AT, reservation=reservation(32, id_tag="OTHER-TAG")),
            ]
        )
    assert b"DEADBEEF99" in (tmp_path / "site.db").read_bytes()
    with opened(tmp_path) as store:
        store.journal.record([card_facts.IdTagRemoved(at=AT, id_tag=secret, by="operator")])

    left = (tmp_path / "site.db").read_bytes()
    assert b"deadbeef99" not in left.lower()
    assert b"Berta" not in left
    assert rows(tmp_path, "SELECT json_extract(body, '$.id_tag') FROM event WHERE kind LIKE 'IdTag%'") == [
        ("DE…99",),
        ("DE…99",),
        ("DE…99",),
    ]
    assert rows(tmp_path, "SELECT id_tag FROM reservation ORDER BY reservation_id") == [("DE…99",), ("OTHER-TAG",)]


async def test_transactions_keep_a_removed_tag(tmp_path: Path) -> None:
    restored(tmp_path, started(id_tag="DEADBEEF99"), card_facts.IdTagRemoved(at=AT, id_tag="DEADBEEF99", by="operator"))

    assert rows(tmp_path, "SELECT id_tag FROM charging_transaction") == [("DEADBEEF99",)]
    assert rows(tmp_path, "SELECT json_extract(body, '$.id_tag') FROM event WHERE kind = 'TransactionStarted'") == [
        ("DEADBEEF99",)
    ]


def test_ended_reservations_go_in_their_time_and_held_ones_stay(
    site: sqlite3.Connection, samples: sqlite3.Connection
) -> None:
    groups = [
        ROWS[type(fact)](fact)
        for fact in (
            card_facts.ReservationMade(at=AT, reservation=reservation(1, state="Expired")),
            card_facts.ReservationMade(at=AT, reservation=reservation(2, state="Accepted")),
            card_facts.ReservationMade(at=AT, reservation=reservation(3, changed_utc_ms=UTC_MS + DAY_MS, state="Used")),
        )
    ]
    for sql, run in runs(groups):
        site.executemany(sql, run)

    Retention(StoreSettings(keep_events_days=10), site, samples).slice(UTC_MS + 10 * DAY_MS + 1, disk_is_short=False)

    assert [one.reservation_id for one in restore_cards(site).reservations] == [2, 3]
