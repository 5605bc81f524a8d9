"""What becomes of a reservation: answered, used by whom it is for, cancelled, or ended by our own clock."""

from __future__ import annotations

import asyncio

from chargemon_edge.control.ports import Answered, CallErrored, Offline, Outcome, TimedOut, moment
from chargemon_edge.control.reservations import Reservations
from chargemon_edge.ocpp import timestamps
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.sim.virtual_loop import run_virtually
from chargemon_edge.site import card_facts
from chargemon_edge.site.cards import IdTag
from tests.unit.control.fakes import UTC_MS, House
from tests.unit.store.card_samples import reservation

ACCEPTED = Answered(response=m.ReserveNowResponse(status="Accepted"), sent_mono_s=0.0)
CANCELLED = Answered(response=m.CancelReservationResponse(status="Accepted"), sent_mono_s=0.0)


def reserve(
    house: House,
    outcome: Outcome = ACCEPTED,
    *,
    reservation_id: int = 31,
    connector: int = 1,
    id_tag: str = "CARD-A",
    parent: str | None = None,
    minutes: float = 10,
) -> None:
    at = moment(house.clock)
    request = m.ReserveNowRequest(
        connector_id=connector,
        expiry_date=timestamps.format_utc(at.utc_ms + round(minutes * 60_000)),
        id_tag=id_tag,
        parent_id_tag=parent,
        reservation_id=reservation_id,
    )
    house.present.apply(house.cards.reservations.asked("CP1", request, "operator", at))
    house.present.apply(house.cards.reservations.ended("CP1", request, outcome, at))


def cancel(house: House, outcome: Outcome, reservation_id: int = 31) -> None:
    request = m.CancelReservationRequest(reservation_id=reservation_id)
    house.present.apply(house.cards.reservations.ended("CP1", request, outcome, moment(house.clock)))


def state(house: House, reservation_id: int = 31) -> str:
    found = house.cards.reservations.find(reservation_id, "CP1")
    assert found is not None
    return found.state


def start(house: House, id_tag: str, *, connector: int = 1, reservation_id: int | None = None) -> int:
    request = m.StartTransactionRequest(
        connector_id=connector,
        id_tag=id_tag,
        meter_start=0,
        timestamp=f"2027-01-15T08:00:00.{connector}Z",
        reservation_id=reservation_id,
    )
    (reply,) = house.ask(request)
    assert isinstance(reply, m.StartTransactionResponse)
    return reply.transaction_id


def test_its_state_is_the_charge_points_answer() -> None:
    answers: list[tuple[Outcome, str]] = [
        (ACCEPTED, "Accepted"),
        (Answered(response=m.ReserveNowResponse(status="Occupied"), sent_mono_s=0.0), "Occupied"),
        (Answered(response=m.ReserveNowResponse(status="Faulted"), sent_mono_s=0.0), "Faulted"),
        (CallErrored(code="NotImplemented", description=""), "Failed"),
        (Offline(), "Failed"),
        # it may have got it: counted as held until its time is up
        (TimedOut(), "Unanswered"),
    ]
    for outcome, expected in answers:
        house = House()
        reserve(house, outcome)
        assert state(house) == expected


def test_it_is_cancelled_only_when_the_charge_point_says_so() -> None:
    house = House()
    reserve(house)

    cancel(house, Answered(response=m.CancelReservationResponse(status="Rejected"), sent_mono_s=0.0))
    assert state(house) == "Accepted"
    cancel(house, TimedOut())
    assert state(house) == "Accepted"
    cancel(house, CANCELLED)
    assert state(house) == "Cancelled"
    cancel(house, CANCELLED, reservation_id=9_999)


def test_a_start_uses_the_reservation_it_names() -> None:
    house = House()
    reserve(house, id_tag="SOMEBODY")

    transaction_id = start(house, "CARD-A", reservation_id=31)

    found = house.cards.reservations.find(31)
    assert found is not None
    assert (found.state, found.transaction_id) == ("Used", transaction_id)
    # in one commit with the start
    assert [type(fact).__name__ for fact in house.journal.committed] == ["TransactionStarted", "ReservationChanged"]


def test_a_start_without_the_id_uses_the_one_for_its_tag_or_its_group() -> None:
    for id_tag, parent in (("card-a", None), ("SOMEBODY", "fleet")):
        house = House()
        reserve(house, id_tag=id_tag, parent=parent)
        start(house, "CARD-A")
        assert state(house) == "Used"


def test_a_reservation_of_any_connector_is_used_on_any() -> None:
    house = House()
    reserve(house, connector=0)

    start(house, "CARD-A", connector=2)

    assert state(house) == "Used"


def test_a_refused_card_uses_nothing() -> None:
    house = House()
    reserve(house, id_tag="BAD")

    start(house, "BAD")

    assert state(house) == "Accepted"


