"""Records, spellings, groups and one transaction at a time, as Authorize, Start and Stop answer them."""

from __future__ import annotations

from typing import Any

from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site import card_facts, facts
from chargemon_edge.site.cards import IdTag, TagRules
from chargemon_edge.site.facts import Moment
from tests.unit.control.fakes import UTC_MS, House

AT = Moment(1000.0, UTC_MS)
NOW = "2027-01-15T08:00:00Z"


def put(house: House, id_tag: str, **changes: Any) -> None:
    house.present.apply((card_facts.IdTagPut(at=AT, tag=IdTag(id_tag=id_tag, **changes), by="operator"),))


def remove(house: House, id_tag: str) -> None:
    house.present.apply((card_facts.IdTagRemoved(at=AT, id_tag=id_tag, by="operator"),))


def authorized(house: House, id_tag: str, charge_point: str = "CP1") -> m.IdTagInfo:
    (reply,) = house.ask(m.AuthorizeRequest(id_tag=id_tag), charge_point=charge_point)
    assert isinstance(reply, m.AuthorizeResponse)
    return reply.id_tag_info


def start(house: House, id_tag: str, charge_point: str = "CP1", **changes: Any) -> m.StartTransactionResponse:
    members: dict[str, Any] = {"connector_id": 1, "id_tag": id_tag, "meter_start": 0, "timestamp": NOW, **changes}
    (reply,) = house.ask(m.StartTransactionRequest(**members), charge_point=charge_point)
    assert isinstance(reply, m.StartTransactionResponse)
    return reply


def stop(house: House, transaction_id: int, id_tag: str | None = None) -> m.StopTransactionResponse:
    request = m.StopTransactionRequest(id_tag=id_tag, meter_stop=9, timestamp=NOW, transaction_id=transaction_id)
    (reply,) = house.ask(request)
    assert isinstance(reply, m.StopTransactionResponse)
    return reply


def test_a_record_is_in_force_at_once_and_gone_when_removed() -> None:
    house = House()
    assert authorized(house, "04AA").status == "Invalid"

    put(house, "04aa", parent_id_tag="TEAM", expiry_utc_ms=UTC_MS + 1_000)
    assert authorized(house, "04AA ") == m.IdTagInfo(
        status="Accepted", parent_id_tag="TEAM", expiry_date="2027-01-15T08:00:01.000Z"
    )
    house.clock.now_s += 1
    assert authorized(house, "04AA").status == "Expired"
    remove(house, "04AA")

    assert authorized(house, "04AA") == m.IdTagInfo(status="Invalid")


def test_a_record_wins_over_the_configuration_until_it_is_removed() -> None:
    house = House()
    assert authorized(house, "CARD-A").status == "Accepted"

    put(house, "card-a", status="Blocked")
    assert authorized(house, "CARD-A").status == "Blocked"
    remove(house, "card-a")

    assert authorized(house, "CARD-A") == m.IdTagInfo(status="Accepted", parent_id_tag="FLEET")


def test_start_and_stop_carry_status_group_and_expiry_like_authorize() -> None:
    house = House()
    put(house, "MEMBER", parent_id_tag="FLEET")

    begun = start(house, "MEMBER")
    ended = stop(house, begun.transaction_id, "CARD-A")

    assert begun.id_tag_info == m.IdTagInfo(status="Accepted", parent_id_tag="FLEET")
    assert ended.id_tag_info == m.IdTagInfo(status="Accepted", parent_id_tag="FLEET")


def test_every_refused_status_comes_with_an_id_of_its_own() -> None:
    house = House()
    put(house, "WRONG", status="Invalid")

    answers = [start(house, tag) for tag in ("NOBODY", "OLD", "BAD", "WRONG")]

    assert [one.id_tag_info.status for one in answers] == ["Invalid", "Expired", "Blocked", "Invalid"]
    assert len({one.transaction_id for one in answers}) == 4


def test_what_a_model_adds_to_a_tag_is_no_other_tag_there_and_only_there() -> None:
    house = House()
    house.tag_rules["CP1"] = TagRules(cut_at="_")
    put(house, "0011")
    put(house, "EXACT_1", status="Blocked")

    assert authorized(house, "0011_21573852").status == "Accepted"
    assert authorized(house, "0011_21573852", "CP2").status == "Invalid"
    # a record of exactly this spelling goes before the rule
    assert authorized(house, "exact_1").status == "Blocked"


def test_one_transaction_at_a_time_is_judged_against_what_really_runs_elsewhere() -> None:
    house = House()
    put(house, "SINGLE", single_transaction=True)
    put(house, "MANY")
    for tag in ("SINGLE", "MANY"):
        house.tag_rules["CP2"] = TagRules(cut_at="_")
        running = start(house, f"{tag}_77", "CP2")
        assert running.id_tag_info.status == "Accepted"
        expected = "ConcurrentTx" if tag == "SINGLE" else "Accepted"

        assert authorized(house, tag).status == expected
        # where it runs the card may be shown to stop it
        assert authorized(house, f"{tag}_77", "CP2").status == "Accepted"
        second = start(house, tag)
        assert second.id_tag_info.status == expected
        assert stop(house, second.transaction_id, tag).id_tag_info == m.IdTagInfo(status="Accepted")


def test_a_new_start_on_its_own_connector_ends_the_old_one_and_is_no_second() -> None:
    house = House()
    put(house, "SINGLE", single_transaction=True)
    first = start(house, "SINGLE")

    second = start(house, "SINGLE", timestamp="2027-01-15T08:30:00Z")

    assert second.id_tag_info.status == "Accepted"
    assert second.transaction_id != first.transaction_id


def test_a_transaction_that_was_refused_or_lost_its_stop_locks_nobody_out() -> None:
    house = House()
    put(house, "SINGLE", single_transaction=True, status="Blocked")
    assert start(house, "SINGLE", "CP2").id_tag_info.status == "Blocked"
    put(house, "SINGLE", single_transaction=True)
    assert authorized(house, "SINGLE").status == "Accepted"

    start(house, "SINGLE", "CP2", timestamp="2027-01-15T08:30:00Z")
    assert authorized(house, "SINGLE").status == "ConcurrentTx"
    house.clock.now_s += 60
    house.ask(m.StatusNotificationRequest(connector_id=1, error_code="NoError", status="Available"), charge_point="CP2")

    assert authorized(house, "SINGLE").status == "Accepted"


def test_a_charge_point_that_is_not_configured_charges_nobody() -> None:
    house = House()

    assert authorized(house, "CARD-A", "STRANGER").status == "Invalid"
    assert start(house, "CARD-A", "STRANGER").id_tag_info.status == "Invalid"


def test_repeated_start_repeats_its_answer_after_the_card_was_blocked() -> None:
    house = House()
    first = start(house, "CARD-A")
    put(house, "CARD-A", status="Blocked")

    again = start(house, "CARD-A")

    assert (again.transaction_id, again.id_tag_info.status) == (first.transaction_id, "Accepted")


def test_blocking_a_card_ends_no_session() -> None:
    house = House()
    running = start(house, "CARD-A")
    put(house, "CARD-A", status="Blocked")

    assert house.present.picture.connector("CP1", 1).transaction is not None
    assert stop(house, running.transaction_id, "CARD-A").id_tag_info == m.IdTagInfo(status="Blocked")
    assert isinstance(house.journal.committed[-1], facts.TransactionStopped)
