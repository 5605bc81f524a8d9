"""Frames in any pieces give the same messages; what breaks RFC 6455 is refused with the right code."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargemon_edge.csms import mask, websocket
from chargemon_edge.csms.websocket import BINARY, CLOSE, CONTINUATION, PING, TEXT, FrameFault, FrameReader, whole_text

MASK = b"\x37\xfa\x21\x3d"


def masked(opcode: int, payload: bytes, *, fin: bool = True, key: bytes = MASK) -> bytes:
    """A client's frame, written out by hand from RFC 6455 §5.2."""
    first = (0x80 if fin else 0) | opcode
    length = len(payload)
    if length < 126:
        head = bytes([first, 0x80 | length])
    elif length < 1 << 16:
        head = bytes([first, 0x80 | 126]) + length.to_bytes(2, "big")
    else:
        head = bytes([first, 0x80 | 127]) + length.to_bytes(8, "big")
    return head + key + bytes(octet ^ key[place % 4] for place, octet in enumerate(payload))


def read_all(reader: FrameReader, pieces: list[bytes]) -> list[tuple[int, bytes]]:
    messages = []
    for piece in pieces:
        reader.feed(piece)
        while (message := reader.next()) is not None:
            messages.append(message)
    return messages


def behind(earlier: bytes, data: bytes) -> bytearray:
    """The buffer of all wires, after *earlier* was read into it and then *data*."""
    buffer = bytearray(80_000)
    for read in (earlier, data):
        buffer[: len(read)] = read
    return buffer


def test_the_example_of_the_rfc() -> None:
    reader = FrameReader(100)
    hello = bytes.fromhex("818537fa213d7f9f4d5158")

    assert read_all(reader, [hello]) == [(TEXT, b"Hello")]
    assert whole_text(behind(b"", hello), len(hello)) == b"Hello"
    assert reader.at_rest


@pytest.mark.parametrize("length", [0, 1, 3, 4, 5, 125, 126, 127, 128, 939, 65_535])
def test_a_whole_text_frame_is_read_at_once(length: int) -> None:
    payload = bytes(place % 251 for place in range(length))
    data = masked(TEXT, payload)

    assert whole_text(behind(masked(TEXT, b"an earlier read" * 100), data), len(data)) == payload


@pytest.mark.parametrize(
    "data",
    [
        masked(TEXT, b"ab")[:-1],
        masked(TEXT, b"ab") + b"\x81",
        masked(TEXT, b"x" * 126)[:7],
        masked(TEXT, b"x" * 70_000),
        masked(TEXT, b"ab", fin=False),
        masked(BINARY, b"ab"),
        masked(PING, b"ab"),
        websocket.frame(TEXT, b"unmasked"),
        websocket.frame(TEXT, b"u" * 300),
        b"\x81",
        b"",
        # an unmasked length byte of 122 looks like minus six
        b"\x81\x7a",
        b"\x81\xff" + b"\0" * 131,
    ],
)
def test_what_is_not_exactly_one_text_frame_is_left_to_the_reader(data: bytes) -> None:
    assert whole_text(behind(b"", data), len(data)) is None
    # whatever an earlier read has left there
    for earlier in (masked(TEXT, b"earlier" * 100), masked(TEXT, b"one"), masked(TEXT, b""), b"\xff" * 20):
        assert whole_text(behind(earlier, data), len(data)) is None


@given(
    st.sampled_from([b"", b"\x81\x80", b"\x81\x83", b"\x81\xfd", b"\x81\xfe\x00\x04", b"\x81\xfe\x00\x7e"]),
    st.integers(0, 140).flatmap(lambda size: st.binary(min_size=size, max_size=size)),
)
def test_what_is_read_at_once_the_reader_reads_as_well(head: bytes, rest: bytes) -> None:
    data = head + rest
    message = whole_text(behind(masked(TEXT, b"earlier" * 100), data), len(data))
    if message is not None:
        reader = FrameReader(1_000)

        assert read_all(reader, [data]) == [(TEXT, message)]
        assert reader.at_rest