def test_who_charges_on_somebody_elses_connector_is_left_alone_and_noted() -> None:
    house = House()
    reserve(house, id_tag="SOMEBODY", parent="OTHERS")

    transaction_id = start(house, "CARD-A")

    assert state(house) == "Accepted"
    assert house.present.picture.connector("CP1", 1).transaction is not None
    (noted,) = [fact for fact in house.journal.committed if isinstance(fact, card_facts.ReservationPassedOver)]
    assert (noted.reservation_id, noted.transaction_id) == (31, transaction_id)


def test_a_reservation_of_any_connector_leaves_the_others_free() -> None:
    house = House()
    reserve(house, connector=0, id_tag="SOMEBODY")

    start(house, "CARD-A")

    assert not [fact for fact in house.journal.committed if isinstance(fact, card_facts.ReservationPassedOver)]


def test_group_members_get_the_parent_in_both_answers_while_it_is_reserved() -> None:
    """053: the charge point compares this parent with the reservation's own."""
    house = House()
    house.present.apply(
        (
            card_facts.IdTagPut(at=moment(house.clock), tag=IdTag(id_tag="M1", parent_id_tag="FLEET"), by="x"),
            card_facts.IdTagPut(at=moment(house.clock), tag=IdTag(id_tag="STRANGER"), by="x"),
        )
    )
    reserve(house, parent="FLEET")

    assert house.ask(m.AuthorizeRequest(id_tag="M1")) == [
        m.AuthorizeResponse(id_tag_info=m.IdTagInfo(status="Accepted", parent_id_tag="FLEET"))
    ]
    # refusing is the charge point's part: it knows what it has reserved
    assert house.ask(m.AuthorizeRequest(id_tag="STRANGER")) == [
        m.AuthorizeResponse(id_tag_info=m.IdTagInfo(status="Accepted"))
    ]
    start(house, "M1")
    assert state(house) == "Used"


def test_it_ends_by_our_own_clock() -> None:
    house = House()
    reserve(house, minutes=10)
    reserve(house, reservation_id=32, minutes=0.5)
    assert house.cards.reservations.expire() == 30

    house.clock.now_s += 30
    # the wall clock may be set: never longer than a minute without a look
    assert house.cards.reservations.expire() == 60
    assert [state(house), state(house, 32)] == ["Accepted", "Expired"]
    house.clock.now_s += 570
    house.cards.reservations.expire()

    assert state(house) == "Expired"
    assert [type(fact) for fact in house.journal.recorded[-2:]] == [card_facts.ReservationChanged] * 2


def test_its_timer_runs_by_itself_and_heeds_new_ones() -> None:
    house = House()

    class LoopClock:
        def monotonic_s(self) -> float:
            return asyncio.get_running_loop().time()

        def utc_ms(self) -> int:
            return UTC_MS + round(self.monotonic_s() * 1000)

    async def scene() -> list[str]:
        reservations = Reservations(present=house.present, journal=house.journal, clock=LoopClock())
        running = asyncio.create_task(reservations.run())
        await asyncio.sleep(1)
        soon = reservation(state="Accepted", expiry_utc_ms=LoopClock().utc_ms() + 5_000)
        house.present.apply((card_facts.ReservationMade(at=moment(LoopClock()), reservation=soon),))
        seen: list[str] = []
        for _ in range(2):
            await asyncio.sleep(4)
            seen.append(reservations.all()[0].state)
        running.cancel()
        return seen

    assert run_virtually(scene()) == ["Accepted", "Expired"]


def test_after_a_restart_an_answer_that_was_cut_off_is_none() -> None:
    house = House()
    reservations = Reservations(
        present=house.present, journal=house.journal, clock=house.clock, restored=[reservation(state="Requested")]
    )

    assert reservations.all()[0].state == "Unanswered"
    house.clock.now_s += 601
    reservations.expire()
    assert reservations.all()[0].state == "Expired"


def test_a_removed_tag_is_masked_where_it_ended_and_stays_where_it_holds() -> None:
    house = House()
    reserve(house, CallErrored(code="InternalError", description=""), id_tag="DEADBEEF")
    reserve(house, reservation_id=32, id_tag="DEADBEEF")

    house.present.apply((card_facts.IdTagRemoved(at=moment(house.clock), id_tag="deadbeef", by="x"),))

    assert [one.id_tag for one in house.cards.reservations.all()] == ["DEADBEEF", "DE…EF"]


def test_those_that_ended_long_ago_are_forgotten() -> None:
    house = House()
    reserve(house, reservation_id=1)
    for number in range(2, 600):
        reserve(house, Offline(), reservation_id=number)

    known = {one.reservation_id for one in house.cards.reservations.all()}
    assert len(known) == 501
    assert 1 in known
