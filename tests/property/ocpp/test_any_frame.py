"""Frames: whatever comes in, the answer is a frame or a FrameError."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chargemon_edge.ocpp import frames
from chargemon_edge.ocpp.frames import Call, CallError, CallResult, FrameError
from chargemon_edge.ocpp.link import Event, Link, Malformed, Requested
from chargemon_edge.ocpp.v16 import codec
from chargemon_edge.ocpp.v16.messages import MeterValuesRequest
from chargemon_edge.ocpp.v16.repeated_values import RequestReader

PIECES = st.sampled_from(
    [b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\", b"2", b"3", b"4", b"null", b'"1"', b'"Heartbeat"', b"{}", b" "]
)
NEARLY = st.lists(PIECES, max_size=25).map(b"".join)


@given(st.binary(max_size=200) | NEARLY)
@example(b"[" * 60_000)
@example(b'[2,"1","Heartbeat",' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"]")
@example(b'[2,"\\ud800","Heartbeat",{}]')
@example(b'[2,"1","Heartbeat",{"a":"\xff"}]')
def test_any_bytes_are_a_frame_or_a_frame_error(data: bytes) -> None:
    try:
        frame = frames.decode(data)
    except FrameError as error:
        assert error.description
        assert error.unique_id is None or 1 <= len(error.unique_id) <= frames.UNIQUE_ID_MAX
    else:
        assert isinstance(frame, Call | CallResult | CallError)


@given(st.binary(max_size=200) | NEARLY)
def test_any_bytes_leave_a_link_in_order(data: bytes) -> None:
    link = Link("p")

    event = link.received(data, 1.0)

    assert link.idle
    if isinstance(event, Malformed) and event.reply is not None:
        assert isinstance(frames.decode(event.reply), CallError)


IDS = st.text(min_size=1, max_size=36)
JSON_OBJECTS = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4)


@given(IDS, st.text(max_size=20), JSON_OBJECTS)
def test_a_call_comes_back_as_it_was_written(unique_id: str, action: str, value: dict[str, str]) -> None:
    frame = frames.decode(frames.encode_call(unique_id, action, json.dumps(value).encode()))

    assert isinstance(frame, Call)
    assert (frame.unique_id, frame.action, json.loads(bytes(frame.payload))) == (unique_id, action, value)


@given(IDS, JSON_OBJECTS)
def test_a_result_comes_back_as_it_was_written(unique_id: str, value: dict[str, str]) -> None:
    frame = frames.decode(frames.encode_result(unique_id, json.dumps(value).encode()))

    assert isinstance(frame, CallResult)
    assert (frame.unique_id, json.loads(bytes(frame.payload))) == (unique_id, value)


BRACKETS = st.text(alphabet='[]{}",', max_size=6)
NESTED = st.recursive(
    st.text(alphabet='[]{}",\\ax', max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(BRACKETS, inner, max_size=3),
    max_leaves=40,
)


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max((depth(inner) for inner in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((depth(inner) for inner in value), default=0)
    return 0


@pytest.mark.demand("S14")
@given(NESTED, st.integers(0, 20), st.sampled_from(["[", "{", "}"]), st.sampled_from([(",", ":"), (", ", ": ")]))
def test_depth_is_judged_exactly_whatever_brackets_the_strings_hold(
    inner: object, wrappings: int, key: str, separators: tuple[str, str]
) -> None:
    value = {"x": inner}
    for _ in range(wrappings):
        value = {key: value}
    frame = [2, "1", "DataTransfer", value]
    data = json.dumps(frame, separators=separators).encode()

    try:
        frames.decode(data)
    except FrameError as error:
        assert depth(frame) > frames.DEPTH_MAX
        assert error.unique_id == "1"
    else:
        assert depth(frame) <= frames.DEPTH_MAX


SAMPLE = (
    '{"value":"16.02","context":"Sample.Periodic","measurand":"Current.Import","phase":"L1","unit":"A","extra":null}'
)
VALUES = '{"connectorId":1,"meterValue":[{"timestamp":"2026-07-18T10:00:00Z","sampledValue":[%s]}]}'
LONG = f'[2,"4f2a","MeterValues",{VALUES % ",".join([SAMPLE] * 9)}]'.encode()
DAMAGE = st.sampled_from(
    [b"", b"\xff", "é".encode(), b'"', b"\\", b"\\u00e9", b"\n", b",]", b"}", b"{", b"1", b'{"a":']
) | st.binary(max_size=3)


# A payload without members of the vendor's own is read a single time
READ_ONCE = LONG.replace(b',"extra":null', b"")


def without_request(event: Event) -> Event:
    """What a link makes of a frame by itself."""
    return Requested(event.unique_id, event.action, event.payload) if isinstance(event, Requested) else event


@pytest.mark.parametrize("whole", [LONG, READ_ONCE], ids=["with a vendor's member", "read once"])
@given(st.integers(0, len(LONG)), st.integers(0, 3), DAMAGE, st.integers(1, 300))
@example(0, 0, b"]", 1)
@example(1, 0, b",{}", 1)
@example(1, 0, b"\n", 1)
@example(1, 0, b"}", 1)
@example(2, 0, b',"a":' + b"[" * 13 + b"]" * 13, 1)
@example(2, 0, b',"a":' + b"[" * 16 + b"]" * 16, 1)
def test_a_payload_that_is_read_once_makes_no_difference(
    whole: bytes, from_end: int, removed: int, damage: bytes, times: int
) -> None:
    at = max(0, len(whole) - from_end)
    data = whole[:at] + damage * times + whole[at + removed :]

    event = Link("p", RequestReader().read).received(data, 1.0)

    assert without_request(event) == Link("p").received(data, 1.0)


def test_a_long_call_is_read_once() -> None:
    event = Link("p", RequestReader().read).received(READ_ONCE, 1.0)

    assert isinstance(event, Requested)
    assert event.request == codec.decode_request("MeterValues", event.payload)
    assert isinstance(event.request, MeterValuesRequest)


def test_members_of_the_vendors_own_make_no_difference_but_in_time() -> None:
    event = Link("p", RequestReader().read).received(LONG, 1.0)
    without = Link("p", RequestReader().read).received(READ_ONCE, 1.0)

    assert isinstance(event, Requested) and isinstance(without, Requested)
    assert event.request is None
    assert codec.decode_request("MeterValues", event.payload, pytest.fail) == without.request
