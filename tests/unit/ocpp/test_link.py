"""The link: every transition, every refusal of one, and the traps of real chargers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chargemon_edge.ocpp.link import (
    RUNNING_MAX,
    TRANSITIONS,
    Confirmed,
    Errored,
    Ignored,
    Link,
    LinkError,
    Malformed,
    Requested,
    State,
    Step,
)


def waiting() -> Link:
    """A link whose CALL ``p1`` waits until 40 s."""
    link = Link("p")
    assert link.call("token", "Reset", b'{"type":"Soft"}', 10.0, 30.0) == b'[2,"p1","Reset",{"type":"Soft"}]'
    return link


def heartbeat(unique_id: str) -> bytes:
    return b'[2,"%s","Heartbeat",{}]' % unique_id.encode()


def condition(link: Link) -> tuple[State, float | None, int]:
    return link.state, link.expires_s, link.running


def test_a_request_is_received_and_confirmed() -> None:
    link = Link()

    assert link.received(heartbeat("1"), 0.0) == Requested("1", "Heartbeat", b"{}")
    assert link.running == 1
    assert link.confirm("1", b'{"currentTime":"now"}') == b'[3,"1",{"currentTime":"now"}]'
    assert link.running == 0


def test_a_request_is_refused() -> None:
    link = Link()
    link.received(heartbeat("1"), 0.0)

    assert link.refuse("1", "NotImplemented", "why") == b'[4,"1","NotImplemented","why",{}]'
    assert link.running == 0


def test_our_call_is_confirmed() -> None:
    link = waiting()

    assert condition(link) == (State.WAITING, 40.0, 0)
    assert link.received(b'[3,"p1",{"status":"Accepted"}]', 11.0) == Confirmed(
        "token", "Reset", b'{"status":"Accepted"}'
    )
    assert condition(link) == (State.IDLE, None, 0)


def test_our_call_gets_an_error() -> None:
    link = waiting()

    event = link.received('[4,"p1","NotSupported","nö",{"a":"ü"}]'.encode(), 11.0)

    assert event == Errored("token", "NotSupported", "nö", '{"a":"ü"}')
    assert link.idle


def test_each_call_has_an_id_of_its_own() -> None:
    link = waiting()
    link.received(b'[3,"p1",{}]', 11.0)

    assert link.call("next", "ClearCache", b"{}", 12.0, 30.0) == b'[2,"p2","ClearCache",{}]'


def test_our_call_expires_at_its_deadline_and_not_before() -> None:
    link = waiting()

    assert link.expired(39.9) is None
    assert link.state is State.WAITING
    assert link.expired(40.0) == "token"
    assert condition(link) == (State.IDLE, None, 0)
    assert link.expired(41.0) is None


def test_an_answer_after_the_deadline_is_ignored_and_said_to_be_late() -> None:
    link = waiting()
    link.expired(40.0)

    event = link.received(b'[3,"p1",{}]', 41.0)

    assert isinstance(event, Ignored)
    assert "after its deadline" in event.why


def test_an_answer_that_comes_before_anybody_noticed_the_deadline_counts() -> None:
    assert isinstance(waiting().received(b'[3,"p1",{}]', 41.0), Confirmed)


@pytest.mark.parametrize("data", [b'[3,"p7",{}]', b'[4,"p7","GenericError","",{}]', b'[3,"p1 ",{}]'])
def test_an_answer_to_nothing_is_ignored_and_ours_waits_on(data: bytes) -> None:
    link = waiting()

    event = link.received(data, 11.0)

    assert isinstance(event, Ignored)
    assert "waits for none" in event.why
    assert not link.idle


def test_a_second_answer_is_ignored() -> None:
    link = waiting()
    link.received(b'[3,"p1",{}]', 11.0)

    assert isinstance(link.received(b'[3,"p1",{}]', 11.1), Ignored)


def test_trap_11_a_call_is_taken_while_ours_waits() -> None:
    link = waiting()

    assert isinstance(link.received(heartbeat("1"), 11.0), Requested)
    assert link.confirm("1", b"{}") == b'[3,"1",{}]'
    assert isinstance(link.received(b'[3,"p1",{}]', 12.0), Confirmed)


def test_trap_11_the_socket_goes_right_after_the_answer() -> None:
    link = waiting()
    link.received(b'[3,"p1",{}]', 12.0)

    assert link.abandon() is None


def test_the_socket_goes_while_ours_waits() -> None:
    link = waiting()
    link.received(heartbeat("1"), 11.0)

    assert link.abandon() == "token"
    assert condition(link) == (State.IDLE, None, 0)


def test_trap_12_a_burst_of_thirteen_calls_is_taken() -> None:
    link = Link()

    events = [link.received(heartbeat(str(number)), 0.01 * number) for number in range(13)]

    assert [type(event) for event in events] == [Requested] * 13
    assert link.confirm("7", b"{}") == b'[3,"7",{}]'


def test_trap_13_an_id_that_was_answered_may_come_again() -> None:
    link = Link()
    for _ in range(2):
        assert isinstance(link.received(heartbeat("1"), 0.0), Requested)
        link.confirm("1", b"{}")


def test_trap_13_their_id_may_equal_ours() -> None:
    link = waiting()

    assert isinstance(link.received(heartbeat("p1"), 11.0), Requested)
    assert isinstance(link.received(b'[3,"p1",{}]', 12.0), Confirmed)
    assert link.confirm("p1", b"{}") == b'[3,"p1",{}]'


def test_a_call_repeated_while_it_is_answered_gets_the_one_answer() -> None:
    link = Link()
    link.received(heartbeat("1"), 0.0)

    event = link.received(heartbeat("1"), 1.0)

    assert isinstance(event, Ignored)
    assert "still being answered" in event.why
    assert link.running == 1


def test_too_many_calls_at_once_are_refused_one_by_one() -> None:
    link = Link()
    for number in range(RUNNING_MAX):
        link.received(heartbeat(str(number)), 0.0)

    event = link.received(heartbeat("one more"), 0.0)

    assert isinstance(event, Malformed)
    assert event.reply is not None
    assert event.reply.startswith(b'[4,"one more","GenericError",')
    link.confirm("0", b"{}")
    assert isinstance(link.received(heartbeat("one more"), 0.0), Requested)


def test_a_broken_call_gets_a_callerror_where_its_id_can_be_read() -> None:
    event = Link().received(b'[2,"1","Heartbeat",{]', 0.0)

    assert isinstance(event, Malformed)
    assert event.reply is not None
    assert event.reply.startswith(b'[4,"1","FormationViolation","not JSON')


@pytest.mark.parametrize("data", [b"rubbish", b'[9,"1"]', b'[3,"p1",{]', b'[2,7,"Heartbeat",{}]'])
def test_other_rubbish_gets_no_answer_and_changes_nothing(data: bytes) -> None:
    link = waiting()
    before = condition(link)

    event = link.received(data, 11.0)

    assert isinstance(event, Malformed)
    assert event.reply is None
    assert event.why
    assert condition(link) == before


def test_a_broken_call_with_a_running_id_gets_no_answer_of_its_own() -> None:
    link = Link()
    link.received(heartbeat("1"), 0.0)

    event = link.received(b'[2,"1","Heartbeat",{]', 0.0)

    assert isinstance(event, Malformed)
    assert event.reply is None
    assert link.confirm("1", b"{}") == b'[3,"1",{}]'


def test_any_traffic_shows_when_the_peer_was_heard_last() -> None:
    link = Link()

    assert link.heard_s is None
    link.received(b"rubbish", 7.0)
    assert link.heard_s == 7.0


ILLEGAL: dict[str, Callable[[Link], object]] = {
    "call while waiting": lambda link: link.call("second", "ClearCache", b"{}", 11.0, 30.0),
    "call without a token": lambda link: link.call(None, "ClearCache", b"{}", 11.0, 30.0),
    "confirm the unknown": lambda link: link.confirm("7", b"{}"),
    "refuse the unknown": lambda link: link.refuse("7", "GenericError", ""),
    "confirm twice": lambda link: (link.confirm("1", b"{}"), link.confirm("1", b"{}")),
}


@pytest.mark.parametrize("step", ILLEGAL.values(), ids=ILLEGAL.keys())
def test_an_illegal_transition_raises_and_nothing_changed(step: Callable[[Link], object]) -> None:
    link = waiting()
    link.received(heartbeat("2"), 11.0)
    if step is ILLEGAL["confirm twice"]:
        link.received(heartbeat("1"), 11.0)
    before = condition(link) if step is not ILLEGAL["confirm twice"] else (State.WAITING, 40.0, 1)

    with pytest.raises(LinkError):
        step(link)

    assert condition(link) == before
    assert isinstance(link.received(b'[3,"p1",{}]', 12.0), Confirmed)


def test_a_prefix_leaves_room_for_the_counter() -> None:
    with pytest.raises(LinkError):
        Link("x" * 21)


def test_the_table_knows_every_step_and_its_only_origin() -> None:
    assert {step for _, step in TRANSITIONS} == set(Step)
    assert all((before is State.IDLE) == (step is Step.CALL) for before, step in TRANSITIONS)
