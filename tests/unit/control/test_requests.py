"""Every Core request, and the traps of transactions."""

import pytest

from chargemon_edge.control.ports import Refusal
from chargemon_edge.control.requests import WAITING_MAX, handled_actions
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site import facts
from tests.unit.control.fakes import UTC_MS, House, corrected

START = m.StartTransactionRequest(connector_id=1, id_tag="CARD-A", meter_start=100, timestamp="2027-01-15T08:00:00Z")


def stop(transaction_id: int, *, meter_stop: int = 900) -> m.StopTransactionRequest:
    return m.StopTransactionRequest(
        id_tag=None, meter_stop=meter_stop, timestamp="2027-01-15T09:00:00Z", transaction_id=transaction_id
    )


def started_id(replies: list[m.Response | Refusal]) -> int:
    (reply,) = replies
    assert isinstance(reply, m.StartTransactionResponse)
    return reply.transaction_id


def test_every_action_a_charge_point_may_send_is_handled() -> None:
    assert handled_actions() == set(m.FROM_CHARGE_POINT)


def test_known_charge_point_is_accepted_at_boot_and_an_unknown_one_is_pending() -> None:
    house = House()
    boot = m.BootNotificationRequest(charge_point_model="M", charge_point_vendor="V")

    (known,) = house.ask(boot)
    (unknown,) = house.ask(boot, charge_point="STRANGER")

    assert isinstance(known, m.BootNotificationResponse)
    assert isinstance(unknown, m.BootNotificationResponse)
    assert (known.status, known.interval, known.current_time) == ("Accepted", 300, "2027-01-15T08:00:00.000Z")
    assert unknown.status == "Pending"
    assert house.present.picture.charge_points["CP1"].boot is not None


def test_other_firmware_may_have_forgotten_its_limits() -> None:
    house = House()

    def boot(version: str | None) -> list[str]:
        before = len(house.journal.recorded)
        house.ask(m.BootNotificationRequest(charge_point_model="M", charge_point_vendor="V", firmware_version=version))
        new = house.journal.recorded[before:]
        return [fact.reason for fact in new if isinstance(fact, facts.ProfilesInDoubt)]

    assert boot("1.0") == []
    house.present.apply(
        [facts.FailSafeHeld(at=facts.Moment(1000.0, UTC_MS), charge_point="CP1", connector=1, fallback_ma=6_000)]
    )
    assert boot("1.0") == []
    assert house.present.connector("CP1", 1).fail_safe_ma == 6_000
    assert boot("2.0") == ["booted with firmware '2.0' instead of '1.0'"]
    assert house.present.connector("CP1", 1).fail_safe_ma is None


def test_it_is_noted_who_was_told_a_time_that_was_moved() -> None:
    house = House()
    boot = m.BootNotificationRequest(charge_point_model="M", charge_point_vendor="V")

    def told_by(request: m.Request, *moves_ms: int) -> list[float]:
        for by_ms in moves_ms:
            house.present.apply((corrected(facts.Moment(1000.0, UTC_MS), by_ms),))
        behind_ms = house.present.picture.charge_points["CP1"].behind_ms
        house.ask(request)
        after = house.present.picture.charge_points["CP1"]
        assert after.behind_ms == 0
        return [behind_ms, after.told_mono_s]

    never = float("-inf")
    assert told_by(boot) == [0, never]
    # too little for anybody to notice
    assert told_by(m.HeartbeatRequest(), 500) == [0, never]
    assert told_by(m.HeartbeatRequest(), 3_600_000, 60_000) == [3_660_000, 1000.0]
    assert told_by(boot, -86_400_000) == [-86_400_000, 1000.0]


def test_authorize_answers_each_kind_of_tag() -> None:
    house = House()

    def status(id_tag: str) -> tuple[str, str | None]:
        (reply,) = house.ask(m.AuthorizeRequest(id_tag=id_tag))
        assert isinstance(reply, m.AuthorizeResponse)
        return reply.id_tag_info.status, reply.id_tag_info.parent_id_tag

    assert status("card-a") == ("Accepted", "FLEET")
    assert status("OLD") == ("Expired", None)
    assert status("BAD") == ("Blocked", None)
    assert status("NEW") == ("Invalid", None)


def test_start_is_answered_only_after_its_commit() -> None:
    house = House(at_once=False)

    replies = house.ask(START)

    assert replies == []
    assert house.present.picture.connector("CP1", 1).transaction is None
    house.journal.flush()
    assert started_id(replies) == 77
    transaction = house.present.picture.connector("CP1", 1).transaction
    assert transaction is not None
    assert transaction.transaction_id == 77


def test_start_that_cannot_be_stored_is_refused_and_its_repeat_succeeds() -> None:
    house = House(at_once=False)
    replies = house.ask(START)

    house.journal.flush(OSError("disk full"))

    assert isinstance(replies[0], Refusal)
    assert house.present.picture.connector("CP1", 1).transaction is None
    again = house.ask(START)
    house.journal.flush()
    assert started_id(again) == 78


def test_repeated_start_gets_its_first_answer_even_while_the_first_is_being_written() -> None:
    house = House(at_once=False)
    first = house.ask(START)
    second = house.ask(START)

    house.journal.flush()

    assert started_id(first) == started_id(second) == 77
    assert started_id(house.ask(START)) == 77
    assert [type(fact) for fact in house.journal.committed] == [facts.TransactionStarted]


def test_identical_start_a_day_after_the_first_ended_is_a_new_one() -> None:
    house = House()
    first = started_id(house.ask(START))
    house.ask(stop(first))
    assert started_id(house.ask(START)) == first

    house.clock.now_s += 25 * 3600

    assert started_id(house.ask(START)) != first


