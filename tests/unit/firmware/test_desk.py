"""Who is offered what, at which address, and who may use it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chargemon_edge.control.ports import FileOffer, NotOffered, RestoredFiles
from chargemon_edge.firmware.names import target_of
from chargemon_edge.firmware.tickets import digest_of
from chargemon_edge.site.charger_model import Quirks
from chargemon_edge.site.device_facts import ConfigurationRead, KeyRead
from chargemon_edge.site.facts import SecurityEvent
from chargemon_edge.site.file_facts import TicketEnded, TicketIssued
from tests.unit.firmware.shelves import Shelves
from tests.unit.store.site_facts import AT


async def offered(shelves: Shelves, **how: object) -> FileOffer:
    image = next(iter(shelves.desk.images()), None) or await shelves.added()
    offer = await shelves.desk.offer_image("CP1", image.image_id, good_for_s=60, by="campaign 1", **how)  # type: ignore[arg-type]  # given by name
    assert isinstance(offer, FileOffer), offer
    return offer


def admitted(shelves: Shelves, url: str, source: str = "127.0.0.1") -> bool:
    target = target_of("/" + url.split("/", 3)[3])
    return target is not None and shelves.desk.admitted(target, source) is not None


async def test_an_offer_is_an_address_that_nobody_else_knows(tmp_path: Path) -> None:
    shelves = await Shelves(tmp_path).opened()
    offer = await offered(shelves)

    assert re.fullmatch(r"http://192\.0\.2\.1:8887/firmware/[A-Za-z0-9_-]{32}/image\.bin", offer.url)
    token = offer.url.split("/")[4]
    issued = [fact for fact in shelves.journal.committed if isinstance(fact, TicketIssued)]
    assert [fact.ticket.digest for fact in issued] == [digest_of(token)]
    assert token not in repr(shelves.journal.committed)
    assert admitted(shelves, offer.url)


async def test_it_ends_with_its_time_when_it_is_withdrawn_and_when_another_is_offered(tmp_path: Path) -> None:
    shelves = await Shelves(tmp_path).opened()
    first = await offered(shelves)
    second = await offered(shelves)
    assert [admitted(shelves, one.url) for one in (first, second)] == [False, True]
    shelves.desk.withdraw(second.ticket_id)
    third = await offered(shelves)
    shelves.clock.now_s += 59
    assert [admitted(shelves, one.url) for one in (second, third)] == [False, True]
    shelves.clock.now_s += 1
    assert not admitted(shelves, third.url)
    assert shelves.desk.transfers() == []
    ends = [fact.end for fact in shelves.journal.committed if isinstance(fact, TicketEnded)]
    assert ends == ["withdrawn", "withdrawn", "expired"]


async def test_it_opens_at_its_charge_points_address_only(tmp_path: Path) -> None:
    shelves = await Shelves(tmp_path).opened()
    offer = await offered(shelves)

    assert admitted(shelves, offer.url, "::ffff:127.0.0.1")
    assert not admitted(shelves, offer.url, "192.0.2.77")
    # its link is gone: it may still be fetching
    shelves.charge_points.links.clear()
    assert admitted(shelves, offer.url)
    open_to_all = await Shelves(tmp_path / "other", bind_address=False).opened()
    assert admitted(open_to_all, (await offered(open_to_all)).url, "192.0.2.77")


async def test_attempts_are_told_of_and_not_without_end(tmp_path: Path) -> None:
    shelves = await Shelves(tmp_path).opened()
    url = f"http://192.0.2.1:8887/firmware/{'A' * 32}/x"
    for _ in range(50):
        admitted(shelves, url, "192.0.2.77")
    admitted(shelves, url, "192.0.2.78")

    told = [fact.source for fact in shelves.journal.recorded if isinstance(fact, SecurityEvent)]
    assert told == ["192.0.2.77"] * 5 + ["192.0.2.78"]


async def test_a_token_to_fetch_delivers_nothing_and_the_other_way_round(tmp_path: Path) -> None:
    shelves = await Shelves(tmp_path).opened()
    fetch = await offered(shelves)
    deliver = await shelves.desk.offer_upload("CP1", "Diagnostics", good_for_s=60, by="operator")
    assert isinstance(deliver, FileOffer)

    assert admitted(shelves, deliver.url)
    assert not admitted(shelves, fetch.url.replace("/firmware/", "/uploads/"))
    assert not admitted(shelves, deliver.url.replace("/uploads/", "/firmware/"))
    # one does not end the other
    assert admitted(shelves, fetch.url)


async def test_the_protocol_is_one_that_both_speak(tmp_path: Path) -> None:
    shelves = await Shelves(tmp_path).opened()
    assert shelves.desk.protocols("CP1") == ("HTTP", "HTTPS")
    key = KeyRead(key="SupportedFileTransferProtocols", value="FTP, https", readonly=True)
    shelves.present.apply([ConfigurationRead(at=AT, charge_point="CP1", keys=(key,), whole=True)])
    assert shelves.desk.protocols("CP1") == ("HTTPS",)
    shelves.models.of_all = Quirks(file_protocols=("FTP", "HTTP"))
    assert shelves.desk.protocols("CP1") == ("HTTP",)
    shelves.models.of_all = Quirks(file_protocols=("FTP",))
    image = await shelves.added()
    nothing = await shelves.desk.offer_image("CP1", image.image_id, good_for_s=60, by="x")
    assert isinstance(nothing, NotOffered)
    assert "it speaks none of HTTP, HTTPS" in nothing.reason
    assert (await offered(shelves, protocol="HTTPS")).url.startswith("https://192.0.2.1:8888/")


@pytest.mark.parametrize(("who", "image", "says"), [("CP9", True, "not connected"), ("CP1", False, "no image")])
async def test_what_cannot_be_offered_is_said(tmp_path: Path, who: str, image: bool, says: str) -> None:
    shelves = await Shelves(tmp_path).opened()
    known = (await shelves.added()).image_id
    offer = await shelves.desk.offer_image(who, known if image else "0" * 16, good_for_s=60, by="x")

    assert isinstance(offer, NotOffered)
    assert says in offer.reason


async def test_an_offer_holds_over_a_restart(tmp_path: Path) -> None:
    before = await Shelves(tmp_path).opened()
    offer = await offered(before)
    tickets = tuple(fact.ticket for fact in before.journal.committed if isinstance(fact, TicketIssued))

    after = await Shelves(tmp_path, RestoredFiles(images=tuple(before.desk.images()), tickets=tickets)).opened()
    assert admitted(after, offer.url)
