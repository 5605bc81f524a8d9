"""Frames: what each broken one is told, and how ours are written."""

from __future__ import annotations

import pytest

from chargemon_edge.ocpp import frames
from chargemon_edge.ocpp.frames import Call, CallError, CallResult, FrameError


def nested(depth: int) -> bytes:
    """A CALL whose arrays and objects nest that deep, the frame itself counted."""
    return b'[2,"1","DataTransfer",' + b'{"a":' * (depth - 1) + b"1" + b"}" * (depth - 1) + b"]"


def test_a_call_is_read() -> None:
    frame = frames.decode(b'[2, "19223201", "Heartbeat", {}]')

    assert isinstance(frame, Call)
    assert (frame.unique_id, frame.action, bytes(frame.payload)) == ("19223201", "Heartbeat", b"{}")


def test_a_result_without_payload_is_read_as_empty() -> None:
    frame = frames.decode(b'[3,"1"]')

    assert isinstance(frame, CallResult)
    assert bytes(frame.payload) == b"{}"


@pytest.mark.parametrize(
    "data", [b'[4,"1","GenericError","",{}]', b'[4,"1","GenericError",""]', b'[4,"1","GenericError",null]']
)
def test_an_error_may_leave_out_its_end(data: bytes) -> None:
    frame = frames.decode(data)

    assert isinstance(frame, CallError)
    assert (frame.code, frame.description or "", bytes(frame.details)) == ("GenericError", "", b"{}")


@pytest.mark.parametrize(
    ("data", "says", "unique_id"),
    [
        (b"", "not JSON", None),
        (b"rubbish", "not JSON", None),
        (b"{}", "not an OCPP-J frame", None),
        (b"[]", "not an OCPP-J frame", None),
        (b'"2"', "not an OCPP-J frame", None),
        (b"null", "not an OCPP-J frame", None),
        (b'[5,"1","Heartbeat",{}]', "Invalid value 5", None),
        (b'["2","1","Heartbeat",{}]', "Expected `int`", None),
        (b'[true,"1","Heartbeat",{}]', "Expected `int`", None),
        (b'[2,1,"Heartbeat",{}]', "Expected `str`, got `int`", None),
        (b'[2,"","Heartbeat",{}]', "length >= 1", None),
        (b'[2,"' + b"x" * 37 + b'","Heartbeat",{}]', "length <= 36", None),
        (b'[2,"1"]', "at least length 4", "1"),
        (b'[2,"1","Heartbeat"]', "at least length 4", "1"),
        (b'[2,"1","Heartbeat",{},{}]', "at most length", "1"),
        (b'[2,"1",7,{}]', "Expected `str`, got `int`", "1"),
        (b'[2,"1","Heartbeat",{]', "not JSON", "1"),
        (b'[2,"1","Heartbeat",{}', "not JSON", "1"),
        (b'[2,"1","Heartbeat",{}]]', "not JSON", "1"),
        (b'[2,"1","Heartbeat",{"a":NaN}]', "not JSON", "1"),
        (b'[2,"a\\u00e9","Heartbeat",{]', "not JSON", "aé"),
        (b'[2,"\xff","Heartbeat",{}]', "not UTF-8 at byte 4", None),
        (b'[2,"1","Heartbeat",{"unread":"\xff"}]', "not UTF-8 at byte 30", "1"),
        (b'[3,"1",{]', "not JSON", None),
        (b'[4,"1"]', "at least length", None),
        (b"[" * 60_000, "nest deeper than 16", None),
        (nested(10_000), "nest deeper than 16", "1"),
        (nested(17), "nest deeper than 16", "1"),
    ],
)
def test_what_is_no_frame_is_told_why(data: bytes, says: str, unique_id: str | None) -> None:
    with pytest.raises(FrameError) as caught:
        frames.decode(data)

    assert caught.value.code == "FormationViolation"
    assert says in caught.value.description
    assert caught.value.unique_id == unique_id


def test_depth_is_found_among_many_objects_side_by_side() -> None:
    side_by_side = b"[" + b",".join([b'{"a":1}'] * 40) + b"]"
    deep = nested(17).replace(b":1}", b":" + side_by_side + b"}")

    with pytest.raises(FrameError, match="nest deeper"):
        frames.decode(deep)
    assert isinstance(frames.decode(nested(14).replace(b":1}", b":" + side_by_side + b"}")), Call)


def test_sixteen_levels_are_allowed() -> None:
    assert isinstance(frames.decode(nested(16)), Call)


def test_a_frame_of_64_kib_is_allowed_and_one_byte_more_is_not() -> None:
    empty = len(frames.encode_call("1", "DataTransfer", b'{"data":""}'))
    fits = frames.encode_call("1", "DataTransfer", b'{"data":"%s"}' % (b"x" * (65_536 - empty)))

    assert isinstance(frames.decode(fits), Call)
    with pytest.raises(FrameError, match="65537 bytes") as caught:
        frames.decode(fits[:-1] + b" ]")
    assert caught.value.unique_id == "1"


def test_trap_06_frames_are_compact() -> None:
    assert frames.encode_call("1", "Reset", b'{"type":"Soft"}') == b'[2,"1","Reset",{"type":"Soft"}]'
    assert frames.encode_result("1", b"{}") == b'[3,"1",{}]'
    assert frames.encode_error("1", "NotImplemented", "no") == b'[4,"1","NotImplemented","no",{}]'


def test_a_description_is_cut_at_255_characters() -> None:
    frame = frames.decode(frames.encode_error("1", "GenericError", "é" * 300))

    assert isinstance(frame, CallError)
    assert frame.description == "é" * 255
