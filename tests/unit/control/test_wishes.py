"""What a person writes becomes a request: as given, but for the few members that are ours."""

from __future__ import annotations

import json
from itertools import count

import pytest

from chargemon_edge.control import wishes
from chargemon_edge.ocpp.v16 import codec
from chargemon_edge.ocpp.v16 import messages as m
from tests.unit.control.test_guard import profile

NIGHT = profile(6.0, charging_profile_id=10_007, charging_profile_purpose="TxProfile")
RESERVE = {"connectorId": 0, "expiryDate": "2027-01-15T08:00:00Z", "idTag": "A"}


def read(action: str, body: object) -> m.Request:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return wishes.read(action, text, {"night": NIGHT}, count(500).__next__)


def refusal(action: str, body: object) -> codec.PayloadError:
    with pytest.raises(codec.PayloadError) as caught:
        read(action, body)
    return caught.value


def test_a_payload_goes_out_as_it_was_given() -> None:
    assert read("UnlockConnector", {"connectorId": 77}) == m.UnlockConnectorRequest(connector_id=77)
    assert codec.encode(read("ClearChargingProfile", {"id": 4})) == b'{"id":4}'


@pytest.mark.parametrize("body", [b"", b"{}", b"  "])
def test_no_body_is_no_members(body: bytes) -> None:
    assert read("ClearCache", body) == m.ClearCacheRequest()
    assert codec.encode(read("ClearChargingProfile", body)) == b"{}"


def test_an_action_that_does_not_exist_is_said_to() -> None:
    assert refusal("Explode", {}).code == "NotImplemented"
    assert refusal("Heartbeat", {}).code == "NotImplemented"


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"\xff"])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    assert refusal("Reset", body).code == "FormationViolation"


def test_a_misspelt_member_is_refused_since_people_can_be_asked() -> None:
    error = refusal("ChangeAvailability", {"connectorID": 1, "connectorId": 1, "type": "Operative"})

    assert "connectorID" in error.description


def test_a_stored_profile_takes_the_place_of_one_written_out() -> None:
    start = read("RemoteStartTransaction", {"idTag": "A", "chargingProfileName": "night"})

    assert start == m.RemoteStartTransactionRequest(id_tag="A", charging_profile=NIGHT)


def test_a_transaction_beside_a_stored_profile_goes_into_it() -> None:
    put = read("SetChargingProfile", {"connectorId": 1, "chargingProfileName": "night", "transactionId": 9})

    assert isinstance(put, m.SetChargingProfileRequest)
    assert put.cs_charging_profiles.transaction_id == 9
    assert put.cs_charging_profiles.charging_profile_id == 10_007


def test_a_name_that_is_not_known_or_doubled_is_refused() -> None:
    assert "'noon'" in refusal("RemoteStartTransaction", {"idTag": "A", "chargingProfileName": "noon"}).description
    both = {"connectorId": 1, "chargingProfileName": "night", "csChargingProfiles": {}}
    assert "not both" in refusal("SetChargingProfile", both).description


def test_a_reservation_gets_a_number_unless_it_has_one() -> None:
    given, ours = read("ReserveNow", {**RESERVE, "reservationId": 3}), read("ReserveNow", RESERVE)

    assert isinstance(given, m.ReserveNowRequest)
    assert isinstance(ours, m.ReserveNowRequest)
    assert (given.reservation_id, ours.reservation_id) == (3, 500)


def test_what_cannot_be_sent_uses_up_no_number() -> None:
    numbers = count(500)
    with pytest.raises(codec.PayloadError):
        wishes.read("GetLog", b"{}", {}, numbers.__next__)

    assert next(numbers) == 500


def test_trap_15_no_retries_is_left_out_of_an_update() -> None:
    update = {"location": "http://192.0.2.1/f", "retrieveDate": "2027-01-15T08:00:00Z"}

    assert b"retries" not in codec.encode(read("UpdateFirmware", {**update, "retries": 0}))
    assert b'"retries":1' in codec.encode(read("UpdateFirmware", {**update, "retries": 1}))
