"""Slots, queue and directory: the newest limit first, one outcome for each call, links that only remove themselves."""

from __future__ import annotations

import asyncio

import pytest

from chargemon_edge.control.ports import Answered, Busy, LinkEnds, Offline, Outcome, Superseded, TimedOut
from chargemon_edge.csms.calls import CallQueue, PendingCall
from chargemon_edge.csms.directory import Directory
from chargemon_edge.ocpp.v16.messages import (
    ClearCacheRequest,
    ClearCacheResponse,
    Request,
    ResetRequest,
    TriggerMessageRequest,
)

CLEAR = ClearCacheRequest()
ANSWER = Answered(response=ClearCacheResponse(status="Accepted"), sent_mono_s=1.0)


class StoppedClock:
    """Never moves."""

    def monotonic_s(self) -> float:
        return 7.0

    def utc_ms(self) -> int:
        return 0


class KeptLink:
    """Keeps what it is given; a test settles it."""

    ends = LinkEnds(theirs="192.0.2.10", ours="192.0.2.1", profile=1)

    def __init__(self) -> None:
        self.calls: list[PendingCall] = []
        self.limits: list[tuple[int, PendingCall]] = []
        self.abandoned: list[PendingCall] = []

    def send_call(self, call: PendingCall) -> None:
        self.calls.append(call)

    def send_limit(self, connector: int, call: PendingCall) -> None:
        self.limits.append((connector, call))

    def hang_up(self, reason: str) -> None:
        raise AssertionError(reason)

    def abandon(self, call: PendingCall) -> None:
        self.abandoned.append(call)


def pending(outcomes: list[Outcome], request: Request = CLEAR) -> PendingCall:
    return PendingCall(request, 5.0, outcomes.append, asyncio.get_running_loop())


async def test_a_call_is_settled_once_and_later() -> None:
    outcomes: list[Outcome] = []
    call = pending(outcomes)
    call.settle(ANSWER)
    call.settle(TimedOut())
    call.drop()

    assert outcomes == []
    await asyncio.sleep(0)
    assert outcomes == [ANSWER]


async def test_a_dropped_call_tells_whether_it_was_sent() -> None:
    outcomes: list[Outcome] = []
    sent, unsent = pending(outcomes), pending(outcomes)
    sent.sent_mono_s = 1.0
    sent.drop()
    unsent.drop()
    await asyncio.sleep(0)

    assert outcomes == [TimedOut(), Offline()]


async def test_limits_go_first_and_the_newest_wins() -> None:
    outcomes: list[Outcome] = []
    queue = CallQueue(2)
    call, older, newer, other = (pending(outcomes) for _ in range(4))
    queue.put(call)
    queue.put_limit(1, older)
    queue.put_limit(2, other)
    queue.put_limit(1, newer)
    await asyncio.sleep(0)

    assert outcomes == [Superseded()]
    assert list(queue.drain()) == [newer, other, call]
    assert queue.take() is None


async def test_the_queue_is_bounded_and_the_limits_are_not_in_it() -> None:
    queue = CallQueue(2)
    first, second, third = (pending([]) for _ in range(3))

    assert queue.put(first)
    assert queue.put(second)
    assert not queue.put(third)
    queue.put_limit(1, third)
    assert queue.remove(first)
    assert not queue.remove(first)
    assert list(queue.drain()) == [third, second]


async def test_nothing_is_sent_to_who_is_not_there() -> None:
    directory = Directory(StoppedClock())
    outcomes: list[Outcome] = []
    directory.offer_limit("CP1", 1, CLEAR, outcomes.append)

    assert await directory.call("CP1", CLEAR, 5.0) == Offline()
    await asyncio.sleep(0)
    assert outcomes == [Offline()]
    assert not directory.linked("CP1")


async def test_a_call_waits_for_its_one_outcome() -> None:
    directory, link = Directory(StoppedClock()), KeptLink()
    directory.put("CP1", link)
    task = asyncio.create_task(directory.call("CP1", CLEAR, 5.0))
    await asyncio.sleep(0)
    link.calls[0].settle(Busy())

    assert await task == Busy()
    assert (link.calls[0].request, link.calls[0].deadline_s) == (CLEAR, 5.0)


async def test_a_cancelled_call_is_abandoned() -> None:
    directory, link = Directory(StoppedClock()), KeptLink()
    directory.put("CP1", link)
    task = asyncio.create_task(directory.call("CP1", ResetRequest(type="Soft"), 5.0))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert link.abandoned == link.calls
    # an answer that comes after all is nobody's
    link.calls[0].settle(ANSWER)
    await asyncio.sleep(0)


async def test_limits_have_the_directorys_deadline() -> None:
    directory, link = Directory(StoppedClock(), limit_deadline_s=3.0), KeptLink()
    directory.put("CP1", link)
    directory.offer_limit("CP1", 2, TriggerMessageRequest(requested_message="Heartbeat"), lambda _outcome: None)

    connector, call = link.limits[0]
    assert (connector, call.deadline_s) == (2, 3.0)


def test_an_older_link_cannot_remove_its_successor() -> None:
    directory, older, newer = Directory(StoppedClock()), KeptLink(), KeptLink()
    directory.put("CP1", older)
    directory.put("CP1", newer)

    assert not directory.remove("CP1", older)
    assert directory.linked("CP1")
    assert directory.remove("CP1", newer)
    assert not directory.linked("CP1")
    assert not directory.remove("CP1", newer)
