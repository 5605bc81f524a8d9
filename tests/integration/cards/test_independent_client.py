"""Cards, teach-in, reservations and local lists with a charge point we did not write, and again after a restart."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chargemon_edge.control import local_lists
from tests.charge_point import now_text
from tests.integration.cards.far_end import running
from tests.waiting import until


async def test_a_card_is_answered_as_its_record_says_in_authorize_and_start(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon, daemon.charge_point("CP1") as charge_point:
        await daemon.put("GOOD", parent_id_tag="TEAM")
        await daemon.put("OLD", expiry_utc_ms=1_000)
        await daemon.put("BAD", status="Blocked")

        answers = {tag: await charge_point.authorize(tag) for tag in ("good", "OLD", "BAD", "NOBODY", "from-file")}
        # without Authorize before, as from a cache
        _, begun = await charge_point.tap("GOOD")
        refused_id, refused = await charge_point.tap("NOBODY")
        await charge_point.end(refused_id)

    assert answers["good"] == {"status": "Accepted", "parent_id_tag": "TEAM"}
    assert {tag: info["status"] for tag, info in answers.items()} == {
        "good": "Accepted",
        "OLD": "Expired",
        "BAD": "Blocked",
        "NOBODY": "Invalid",
        "from-file": "Accepted",
    }
    assert begun == {"status": "Accepted", "parent_id_tag": "TEAM"}
    assert refused == {"status": "Invalid"}
    assert refused_id > 0


async def test_one_transaction_at_a_time_over_two_charge_points(tmp_path: Path) -> None:
    async with (
        running(tmp_path) as daemon,
        daemon.charge_point("CP1") as first,
        daemon.charge_point("CP2") as second,
    ):
        await daemon.put("SINGLE", single_transaction=True)
        transaction_id, begun = await first.tap("SINGLE")

        elsewhere = await second.authorize("SINGLE")
        refused_id, refused = await second.tap("SINGLE")
        await first.end(transaction_id)
        _, again = await second.tap("SINGLE")

    assert begun == again == {"status": "Accepted"}
    assert elsewhere == refused == {"status": "ConcurrentTx"}
    assert refused_id != transaction_id


async def test_a_card_is_taught_in_by_tapping_and_known_after_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon, daemon.charge_point("CP1") as charge_point:
        before = await charge_point.authorize("04NEW")
        await daemon.ask("POST", "/teach-in", {"charge_point": "CP1", "name": "Anna", "parent_id_tag": "TEAM"})
        known = await charge_point.authorize("FROM-FILE")
        taught = await charge_point.authorize("04NEW")
        other = await charge_point.authorize("04OTHER")
        done = await daemon.get("/teach-in")
        events = await daemon.get("/event-records?kind=IdTagPut")

    async with running(tmp_path) as daemon, daemon.charge_point("CP1") as charge_point:
        afterwards = await charge_point.authorize("04new")
        card = await daemon.get("/id-tags/04NEW")

    assert (before, known, other) == ({"status": "Invalid"}, {"status": "Accepted"}, {"status": "Invalid"})
    assert taught == afterwards == {"status": "Accepted", "parent_id_tag": "TEAM"}
    assert (done["remaining_s"], done["last"]["id_tag"]) == (None, "04NEW")
    assert (card["name"], card["source"]) == ("Anna", "record")
    assert [one["body"]["taught_at"] for one in events["items"]] == ["CP1"]


async def test_the_life_of_reservations(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon, daemon.charge_point("CP1") as charge_point:
        await daemon.put("OWNER", parent_id_tag="TEAM")
        used = await daemon.reserve("CP1")
        transaction_id, _ = await charge_point.tap("OWNER", reservation_id=used["reservation_id"])
        await charge_point.end(transaction_id)
        charge_point.reserving = "Occupied"
        occupied = await daemon.reserve("CP1")
        charge_point.reserving = "Accepted"
        short = await daemon.reserve("CP1", expiryDate=now_text(seconds=1))
        given = await daemon.reserve("CP1", reservationId=7)
        cancelled = await daemon.ask("DELETE", "/reservations/7")
        _, not_issued = await daemon.ask(
            "POST", "/charge-points/CP1/operations/CancelReservation", {"reservationId": 9_999}
        )
        held = await daemon.reserve("CP1")
        async with asyncio.timeout(10):
            while True:
                states = {one["reservation_id"]: one["state"] for one in await daemon.get("/reservations")}
                if states[short["reservation_id"]] == "Expired":
                    break
                await asyncio.sleep(0.02)
    used_afterwards, still_held = used["reservation_id"], held["reservation_id"]

    async with running(tmp_path) as daemon:
        restored = {one["reservation_id"]: one for one in await daemon.get("/reservations")}
        newest = max(restored)

    assert (occupied["state"], given["state"]) == ("Occupied", "Accepted")
    assert (cancelled[0], cancelled[1]["state"]) == (200, "Cancelled")
    assert not_issued == {"result": {"status": "Rejected"}}
    assert states == {
        used_afterwards: "Used",
        occupied["reservation_id"]: "Occupied",
        short["reservation_id"]: "Expired",
        7: "Cancelled",
        still_held: "Accepted",
    }
    assert {number: one["state"] for number, one in restored.items()} == states
    assert restored[used_afterwards]["transaction_id"] == transaction_id
    assert newest == still_held


async def test_a_reserved_connector_used_by_another_of_the_group_and_by_a_stranger(tmp_path: Path) -> None:
    """053: Authorize and StartTransaction of another tag are Accepted with the reservation's own parent."""
    async with running(tmp_path) as daemon, daemon.charge_point("CP1") as charge_point:
        for tag, parent in (("OWNER", "TEAM"), ("MEMBER", "TEAM"), ("STRANGER", None)):
            await daemon.put(tag, parent_id_tag=parent)
        await daemon.reserve("CP1", parentIdTag="TEAM")
        (wish,) = charge_point.reservations.values()
        asked = await charge_point.authorize("MEMBER")
        stranger = await charge_point.authorize("STRANGER")
        # a charge point that lets a stranger in is not hindered; it is noted
        stranger_id, _ = await charge_point.tap("STRANGER")
        passed_over = await daemon.get("/event-records?kind=ReservationPassedOver")
        await charge_point.end(stranger_id)
        _, begun = await charge_point.tap("MEMBER")
        (reservation,) = await daemon.get("/reservations")

    assert wish["parent_id_tag"] == "TEAM"
    assert asked == begun == {"status": "Accepted", "parent_id_tag": "TEAM"}
    assert stranger == {"status": "Accepted"}
    assert [one["body"]["transaction_id"] for one in passed_over["items"]] == [stranger_id]
    assert reservation["state"] == "Used"


