"""MeterValues that repeat: read by what is known of the one before, they say what they say when read anew."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import structs

from chargemon_edge.ocpp.link import Link, Read, Requested
from chargemon_edge.ocpp.v16 import codec, metering
from chargemon_edge.ocpp.v16.codec import PayloadError
from chargemon_edge.ocpp.v16.core import MeterValuesRequest
from chargemon_edge.ocpp.v16.repeated_values import MeasuredValues, RequestReader

SAMPLES = st.fixed_dictionaries(
    {"value": st.just("0")},
    optional={
        "measurand": st.sampled_from(
            [
                "Current.Import",
                "Power.Active.Import",
                "Energy.Active.Import.Register",
                "Voltage",
                "Current.Offered",
                "?",
            ]
        ),
        "phase": st.sampled_from(["L1", "L2", "L3", "N", "L1-N", "L1-L2"]),
        "unit": st.sampled_from(["A", "mA", "W", "kW", "Wh", "kWh", "V"]),
        "location": st.sampled_from(["Outlet", "Inlet"]),
        "context": st.sampled_from(["Sample.Periodic", "Transaction.Begin"]),
        "format": st.sampled_from(["Raw", "SignedData"]),
    },
)
NUMBERS = st.one_of(
    st.integers(-(10**13), 10**13).map(str),
    st.floats(-1e6, 1e6).map(str),
    st.sampled_from(
        ["16.02", "0", "-0", "1e3", "1e400", "NaN", "", " 1", "1,2", "+1", ".5", "1\n", "[", "]", '1"', "\\u0031"]
    ),
)
TIMES = st.sampled_from(
    ["2026-07-18T10:00:00Z", "2026-07-18T10:00:00.123+02:00", "1970-01-01", "", "now", 'a"b', "a\\nb", "2026-07-18\n10"]
)
MESSAGES = st.fixed_dictionaries(
    {"connectorId": st.integers(-1, 3), "sampledValue": st.lists(SAMPLES, min_size=1, max_size=6)},
    optional={"transactionId": st.just("@transaction@")},
)
TRANSACTIONS = st.sampled_from(
    ["0", "7", "12", "123456789012345678", "1234567890123456789012", "-1", "01", "1.0", "null", "", "1 "]
)


# makes every frame long enough to be worth it
FILLER = {"value": "50.01", "measurand": "Frequency", "context": "Other", "location": "Cable", "unit": "." * 200}


def written(
    message: dict[str, Any],
    numbers: list[str],
    time: str,
    unique_id: str,
    transaction: str,
    separators: tuple[str, str],
) -> bytes:
    """A frame with *message*; what repeats differ in goes in as it is, however broken that makes it."""
    sampled = [{**sample, "value": f"@{index}@"} for index, sample in enumerate(message["sampledValue"])]
    payload = {name: value for name, value in message.items() if name != "sampledValue"}
    payload["meterValue"] = [{"timestamp": "@time@", "sampledValue": [*sampled, FILLER]}]
    text = json.dumps([2, "@id@", "MeterValues", payload], separators=separators)
    text = text.replace("@time@", time).replace("@id@", unique_id).replace('"@transaction@"', transaction)
    for index in range(len(sampled)):
        text = text.replace(f"@{index}@", numbers[index % len(numbers)])
    return text.encode()


def meaning(read: Read | None, data: bytes) -> object:
    """What control learns of a frame that a link takes in, with *read* or by itself."""
    event = Link("p", read).received(data, 1.0) if read else Link("p").received(data, 1.0)
    if not isinstance(event, Requested):
        return event
    request = event.request
    if request is None:
        try:
            request = codec.decode_request(event.action, event.payload)
        except PayloadError as error:
            request = str(error)
    if isinstance(request, MeterValuesRequest):
        measured = metering.normalise(request.meter_value)
        request = MeasuredValues(
            connector_id=request.connector_id,
            transaction_id=request.transaction_id,
            measured=measured,
            written=event.payload,
        )
    if isinstance(request, MeasuredValues):
        request = structs.replace(request, written=bytes(request.written))
    return event.unique_id, event.action, request


IDS = st.sampled_from(
    ["1", "4f2a", "b8b5ee34-fe17-4d42-9f0a-7c1d0a9b0c11", "a" * 36, "a" * 37, "", "a b", 'a"b', "a\\\\b", "é"]
)
REPEATS = st.lists(
    st.tuples(st.lists(NUMBERS, min_size=1, max_size=6), TIMES, IDS, TRANSACTIONS), min_size=2, max_size=4
)
# what is written on the same places as the one before, and what only seems to be
OF_FIVE = ["16.02", "15.98", "00.00", "-1.50", "+1.50", "00012", ".5000", "1.000", "99999", "1.2.3", "1,2.3", "-----"]
OF_FIVE += ["1e400", "NaNNa", " 1.02", "1.02\n", "1_000", '1","2', '"1.0"', "16.0\\", "16.0é", "", "16.020", "1.02]"]
OF_TWENTY = ["2026-07-18T10:00:00Z", "2026-07-18T10:00:59Z", "2026-07-18T10:00:60Z", "2026-07-18T10:61:00Z"]
OF_TWENTY += ["2026-13-18T10:00:00Z", "9999-12-31T23:59:59Z", '2026-07-18","b":"00Z', "2026-07-18T10:00:00\\", ""]
OF_TWO = ["11", "12", "99", "07", "00", "-1", "1.", "1 ", " 1", "1}", "1,", "é", "1", "1e"]
OF_FOUR = ["0000", "4f2a", "a-b1", "----", "a b1", 'a"b1', "a\\b1", "aéb", "aéb1", "a,b1", "a\nb1", ""]
SAME_PLACES = st.lists(
    st.tuples(
        st.lists(st.sampled_from(OF_FIVE), min_size=6, max_size=6),
        st.sampled_from(OF_TWENTY),
        st.sampled_from(OF_FOUR),
        st.sampled_from(OF_TWO),
    ),
    min_size=1,
    max_size=4,
).map(lambda later: [(["16.00"], OF_TWENTY[0], OF_FOUR[0], OF_TWO[0]), *later])


@given(MESSAGES, REPEATS | SAME_PLACES, st.sampled_from([(",", ":"), (", ", ": ")]))
@example(
    {"connectorId": 1, "sampledValue": [{"value": "0"}, {"value": "0"}]},
    [(["1"], "2026-07-18T10:00:00Z", "1", "7"), (['1"value":"2', "3"], "2026-07-18T10:00:00Z", "2", "7")],
    (",", ":"),
)
def test_what_repeats_is_read_as_what_is_new(
    message: dict[str, Any], repeats: list[tuple[list[str], str, str, str]], separators: tuple[str, str]
) -> None:
    read = RequestReader().read

    for numbers, time, unique_id, transaction in repeats:
        data = written(message, numbers, time, unique_id, transaction, separators)

        assert meaning(read, data) == meaning(None, data)


@pytest.mark.parametrize("measurand", ["Current.Import", "Frequency"])
@pytest.mark.parametrize(
    ("number", "time", "unique_id", "transaction"),
    [(number, OF_TWENTY[0], OF_FOUR[0], OF_TWO[0]) for number in OF_FIVE]
    + [("99.99", time, OF_FOUR[0], OF_TWO[0]) for time in OF_TWENTY]
    + [("99.99", OF_TWENTY[0], unique_id, OF_TWO[0]) for unique_id in OF_FOUR]
    + [("99.99", OF_TWENTY[0], OF_FOUR[0], transaction) for transaction in OF_TWO],
)
@pytest.mark.parametrize("large", ["12345678901", "0000000001e", "99999999999999"])
def test_each_place_is_looked_at(
    measurand: str, number: str, time: str, unique_id: str, transaction: str, large: str
) -> None:
    samples = [{"value": "0", "measurand": one, "unit": "A", "phase": "L1"} for one in (measurand, "Current.Import")]
    message = {"connectorId": 1, "transactionId": "@transaction@", "sampledValue": samples}
    small = f"{1:.{len(large) - 2}f}"
    read = RequestReader().read

    for own in (
        (["16.00", small], OF_TWENTY[0], OF_FOUR[0], OF_TWO[0]),
        ([number, small], time, unique_id, transaction),
        ([number, large], time, unique_id, transaction),
    ):
        data = written(message, *own, (",", ":"))

        assert meaning(read, data) == meaning(None, data)


PLAIN = {"connectorId": 1, "transactionId": 7, "sampledValue": [{"value": "0", "measurand": "Current.Import"}] * 3}
FIRST = written(PLAIN, ["11.50", "2"], "2026-07-18T10:00:00Z", "11", "", (",", ":"))
NEXT = written(PLAIN, ["16.02", "3"], "2026-07-18T10:00:10Z", "10", "", (",", ":"))
OTHER = NEXT.replace(b'"transactionId":7', b'"transactionId":8')
LONGER = NEXT.replace(b'"transactionId":7', b'"transactionId":1234567')


@given(
    st.integers(0, len(NEXT)), st.integers(0, 12), st.binary(max_size=4) | st.sampled_from([b'"', b'"value":"', b"}"])
)
def test_damage_is_never_overlooked(at: int, removed: int, damage: bytes) -> None:
    read = RequestReader().read
    read(FIRST)
    data = NEXT[:at] + damage + NEXT[at + removed :]

    assert meaning(read, data) == meaning(None, data)


def test_a_repeat_is_not_taken_apart() -> None:
    read = RequestReader().read
    first, following = read(FIRST), read(NEXT)

    assert first is not None and isinstance(first.request, MeterValuesRequest)
    assert following is not None and isinstance(following.request, MeasuredValues)
    assert meaning(read, NEXT) == meaning(None, NEXT)


def test_nor_is_the_first_of_another_transaction() -> None:
    read = RequestReader().read
    read(FIRST)
    other = read(OTHER)

    assert other is not None and isinstance(other.request, MeasuredValues)
    assert other.request.transaction_id == 8
    for _ in range(2):
        for data in (OTHER, LONGER, NEXT):
            assert meaning(read, data) == meaning(None, data)


@pytest.mark.parametrize("number", [b"01", b"-1", b"1.0", b"null", b"9" * 19, b"", b"7,"])
def test_a_transaction_that_is_no_plain_number_is_looked_at(number: bytes) -> None:
    read = RequestReader().read
    read(FIRST)
    data = NEXT.replace(b'"transactionId":7', b'"transactionId":%b' % number)

    assert meaning(read, data) == meaning(None, data)


def test_the_last_of_two_transactions_counts_as_ever() -> None:
    twice = b'"transactionId":7,"transactionId":7'
    read = RequestReader().read
    read(FIRST.replace(b'"transactionId":7', twice))
    for data in (twice.replace(b"7", b"8", 1), twice.replace(b":7,", b":7 ,")):
        frame = NEXT.replace(b'"transactionId":7', data)

        assert meaning(read, frame) == meaning(None, frame)


@pytest.mark.parametrize(
    "data",
    [
        FIRST.replace(b'"connectorId":1', b'"connectorId":2'),
        FIRST.replace(b"Current.Import", b"Current.Export"),
        FIRST.replace(b"1.5", b"NaN"),
        FIRST.replace(b"1.5", b"1e10"),
        FIRST.replace(b"2026-07-18T10:00:00Z", b"yesterday"),
        FIRST.replace(b"[2,", b"[2, "),
    ],
)
def test_anything_else_takes_the_ordinary_way(data: bytes) -> None:
    read = RequestReader().read
    read(FIRST)
    found = read(data)

    assert found is not None and isinstance(found.request, MeterValuesRequest)


@pytest.mark.parametrize("measurand", [b"Current.Import", b"Power.Active.Import"])
def test_what_stands_before_the_first_value_counts(measurand: bytes) -> None:
    """The rest of the bytes is the same in both: only the first sample's members before its value differ."""
    data = FIRST.replace(b',"measurand":"Current.Import"', b"", 1)
    data = data.replace(b'{"value"', b'{"measurand":"%b","value"' % measurand, 1)
    read = RequestReader().read
    read(data)

    assert meaning(read, data) == meaning(None, data)


def test_several_times_in_one_message_are_not_learned() -> None:
    one = FIRST.partition(b'"meterValue":[')[2][:-3]
    twice = FIRST.replace(one, one + b"," + one)
    read = RequestReader().read

    for _ in range(2):
        found = read(twice)
        assert found is not None and isinstance(found.request, MeterValuesRequest)


@pytest.mark.parametrize(
    "data", [b'[2,"1","Heartbeat",{}]', FIRST.replace(b"MeterValues", b"DataTransfer"), FIRST[:-1]]
)
def test_everything_else_is_left_to_others(data: bytes) -> None:
    assert RequestReader().read(data) is None