def test_any_cut_gives_the_same_messages() -> None:
    stream = (
        masked(TEXT, b"one")
        + masked(TEXT, b"t", fin=False)
        + masked(PING, b"between")
        + masked(CONTINUATION, b"w", fin=False)
        + masked(CONTINUATION, b"o")
        + masked(TEXT, b"3" * 300)
        + masked(TEXT, b"", fin=False)
        + masked(CONTINUATION, b"")
        + masked(CLOSE, b"\x03\xe8bye")
    )
    expected = [(TEXT, b"one"), (PING, b"between"), (TEXT, b"two"), (TEXT, b"3" * 300), (TEXT, b"")]
    expected.append((CLOSE, b"\x03\xe8bye"))
    cuts = random.Random(1)
    for _ in range(200):
        places = sorted(cuts.sample(range(1, len(stream)), cuts.randrange(1, 12)))
        pieces = [stream[start:end] for start, end in zip([0, *places], [*places, len(stream)], strict=True)]
        reader = FrameReader(400)

        assert read_all(reader, pieces) == expected
        assert reader.at_rest
    single = [stream[place : place + 1] for place in range(len(stream))]

    assert read_all(FrameReader(400), single) == expected


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xc1\x80" + MASK, 1002),  # reserved bit: compression nobody agreed to
        (b"\x83\x80" + MASK, 1002),  # unknown opcode
        (b"\x81\x02hi", 1002),  # not masked
        (b"\x09\x80" + MASK, 1002),  # fragmented ping
        (b"\x89\xfe", 1002),  # ping of 126 bytes or more
        (masked(CONTINUATION, b"x"), 1002),
        (masked(TEXT, b"x", fin=False) + masked(TEXT, b"y"), 1002),
        (masked(TEXT, b"x" * 101), 1009),
        (b"\x81\xff" + b"\xff" * 8, 1009),  # 2**64 - 1 bytes, refused before any came
        (masked(TEXT, b"x" * 60, fin=False) + masked(CONTINUATION, b"x" * 60), 1009),
        (masked(TEXT, b"", fin=False) + masked(CONTINUATION, b"", fin=False) * 300, 1008),
    ],
)
def test_what_breaks_the_protocol_ends_it(data: bytes, code: int) -> None:
    reader = FrameReader(100)
    reader.feed(data)

    with pytest.raises(FrameFault) as fault:
        while reader.next() is not None:
            pass
    assert fault.value.code == code


def test_a_message_of_just_the_limit_passes() -> None:
    assert read_all(FrameReader(100), [masked(TEXT, b"x" * 100)]) == [(TEXT, b"x" * 100)]


def test_random_bytes_give_messages_or_a_fault_and_nothing_else() -> None:
    noise = random.Random(2)
    faults = 0
    for _ in range(2_000):
        reader = FrameReader(1_000)
        reader.feed(noise.randbytes(noise.randrange(1, 60)))
        try:
            while reader.next() is not None:
                pass
        except FrameFault:
            faults += 1

    assert faults > 1_000


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_our_frames_have_the_shortest_length_field(length: int) -> None:
    data = websocket.frame(TEXT, b"x" * length)
    overhead = 2 if length < 126 else 4 if length < 65_536 else 10

    assert len(data) == length + overhead
    assert data.endswith(b"x" * length)


def test_a_close_reason_is_cut_between_characters() -> None:
    data = websocket.close_frame(1008, "ü" * 100)

    assert len(data) <= 127
    assert data[4:].decode() == "ü" * 61
    assert websocket.close_code(data[2:]) == 1008
    assert websocket.close_code(b"") == 1005


def test_aiohttp_still_has_its_compiled_mask() -> None:
    """If this fails, aiohttp moved its routine: messages are still right, but each costs more. See csms/mask.py."""
    assert mask.mask_in_place is not mask.mask_in_python
    assert type(mask.mask_in_place).__name__ in {"cython_function_or_method", "builtin_function_or_method"}


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 5, 7, 8, 9, 64, 1_000])
def test_both_masks_do_the_same(length: int) -> None:
    payload = bytes(place * 7 % 256 for place in range(length))
    ours, compiled = bytearray(payload), bytearray(payload)
    mask.mask_in_python(MASK, ours)
    mask.mask_in_place(MASK, compiled)

    assert ours == compiled == bytes(octet ^ MASK[place % 4] for place, octet in enumerate(payload))
