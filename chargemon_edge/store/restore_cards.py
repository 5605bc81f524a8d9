"""Rows → what is known of cards, reservations and local lists. Reads only."""

from __future__ import annotations

import sqlite3

import msgspec

from chargemon_edge.site.cards import HOLDING, HeldList, IdTag, LocalListState, Reservation, RestoredCards, TagStatus

# ended reservations that are still shown
_ENDED_SHOWN = 500


def restore_cards(site: sqlite3.Connection) -> RestoredCards:
    """Everything about cards."""
    revoked = site.execute("SELECT revoked_utc_ms FROM card_state").fetchone()
    return RestoredCards(
        id_tags=_id_tags(site),
        reservations=_reservations(site),
        local_lists=_local_lists(site),
        revoked_utc_ms=0 if revoked is None else revoked[0],
    )


def _id_tags(site: sqlite3.Connection) -> tuple[IdTag, ...]:
    return tuple(
        IdTag(
            id_tag=row[0],
            status=msgspec.convert(row[1], TagStatus),
            expiry_utc_ms=row[2],
            parent_id_tag=row[3],
            single_transaction=bool(row[4]),
            name=row[5],
            note=row[6],
        )
        for row in site.execute(
            "SELECT id_tag, status, expiry_utc_ms, parent_id_tag, single_transaction, name, note FROM id_tag "
            "ORDER BY key"
        )
    )


def _reservations(site: sqlite3.Connection) -> tuple[Reservation, ...]:
    columns = (
        "reservation_id, charge_point, connector, id_tag, parent_id_tag, expiry_utc_ms, state, requested_utc_ms, "
        "changed_utc_ms, requested_by, transaction_id"
    )
    holding = ", ".join(repr(state) for state in sorted({*HOLDING, "Requested"}))
    rows = site.execute(
        f"SELECT {columns} FROM reservation WHERE state IN ({holding}) UNION ALL "  # noqa: S608 - names of ours
        f"SELECT {columns} FROM (SELECT * FROM reservation WHERE state NOT IN ({holding}) "
        "ORDER BY changed_utc_ms DESC LIMIT ?) ORDER BY requested_utc_ms",
        (_ENDED_SHOWN,),
    )
    return tuple(
        msgspec.convert(
            {
                "reservation_id": row[0],
                "charge_point": row[1],
                "connector": row[2],
                "id_tag": row[3],
                "parent_id_tag": row[4],
                "expiry_utc_ms": row[5],
                "state": row[6],
                "requested_utc_ms": row[7],
                "changed_utc_ms": row[8],
                "by": row[9],
                "transaction_id": row[10],
            },
            Reservation,
        )
        for row in rows
    )


def _local_lists(site: sqlite3.Connection) -> dict[str, LocalListState]:
    return {
        row[0]: LocalListState(
            held=None
            if row[1] is None
            else HeldList(version=row[1], entries=msgspec.json.decode(row[2], type=dict[str, str])),
            changed_utc_ms=row[3],
            unsupported_firmware=row[4],
            cache_cleared_utc_ms=row[5],
        )
        for row in site.execute(
            "SELECT charge_point, version, entries, changed_utc_ms, unsupported_firmware, cache_cleared_utc_ms "
            "FROM local_list"
        )
    }
