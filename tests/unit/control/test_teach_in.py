"""The next unknown card becomes a record, once, and only while somebody waits for it."""

from __future__ import annotations

import pytest

from chargemon_edge.control.ports import Refusal
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site import card_facts
from chargemon_edge.site.cards import IdTag, TagRules
from tests.unit.control.fakes import House

WANTED = IdTag(id_tag="", name="Anna", parent_id_tag="TEAM")


def tap(house: House, id_tag: str, charge_point: str = "CP1") -> list[str]:
    replies = house.ask(m.AuthorizeRequest(id_tag=id_tag), charge_point=charge_point)
    return [
        reply.id_tag_info.status if isinstance(reply, m.AuthorizeResponse) else type(reply).__name__
        for reply in replies
    ]


def start(house: House, id_tag: str, timestamp: str) -> str:
    request = m.StartTransactionRequest(connector_id=1, id_tag=id_tag, meter_start=0, timestamp=timestamp)
    (reply,) = house.ask(request)
    assert isinstance(reply, m.StartTransactionResponse)
    return reply.id_tag_info.status


def test_the_next_unknown_card_is_recorded_and_answered_and_then_it_is_over() -> None:
    house = House()
    house.cards.teach_in.open(WANTED, charge_point=None, seconds=60, by="operator")

    # cards that are known already, refused ones too, are no news
    assert [tap(house, "CARD-A"), tap(house, "BAD")] == [["Accepted"], ["Blocked"]]
    assert tap(house, "04New1") == ["Accepted"]
    assert tap(house, "04NEW2") == ["Invalid"]

    (put,) = [fact for fact in house.journal.committed if isinstance(fact, card_facts.IdTagPut)]
    assert put.tag == IdTag(id_tag="04New1", name="Anna", parent_id_tag="TEAM")
    assert (put.by, put.taught_at) == ("operator", "CP1")
    assert house.cards.teach_in.last == put
    assert tap(house, "04NEW1") == ["Accepted"]


def test_it_answers_only_when_the_card_is_on_disk_and_waits_on_when_it_could_not_be_stored() -> None:
    house = House(at_once=False)
    house.cards.teach_in.open(WANTED, charge_point="CP1", seconds=60, by="operator")
    replies = house.ask(m.AuthorizeRequest(id_tag="04NEW1"))
    assert replies == []

    house.journal.flush(OSError("disk full"))

    assert isinstance(replies[0], Refusal)
    again = house.ask(m.AuthorizeRequest(id_tag="04NEW1"))
    house.journal.flush()
    assert again == [m.AuthorizeResponse(id_tag_info=m.IdTagInfo(status="Accepted", parent_id_tag="TEAM"))]


def test_it_waits_at_the_named_charge_point_only_and_answers_as_chosen() -> None:
    house = House()
    house.cards.teach_in.open(IdTag(id_tag="", status="Blocked"), charge_point="CP2", seconds=60, by="operator")

    assert tap(house, "04NEW1", "CP1") == ["Invalid"]
    assert tap(house, "04NEW1", "CP2") == ["Blocked"]


def test_it_ends_by_its_time_and_by_hand() -> None:
    house = House()
    house.cards.teach_in.open(WANTED, charge_point=None, seconds=60, by="operator")
    house.clock.now_s += 59
    assert house.cards.teach_in.remaining_s() == 1
    house.clock.now_s += 1
    assert tap(house, "04NEW1") == ["Invalid"]

    house.cards.teach_in.open(WANTED, charge_point=None, seconds=60, by="operator")
    house.cards.teach_in.close()
    house.cards.teach_in.close()

    assert tap(house, "04NEW1") == ["Invalid"]
    reasons = [fact.reason for fact in house.journal.recorded if isinstance(fact, card_facts.TeachInClosed)]
    assert reasons == ["nobody presented a card in time", "closed by hand"]


@pytest.mark.parametrize("seconds", [0, -1, 601, float("nan")])
def test_it_cannot_be_open_for_long(seconds: float) -> None:
    with pytest.raises(ValueError, match="600 seconds"):
        House().cards.teach_in.open(WANTED, charge_point=None, seconds=seconds, by="operator")


def test_a_charge_point_that_starts_without_asking_teaches_too_but_an_old_start_does_not() -> None:
    house = House()
    house.cards.teach_in.open(WANTED, charge_point=None, seconds=60, by="operator")

    assert start(house, "04QUEUED", "2027-01-14T08:00:00Z") == "Invalid"
    assert start(house, "04UNDATED", "yesterday") == "Invalid"
    assert start(house, "04LIVE", "2027-01-15T08:00:30Z") == "Accepted"


def test_what_the_model_adds_is_not_recorded() -> None:
    house = House()
    house.tag_rules["CP1"] = TagRules(cut_at="_")
    house.cards.teach_in.open(WANTED, charge_point=None, seconds=60, by="operator")

    assert tap(house, "04NEW1_21573852") == ["Accepted"]

    assert tap(house, "04NEW1", "CP2") == ["Accepted"]
