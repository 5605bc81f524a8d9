"""What is kept of a charge point's frames, and what of it may be seen: never a key, never a whole id tag."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargemon_edge.csms.frame_text import id_tags_in, presentable
from chargemon_edge.csms.recorder import (
    BYTES_MAX,
    ENTRY_BYTES,
    FRAMES_MAX,
    FROM,
    KINDS_MAX,
    OTHER,
    SITE_BYTES_MAX,
    TAPES_MAX,
    TO,
    Recorder,
    Tape,
    kind_of,
)
from tests.unit.control.fakes import UTC_MS, FakeClock

TAG = "CANARY0815TAG"
KEY = "CANARYKEY4711"


def recorder() -> Recorder:
    return Recorder(FakeClock())


def test_frames_come_back_in_order_with_their_times_and_ways() -> None:
    recorded = recorder()
    tape = recorded.tape("CP1")
    tape.passed(FROM, b'[2,"1","Heartbeat",{}]', 990.0)
    tape.passed(TO, b'[3,"1",{"currentTime":"2027-01-15T08:00:00.000Z"}]', 990.5)
    frames = recorded.frames("CP1")

    assert [(one.way, one.at_utc_ms - UTC_MS) for one in frames] == [
        ("from charge point", -10_000),
        ("to charge point", -9_500),
    ]
    assert json.loads(frames[0].text) == [2, "1", "Heartbeat", {}]
    assert frames[0].bytes == 22
    assert recorded.frames("CP2") == []


def test_it_is_bounded_in_frames_bytes_and_charge_points() -> None:
    recorded = recorder()
    tape = recorded.tape("CP1")
    for number in range(2 * FRAMES_MAX):
        tape.passed(FROM, b'[2,"%d","Heartbeat",{}]' % number, 1.0)
    frames = recorded.frames("CP1")
    assert len(frames) == FRAMES_MAX
    assert json.loads(frames[-1].text)[1] == str(2 * FRAMES_MAX - 1)

    tape.passed(FROM, b"x" * (BYTES_MAX - 10), 1.0)
    assert sum(one.bytes for one in recorded.frames("CP1")) <= BYTES_MAX
    for number in range(TAPES_MAX):
        recorded.tape(f"X{number}")
    assert recorded.frames("CP1") == []


_sizes = st.one_of(
    st.lists(st.sampled_from([0, 1, 60, 939, 1_700, BYTES_MAX // 8, BYTES_MAX // 3, BYTES_MAX, 70_000]), max_size=60),
    # a flood of the largest frames that a link may carry, and one of the smallest
    st.builds(lambda size, count: [size] * count, st.sampled_from([65_536, 0]), st.integers(1, 600)),
)


@given(_sizes, st.sampled_from([BYTES_MAX, SITE_BYTES_MAX // 100, SITE_BYTES_MAX // TAPES_MAX]))
def test_the_bounds_hold_whatever_comes_and_the_newest_half_is_kept(sizes: list[int], bytes_max: int) -> None:
    tape = Tape()
    tape.share(bytes_max)
    taken: list[int] = []
    for number, size in enumerate(sizes):
        tape.passed(FROM if number % 2 else TO, b"x" * size, float(number))
        taken.append(size + ENTRY_BYTES)
        kept = [len(data) + ENTRY_BYTES for _, _, data in tape.kept()]

        assert kept == taken[-len(kept) :]
        assert sum(kept) <= bytes_max or len(kept) == 1
        # one more than is kept would be more than half of what may be, or be itself larger than a part
        assert len(kept) == len(taken) or sum(taken[-len(kept) - 1 :]) > bytes_max // 2


def test_a_smaller_share_takes_the_oldest_away_at_once() -> None:
    tape = Tape()
    for number in range(40):
        tape.passed(FROM, b"%04d" % number * 300, 1.0)
    for bytes_max in (BYTES_MAX // 2, BYTES_MAX // 5, 100):
        tape.share(bytes_max)
        kept = tape.kept()
        assert sum(len(data) + ENTRY_BYTES for _, _, data in kept) <= bytes_max or len(kept) == 1
        assert kept[-1][2].startswith(b"0039")


def test_many_charge_points_share_the_sites_bytes() -> None:
    recorded = recorder()

    def kept() -> list[int]:
        return [sum(len(data) + ENTRY_BYTES for _, _, data in tape.kept()) for tape in tapes]

    tapes: list[Tape] = []
    for number in range(TAPES_MAX):
        tapes.append(recorded.tape(f"CP{number}"))
        for _ in range(30):
            tapes[-1].passed(FROM, b"x" * 1_700, 1.0)
        assert sum(kept()) <= SITE_BYTES_MAX
    # each has its part, whoever came first
    assert min(kept()) > SITE_BYTES_MAX // TAPES_MAX // 2


def test_a_flood_of_the_largest_frames_keeps_one_of_them() -> None:
    tape = Tape()
    for number in range(300):
        tape.passed(FROM, b"%04d" % number * 16_384, 1.0)
        assert [data[:4] for _, _, data in tape.kept()] == [b"%04d" % number]
    # and afterwards all is as it was
    for _ in range(FRAMES_MAX):
        tape.passed(FROM, b"[2]", 1.0)
    assert len(tape.kept()) == FRAMES_MAX


def test_a_new_link_goes_on_with_the_same_tape() -> None:
    recorded = recorder()
    recorded.tape("CP1").passed(FROM, b"[]", 1.0)
    recorded.tape("CP1").passed(FROM, b"[]", 2.0)

    assert len(recorded.frames("CP1")) == 2


def test_repairs_are_counted_by_kind_and_told_once() -> None:
    recorded = recorder()
    tape = recorded.tape("CP1")
    first = [tape.repaired(f"meterStart: ' {value} ' where an integer belongs", 1000.0) for value in (1, 22, 333)]

    assert first == [True, False, False]
    (repair,) = recorded.repairs("CP1")
    assert (repair.count, repair.last_utc_ms) == (3, UTC_MS)
    assert repair.kind == kind_of("meterStart: ' 4 ' where an integer belongs")
    for number in range(2 * KINDS_MAX):
        tape.repaired(f"member{chr(97 + number % 26)}{'x' * number}: odd", 1000.0)
    assert len(recorded.repairs("CP1")) == KINDS_MAX + 1
    assert OTHER in {one.kind for one in recorded.repairs("CP1")}


@pytest.mark.demand("S12")
@pytest.mark.parametrize(
    "frame",
    [
        f'[2,"1","Authorize",{{"idTag":"{TAG}"}}]',
        f'[2,"1","Authorize",{{"IDTAG" : "{TAG.lower()}"}}]',
        f'[3,"1",{{"idTagInfo":{{"status":"Accepted","parentIdTag":"{TAG}"}}}}]',
        f'[2,"1","SendLocalList",{{"localAuthorizationList":[{{"idTag":"{TAG}","idTagInfo":{{"status":"Accepted"}}}}]}}]',
        f'[2,"1","ChangeConfiguration",{{"key":"AuthorizationKey","value":"{KEY}"}}]',
        f'[2,"1","ChangeConfiguration",{{"value":"{KEY}","key":"authorizationkey"}}]',
        f'[3,"1",{{"configurationKey":[{{"key":"WifiPassword","readonly":false,"value":"{KEY}"}}]}}]',
        f'[2,"1","DataTransfer",{{"vendorId":"V","data":"{KEY} {TAG}"}}]',
        f'[2,"1","DataTransfer",{{"vendorId":"V","data":{{"card":["{TAG}"]}}}}]',
        f'[2,"1","UpdateFirmware",{{"location":"ftp://user:{KEY}@192.0.2.1/fw"}}]',
        f'[2,"1","Authorize",{{"idTag":"{TAG}"',
        f"[2,'1','Authorize',{{idTag:{TAG}}}]",
        f'{{"{TAG}":"{KEY}"}}}}',
        f"\xff{TAG}",
    ],
)
def test_no_secret_and_no_whole_tag_is_ever_shown(frame: str) -> None:
    recorded = recorder()
    tape = recorded.tape("CP1")
    tape.passed(FROM, frame.encode("latin-1"), 1.0)
    (shown,) = recorded.frames("CP1")

    assert TAG.casefold() not in shown.text.casefold()
    assert KEY not in shown.text


def test_a_tag_seen_once_is_masked_wherever_else_it_stands() -> None:
    recorded = recorder()
    tape = recorded.tape("CP1")
    tape.passed(
        FROM, f'[2,"2","StatusNotification",{{"connectorId":1,"info":"card {TAG.lower()} read"}}]'.encode(), 1.0
    )
    tape.passed(FROM, f'[2,"1","Authorize",{{"idTag":" {TAG} "}}]'.encode(), 2.0)
    tape.repaired(f"info: {TAG} and '{KEY}'", 3.0)

    for shown in recorded.frames("CP1"):
        assert TAG.casefold() not in shown.text.casefold()
        assert KEY not in shown.text


def test_what_helps_to_find_a_fault_stays() -> None:
    frame = b'[2,"7","MeterValues",{"connectorId":1,"meterValue":[{"sampledValue":[{"value":"16.1","unit":"A"}]}]}]'
    assert json.loads(presentable(frame)) == json.loads(frame)
    assert presentable(b'[2,"7","StartTransaction",{"idTag":"AB",}') == '[2,"7","StartTransaction",{"idTag":"…",}'


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@given(_json, st.sampled_from(["idTag", "IdTag", "parentIdTag"]), st.integers(0, 30))
def test_wherever_a_tag_is_named_it_is_masked(around: object, member: str, cut: int) -> None:
    data = json.dumps([2, "1", "Odd", {"a": around, "b": [{member: TAG}], "c": TAG}]).encode()

    assert TAG not in presentable(data, set(id_tags_in(data)))
    assert TAG not in presentable(data[: len(data) - cut], set(id_tags_in(data)))
