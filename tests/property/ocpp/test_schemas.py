"""Every message of every profile, against the official schemas, both ways."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargemon_edge.ocpp.v16 import codec
from chargemon_edge.ocpp.v16.messages import FROM_CHARGE_POINT, RESPONSE_OF, TO_CHARGE_POINT, Request, Response
from tests.property.ocpp.payloads import payloads
from tests.unit.ocpp.schemas import SCHEMAS, complaints

FEW = settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
REQUEST_TYPES = {request.action: request for request in RESPONSE_OF}


def refuse_repair(repair: str) -> None:
    raise AssertionError(f"a valid payload was repaired: {repair}")


def decoded(name: str, payload: bytes) -> Request | Response:
    """By the decoder that the daemon uses for a message of that name."""
    if name in FROM_CHARGE_POINT:
        return codec.decode_request(name, payload, refuse_repair)
    if name in TO_CHARGE_POINT:
        return codec.decode_command(name, payload)
    return codec.decode_response(REQUEST_TYPES[name.removesuffix("Response")], payload, refuse_repair)


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_the_schema_allows_is_read_and_written_back_unchanged(name: str) -> None:
    @FEW
    @given(payloads(name))
    def check(value: dict[str, Any]) -> None:
        payload = json.dumps(value).encode()
        assert complaints(name, payload) == []

        written = codec.encode(decoded(name, payload))

        assert json.loads(written) == value
        assert complaints(name, written) == []

    check()


@FEW
@given(st.data())
def test_a_data_transfer_to_a_charge_point_is_one_too(data: st.DataObject) -> None:
    value = data.draw(payloads("DataTransfer"))

    assert json.loads(codec.encode(codec.decode_command("DataTransfer", json.dumps(value).encode()))) == value


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("name", SCHEMAS)
def test_any_json_is_read_or_refused_and_never_anything_else(name: str) -> None:
    @FEW
    @given(payloads(name) | JSON, st.data())
    def check(value: Any, data: st.DataObject) -> None:
        if isinstance(value, dict) and value:
            value[data.draw(st.sampled_from(sorted(value)))] = data.draw(JSON)
        try:
            message = decoded_tolerantly(name, json.dumps(value).encode())
        except codec.PayloadError as error:
            assert len(error.description) <= 255
            assert error.description.isprintable()
        else:
            json.loads(codec.encode(message))

    check()


def decoded_tolerantly(name: str, payload: bytes) -> Request | Response:
    if name in FROM_CHARGE_POINT:
        return codec.decode_request(name, payload)
    if name in TO_CHARGE_POINT:
        return codec.decode_command(name, payload)
    return codec.decode_response(REQUEST_TYPES[name.removesuffix("Response")], payload)


@FEW
@given(st.sampled_from(SCHEMAS), st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_and_never_anything_else(name: str, payload: bytes) -> None:
    with contextlib.suppress(codec.PayloadError):
        decoded_tolerantly(name, payload)