def test_refused_tag_gets_a_transaction_id_and_its_stop_is_confirmed() -> None:
    house = House()

    (reply,) = house.ask(
        m.StartTransactionRequest(connector_id=1, id_tag="NEW", meter_start=0, timestamp="2027-01-15T08:00:00Z")
    )

    assert isinstance(reply, m.StartTransactionResponse)
    assert (reply.id_tag_info.status, reply.transaction_id) == ("Invalid", 77)
    assert isinstance(house.ask(stop(77))[0], m.StopTransactionResponse)
    assert house.present.picture.connector("CP1", 1).transaction is None


def test_new_start_on_a_connector_closes_the_stale_transaction_and_says_so() -> None:
    house = House()
    old = started_id(house.ask(START))

    new = started_id(
        house.ask(
            m.StartTransactionRequest(connector_id=1, id_tag="CARD-A", meter_start=5, timestamp="2027-01-16T08:00:00Z")
        )
    )

    closed = [fact for fact in house.journal.committed if isinstance(fact, facts.TransactionStopped)]
    assert [fact.transaction_id for fact in closed] == [old]
    assert "new transaction started" in closed[0].reason
    transaction = house.present.picture.connector("CP1", 1).transaction
    assert transaction is not None
    assert transaction.transaction_id == new


def test_unknown_duplicate_and_foreign_stops_are_confirmed_and_kept() -> None:
    house = House()
    mine = started_id(house.ask(START))
    house.ask(stop(mine), raw=b"first")

    exact_repeat = house.ask(stop(mine), raw=b"first")
    other_content = house.ask(stop(mine, meter_stop=1), raw=b"second")
    unknown = house.ask(stop(-1), raw=b"third")
    foreign = house.ask(stop(mine), charge_point="CP2", raw=b"fourth")

    for replies in (exact_repeat, other_content, unknown, foreign):
        assert isinstance(replies[0], m.StopTransactionResponse)
    kept = [fact for fact in house.journal.committed if isinstance(fact, facts.StopKept)]
    assert [(fact.doubt, fact.raw) for fact in kept] == [
        ("already ended", b"second"),
        ("unknown", b"third"),
        ("other charge point", b"fourth"),
    ]
    assert house.present.picture.kept_stops == 3


def test_requests_wait_in_line_behind_a_commit_and_the_line_is_bounded() -> None:
    house = House(at_once=False)
    house.ask(START)

    in_line = [house.ask(m.HeartbeatRequest()) for _ in range(WAITING_MAX + 1)]

    assert isinstance(in_line[-1][0], Refusal)
    assert all(replies == [] for replies in in_line[:-1])
    house.journal.flush()
    assert all(isinstance(replies[0], m.HeartbeatResponse) for replies in in_line[:-1])


def test_a_mistake_of_ours_costs_one_request_in_line(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(at_once=False)
    started = house.ask(START)
    values = m.MeterValuesRequest(connector_id=1, meter_value=())
    behind = [house.ask(request) for request in (m.HeartbeatRequest(), values, m.HeartbeatRequest())]

    def fail(_new: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(house.journal, "record", fail)
    house.journal.flush()

    assert started_id(started) == 77
    answers = [type(reply) for replies in behind for reply in replies]
    assert answers == [m.HeartbeatResponse, Refusal, m.HeartbeatResponse]


def test_other_charge_points_do_not_wait() -> None:
    house = House(at_once=False)
    house.ask(START)

    assert house.ask(m.HeartbeatRequest(), charge_point="CP2") != []


def test_status_sent_late_does_not_replace_the_newer_one() -> None:
    house = House()
    newer = m.StatusNotificationRequest(
        connector_id=1, error_code="NoError", status="Charging", timestamp="2027-01-15T08:00:00Z"
    )
    older = m.StatusNotificationRequest(
        connector_id=1, error_code="NoError", status="Available", timestamp="2027-01-15T07:00:00Z"
    )

    house.ask(newer)
    house.ask(older)

    assert house.present.picture.connector("CP1", 1).status == "Charging"
    assert isinstance(house.journal.recorded[-1], facts.MessageKept)


def test_absurd_connector_number_is_confirmed_and_makes_no_connector() -> None:
    house = House()

    (reply,) = house.ask(
        m.StatusNotificationRequest(connector_id=1_850_000_000, error_code="NoError", status="Available")
    )

    assert isinstance(reply, m.StatusNotificationResponse)
    assert 1_850_000_000 not in house.present.picture.charge_points["CP1"].connectors


def test_meter_values_become_currents_and_burst_values_do_not_drive() -> None:
    house = House()

    def values(current: str, timestamp: str) -> None:
        sample = m.SampledValue(value=current, measurand="Current.Import", phase="L1", unit="A")
        request = m.MeterValuesRequest(
            connector_id=1,
            transaction_id=None,
            meter_value=(m.MeterValue(timestamp=timestamp, sampled_value=(sample,)),),
        )
        house.ask(request)

    values("16.0", "2027-01-15T07:00:00Z")
    assert house.present.picture.connector("CP1", 1).values is None
    values("10.0", "2027-01-15T08:00:00Z")
    now = house.present.picture.connector("CP1", 1).values
    assert now is not None
    assert now.current_ma is not None
    assert now.current_ma.l1 == 10_000
    assert now.measured_utc_ms == UTC_MS


def test_data_transfer_of_an_unknown_vendor_is_kept() -> None:
    house = House()

    (reply,) = house.ask(m.DataTransferRequest(vendor_id="acme", data="x"), raw=b'{"vendorId":"acme"}')

    assert isinstance(reply, m.DataTransferResponse)
    assert reply.status == "UnknownVendorId"
    kept = house.journal.recorded[-1]
    assert isinstance(kept, facts.MessageKept)
    assert kept.raw == b'{"vendorId":"acme"}'