async def test_a_list_is_pushed_by_itself_kept_up_to_date_and_not_again_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # real time passes here: the daemon's patience after a contact would only be waited for
    monkeypatch.setattr(local_lists, "_SETTLE_S", 0.3)
    monkeypatch.setattr(local_lists, "_GATHER_S", 0.1)
    async with running(tmp_path) as daemon, daemon.charge_point("CP1") as charge_point:
        await daemon.put("AAAA", parent_id_tag="TEAM")
        await daemon.put("BBBB")
        await until(lambda: len(charge_point.entries) == 3)
        first = list(charge_point.updates)
        await daemon.put("BBBB", status="Blocked")
        await until(lambda: charge_point.entries["BBBB"] == {"status": "Blocked"} and charge_point.caches_cleared == 1)
        await daemon.ask("DELETE", "/id-tags/AAAA")
        await until(lambda: set(charge_point.entries) == {"BBBB", "FROM-FILE"} and charge_point.caches_cleared == 2)
        updates, version = list(charge_point.updates), charge_point.version
        async with asyncio.timeout(10):
            # its last answer may still be on its way
            while not (shown := await daemon.get("/charge-points/CP1/local-list"))["up_to_date"]:
                await asyncio.sleep(0.02)

    async with running(tmp_path) as daemon, daemon.charge_point("CP1") as charge_point:
        charge_point.version = version
        _, pushed = await daemon.ask("POST", "/charge-points/CP1/local-list")
        after_restart = list(charge_point.updates)
        charge_point.version = 90
        await daemon.ask("POST", "/charge-points/CP1/local-list")

    assert [kind for kind, _ in first] == ["Full", "Differential"]
    assert [kind for kind, _ in updates[len(first) :]] == ["Differential", "Full"]
    assert [number for _, number in updates] == list(range(1, 1 + len(updates)))
    assert (shown["up_to_date"], shown["version"], shown["entries"]) == (True, version, 2)
    assert (after_restart, pushed["up_to_date"], charge_point.caches_cleared) == ([], True, 0)
    assert charge_point.updates == [("Full", 91)]


async def test_lists_can_be_switched_off_and_pushed_by_hand_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_lists, "_SETTLE_S", 0.05)
    off = "[authorisation]\nlocal_lists = false\n"
    async with running(tmp_path, off) as daemon, daemon.charge_point("CP1") as charge_point:
        await daemon.put("AAAA")
        await daemon.put("BBBB", status="Blocked")
        await until(lambda: charge_point.caches_cleared == 1)
        by_itself = list(charge_point.updates)
        shown = await daemon.get("/charge-points/CP1/local-list")
        await daemon.ask("POST", "/charge-points/CP1/local-list")

    assert (by_itself, shown["by_itself"]) == ([], False)
    assert set(charge_point.entries) == {"AAAA", "BBBB", "FROM-FILE"}
