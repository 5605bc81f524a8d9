"""MeterValues that repeat: read by what is known of the one before, they say what they say when read anew."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chargemon_edge.ocpp.v16 import codec, metering
from chargemon_edge.ocpp.v16.core import MeterValuesRequest
from chargemon_edge.ocpp.v16.repeated_values import MeasuredValues, RequestReader
from chargemon_edge.ocpp.v16.types import Request

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
    optional={"transactionId": st.integers(0, 9)},
)


def written(message: dict[str, Any], numbers: list[str], time: str, separators: tuple[str, str]) -> bytes:
    """The payload of *message*; texts of numbers and time go in as they are, however broken that makes it."""
    sampled = [{**sample, "value": f"@{index}@"} for index, sample in enumerate(message["sampledValue"])]
    payload = {name: value for name, value in message.items() if name != "sampledValue"}
    payload["meterValue"] = [{"timestamp": "@time@", "sampledValue": sampled}]
    text = json.dumps(payload, separators=separators).replace("@time@", time)
    for index in range(len(sampled)):
        text = text.replace(f"@{index}@", numbers[index % len(numbers)])
    return text.encode()


def meaning(request: Request | None) -> tuple[int, int | None, metering.Measurement] | None:
    """What control learns of a request."""
    if isinstance(request, MeterValuesRequest):
        return request.connector_id, request.transaction_id, metering.normalise(request.meter_value)
    if isinstance(request, MeasuredValues):
        return request.connector_id, request.transaction_id, request.measured
    assert request is None
    return None


@given(
    MESSAGES,
    st.lists(st.tuples(st.lists(NUMBERS, min_size=1, max_size=6), TIMES), min_size=2, max_size=4),
    st.sampled_from([(",", ":"), (", ", ": ")]),
)
@example(
    {"connectorId": 1, "sampledValue": [{"value": "0"}, {"value": "0"}]},
    [(["1"], "2026-07-18T10:00:00Z"), (['1"value":"2', "3"], "2026-07-18T10:00:00Z")],
    (",", ":"),
)
def test_what_repeats_is_read_as_what_is_new(
    message: dict[str, Any], repeats: list[tuple[list[str], str]], separators: tuple[str, str]
) -> None:
    reader = RequestReader()

    for numbers, time in repeats:
        payload = written(message, numbers, time, separators)

        assert meaning(reader.read("MeterValues", payload)) == meaning(codec.read_request("MeterValues", payload))


PLAIN = {"connectorId": 1, "transactionId": 7, "sampledValue": [{"value": "0", "measurand": "Current.Import"}] * 3}
FIRST = written(PLAIN, ["1.5"], "2026-07-18T10:00:00Z", (",", ":"))
NEXT = written(PLAIN, ["16.02", "3"], "2026-07-18T10:00:10Z", (",", ":"))


@given(
    st.integers(0, len(NEXT)), st.integers(0, 12), st.binary(max_size=4) | st.sampled_from([b'"', b'"value":"', b"}"])
)
def test_damage_is_never_overlooked(at: int, removed: int, damage: bytes) -> None:
    reader = RequestReader()
    reader.read("MeterValues", FIRST)
    payload = NEXT[:at] + damage + NEXT[at + removed :]

    assert meaning(reader.read("MeterValues", payload)) == meaning(codec.read_request("MeterValues", payload))


def test_a_repeat_is_not_taken_apart() -> None:
    reader = RequestReader()

    assert isinstance(reader.read("MeterValues", FIRST), MeterValuesRequest)
    assert isinstance(reader.read("MeterValues", NEXT), MeasuredValues)


@pytest.mark.parametrize(
    "payload",
    [
        FIRST.replace(b'"connectorId":1', b'"connectorId":2'),
        FIRST.replace(b"Current.Import", b"Current.Export"),
        FIRST.replace(b"1.5", b"NaN"),
        FIRST.replace(b"1.5", b"1e10"),
        FIRST.replace(b"2026-07-18T10:00:00Z", b"yesterday"),
    ],
)
def test_anything_else_takes_the_ordinary_way(payload: bytes) -> None:
    reader = RequestReader()
    reader.read("MeterValues", FIRST)

    assert isinstance(reader.read("MeterValues", payload), MeterValuesRequest)


def test_what_stands_before_the_first_value_counts() -> None:
    """The rest of the bytes is the same in both: only the first sample's members before its value differ."""
    for measurand in ("Current.Import", "Power.Active.Import"):
        payload = FIRST.replace(b'{"value"', b'{"measurand":"%b","value"' % measurand.encode(), 1)
        payload = payload.replace(b',"measurand":"Current.Import"', b"", 1)
        reader = RequestReader()

        assert meaning(reader.read("MeterValues", payload)) == meaning(reader.read("MeterValues", payload))


def test_several_times_in_one_message_are_not_learned() -> None:
    reader = RequestReader()
    twice = b'{"connectorId":1,"meterValue":[%b,%b]}' % ((FIRST.partition(b"[")[2][:-2],) * 2)

    assert isinstance(reader.read("MeterValues", twice), MeterValuesRequest)
    assert isinstance(reader.read("MeterValues", twice), MeterValuesRequest)


def test_other_actions_are_left_to_others() -> None:
    assert RequestReader().read("Heartbeat", b"{}") is None
