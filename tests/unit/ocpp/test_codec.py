"""The codec: what is read, what is repaired and said, what is refused and with which code."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chargemon_edge.ocpp.v16 import codec
from chargemon_edge.ocpp.v16.codec import PayloadError
from chargemon_edge.ocpp.v16.messages import (
    FROM_CHARGE_POINT,
    RESPONSE_OF,
    TO_CHARGE_POINT,
    AuthorizationData,
    AuthorizeRequest,
    BootNotificationRequest,
    BootNotificationResponse,
    DataTransferRequest,
    DataTransferResponse,
    FirmwareStatusNotificationRequest,
    GetCompositeScheduleRequest,
    GetCompositeScheduleResponse,
    GetConfigurationRequest,
    GetConfigurationResponse,
    GetDiagnosticsRequest,
    GetLogRequest,
    HeartbeatRequest,
    IdTagInfo,
    LogParameters,
    MeterValuesRequest,
    Request,
    ReserveNowRequest,
    SecurityEventNotificationRequest,
    SendLocalListRequest,
    SetChargingProfileRequest,
    SetChargingProfileResponse,
    StartTransactionRequest,
    StartTransactionResponse,
    StatusNotificationRequest,
    StopTransactionRequest,
    StopTransactionResponse,
    UpdateFirmwareRequest,
)
from tests.unit.ocpp.schemas import schema

START: dict[str, Any] = {"connectorId": 1, "idTag": "04A2", "meterStart": 12, "timestamp": "2024-05-01T12:30:00Z"}
STOP: dict[str, Any] = {"meterStop": 90, "timestamp": "2024-05-01T12:30:00Z", "transactionId": 7}
STATUS: dict[str, Any] = {"connectorId": 1, "errorCode": "NoError", "status": "Charging"}
BOOT: dict[str, Any] = {"chargePointModel": "M", "chargePointVendor": "V"}
VALUES: dict[str, Any] = {
    "connectorId": 1,
    "meterValue": [{"timestamp": "2024-05-01T12:30:00Z", "sampledValue": [{"value": "1"}]}],
}


def read(action: str, value: object) -> tuple[Request, list[str]]:
    repairs: list[str] = []
    return codec.decode_request(action, json.dumps(value).encode(), repairs.append), repairs


def refusal(action: str, value: object) -> PayloadError:
    with pytest.raises(PayloadError) as caught:
        codec.decode_request(action, json.dumps(value).encode())
    return caught.value


# ---------------------------------------------------------------- the table


def test_every_action_of_every_profile_has_its_row() -> None:
    assert set(FROM_CHARGE_POINT) == {
        "Authorize",
        "BootNotification",
        "DataTransfer",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "LogStatusNotification",
        "MeterValues",
        "SecurityEventNotification",
        "SignCertificate",
        "SignedFirmwareStatusNotification",
        "StartTransaction",
        "StatusNotification",
        "StopTransaction",
    }
    assert set(TO_CHARGE_POINT) == {
        "CancelReservation",
        "CertificateSigned",
        "ChangeAvailability",
        "ChangeConfiguration",
        "ClearCache",
        "ClearChargingProfile",
        "DataTransfer",
        "DeleteCertificate",
        "ExtendedTriggerMessage",
        "GetCompositeSchedule",
        "GetConfiguration",
        "GetDiagnostics",
        "GetInstalledCertificateIds",
        "GetLocalListVersion",
        "GetLog",
        "InstallCertificate",
        "RemoteStartTransaction",
        "RemoteStopTransaction",
        "ReserveNow",
        "Reset",
        "SendLocalList",
        "SetChargingProfile",
        "SignedUpdateFirmware",
        "TriggerMessage",
        "UnlockConnector",
        "UpdateFirmware",
    }


@pytest.mark.parametrize("request_type", RESPONSE_OF)
def test_names_and_members_are_those_of_the_schema(request_type: type[Request]) -> None:
    response_type = RESPONSE_OF[request_type]

    assert request_type.__name__ == f"{request_type.action}Request"
    assert response_type.__name__ == f"{request_type.action}Response"
    for struct, name in ((request_type, request_type.action), (response_type, f"{request_type.action}Response")):
        assert set(struct.__struct_encode_fields__) == set(schema(name)["properties"])


def test_an_unknown_action_is_not_implemented() -> None:
    assert refusal("Haertbeat", {}).code == "NotImplemented"


@pytest.mark.parametrize("action", sorted(set(TO_CHARGE_POINT) - {"DataTransfer"}))
def test_an_action_for_charge_points_is_not_supported(action: str) -> None:
    assert refusal(action, {}).code == "NotSupported"


# ---------------------------------------------------------------- written


def test_trap_06_members_are_compact_and_in_the_specifications_order() -> None:
    stop = StopTransactionRequest(
        transaction_id=7, reason="Local", timestamp="t", meter_stop=90, id_tag="04A2", transaction_data=()
    )
    boot = BootNotificationResponse(status="Accepted", interval=300, current_time="t")
    start = StartTransactionResponse(
        transaction_id=7, id_tag_info=IdTagInfo(status="Accepted", parent_id_tag="P", expiry_date="t")
    )

    assert codec.encode(stop) == (
        b'{"idTag":"04A2","meterStop":90,"timestamp":"t","transactionId":7,"reason":"Local","transactionData":[]}'
    )
    assert codec.encode(boot) == b'{"currentTime":"t","interval":300,"status":"Accepted"}'
    assert codec.encode(start) == (
        b'{"idTagInfo":{"expiryDate":"t","parentIdTag":"P","status":"Accepted"},"transactionId":7}'
    )


def test_trap_06_so_are_those_of_the_other_profiles() -> None:
    reserve = ReserveNowRequest(reservation_id=4, parent_id_tag="P", id_tag="T", expiry_date="e", connector_id=0)
    local_list = SendLocalListRequest(
        update_type="Full",
        local_authorization_list=(AuthorizationData(id_tag_info=IdTagInfo(status="Accepted"), id_tag="T"),),
        list_version=7,
    )
    update = UpdateFirmwareRequest(retry_interval=9, retrieve_date="r", retries=1, location="l")
    diagnostics = GetDiagnosticsRequest(stop_time="t", start_time="s", retries=1, retry_interval=9, location="l")
    log = GetLogRequest(log=LogParameters(remote_location="u"), request_id=5, log_type="SecurityLog")

    assert codec.encode(reserve) == (
        b'{"connectorId":0,"expiryDate":"e","idTag":"T","parentIdTag":"P","reservationId":4}'
    )
    assert codec.encode(local_list) == (
        b'{"listVersion":7,"localAuthorizationList":[{"idTag":"T","idTagInfo":{"status":"Accepted"}}],"updateType":"Full"}'
    )
    assert codec.encode(update) == b'{"location":"l","retries":1,"retrieveDate":"r","retryInterval":9}'
    assert codec.encode(diagnostics) == (
        b'{"location":"l","retries":1,"retryInterval":9,"startTime":"s","stopTime":"t"}'
    )
    assert codec.encode(log) == b'{"logType":"SecurityLog","requestId":5,"log":{"remoteLocation":"u"}}'


def test_absent_members_are_left_out() -> None:
    assert codec.encode(StopTransactionResponse()) == b"{}"


def test_a_limit_keeps_its_decimal_and_a_register_has_none() -> None:
    payload = (
        b'{"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,'
        b'"chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Relative","chargingSchedule":'
        b'{"chargingRateUnit":"W","chargingSchedulePeriod":[{"startPeriod":0,"limit":6000}]}}}'
    )

    assert b'"limit":6000.0}' in codec.encode(codec.decode_command("SetChargingProfile", payload))
    assert b'"meterStart":12,' in codec.encode(codec.decode_request("StartTransaction", json.dumps(START).encode()))


# ---------------------------------------------------------------- read as it is


def test_unknown_members_are_ignored() -> None:
    assert read("Heartbeat", {"vendor": {"deep": [1]}}) == (HeartbeatRequest(), [])


def test_null_is_as_good_as_absent_for_an_optional_member() -> None:
    request, repairs = read("StopTransaction", {**STOP, "idTag": None, "reason": None, "transactionData": None})

    assert request == StopTransactionRequest(meter_stop=90, timestamp=STOP["timestamp"], transaction_id=7)
    assert repairs == []


@pytest.mark.parametrize("transaction_id", [-1, 0, 2**62])
def test_a_stop_with_any_transaction_id_is_read(transaction_id: int) -> None:
    request, _ = read("StopTransaction", {**STOP, "transactionId": transaction_id})

    assert isinstance(request, StopTransactionRequest)
    assert request.transaction_id == transaction_id


@pytest.mark.parametrize("connector", [0, -1, 1_850_000_000])
def test_a_start_with_any_connector_is_read(connector: int) -> None:
    request, _ = read("StartTransaction", {**START, "connectorId": connector})

    assert isinstance(request, StartTransactionRequest)
    assert request.connector_id == connector


def test_an_unknown_error_code_does_not_hide_the_status() -> None:
    request, repairs = read("StatusNotification", {**STATUS, "errorCode": "Error"})

    assert isinstance(request, StatusNotificationRequest)
    assert (request.error_code, request.status, repairs) == ("Error", "Charging", [])


def test_trap_10_a_bad_timestamp_poisons_no_message() -> None:
    request, repairs = read("StartTransaction", {**START, "timestamp": "yesterday"})

    assert isinstance(request, StartTransactionRequest)
    assert (request.timestamp, repairs) == ("yesterday", [])


def test_trap_19_illegal_measurands_units_and_phases_are_read_as_text() -> None:
    sample = {
        "value": "1",
        "measurand": '"Current.Import"',
        "unit": "Hz",
        "phase": "N-L1",
        "context": "?",
        "format": "x",
    }
    request, repairs = read("MeterValues", {**VALUES, "meterValue": [{"timestamp": "t", "sampledValue": [sample]}]})

    assert isinstance(request, MeterValuesRequest)
    assert request.meter_value[0].sampled_value[0].measurand == '"Current.Import"'
    assert repairs == []


# ---------------------------------------------------------------- repaired, and said


@pytest.mark.parametrize("text", ["12", " 12 ", "12.0", "+12"])
def test_a_number_padded_or_written_as_text_is_read(text: str) -> None:
    request, repairs = read("StartTransaction", {**START, "connectorId": text})

    assert isinstance(request, StartTransactionRequest)
    assert request.connector_id == 12
    assert repairs == [f"connectorId: {text!r} where an integer belongs"]


def test_trap_19_a_register_with_a_fraction_is_rounded() -> None:
    request, repairs = read("StopTransaction", {**STOP, "meterStop": 12345.6789})

    assert isinstance(request, StopTransactionRequest)
    assert request.meter_stop == 12346
    assert repairs == ["meterStop: 12345.6789 rounded to whole Wh"]


def test_numbers_where_text_belongs_are_read() -> None:
    request, repairs = read(
        "MeterValues", {**VALUES, "meterValue": [{"timestamp": "t", "sampledValue": [{"value": 7.5}] * 9}]}
    )

    assert isinstance(request, MeterValuesRequest)
    assert request.meter_value[0].sampled_value[8].value == "7.5"
    assert repairs == ["meterValue.sampledValue.value: float where text belongs"]


def test_over_long_texts_are_kept_whole() -> None:
    serial = "S" * 40
    request, repairs = read(
        "BootNotification", {**BOOT, "chargePointSerialNumber": serial, "chargePointModel": "M" * 21}
    )

    assert isinstance(request, BootNotificationRequest)
    assert (request.charge_point_serial_number, request.charge_point_model) == (serial, "M" * 21)
    assert repairs == [
        "chargePointModel: 21 characters where 20 are allowed",
        "chargePointSerialNumber: 40 characters where 25 are allowed",
    ]


def test_over_long_texts_are_kept_up_to_five_hundred_characters() -> None:
    request, _ = read("StatusNotification", {**STATUS, "info": "i" * 60_000})

    assert isinstance(request, StatusNotificationRequest)
    assert request.info == "i" * 500


def test_an_over_long_id_tag_is_kept_whole_so_that_it_equals_no_shorter_one() -> None:
    request, repairs = read("StartTransaction", {**START, "idTag": "0123456789012345678901"})

    assert isinstance(request, StartTransactionRequest)
    assert request.id_tag == "0123456789012345678901"
    assert repairs == ["idTag: 22 characters where 20 are allowed"]


def test_blanks_that_make_a_text_too_long_are_cut_off() -> None:
    request, repairs = read("Authorize", {"idTag": "04A2".ljust(32)})

    assert (request, repairs) == (AuthorizeRequest(id_tag="04A2"), ["idTag: blanks cut off"])


@pytest.mark.parametrize("status", ["charging", " Charging ", '"Charging"', "CHARGING"])
def test_a_choice_in_another_spelling_is_read(status: str) -> None:
    request, repairs = read("StatusNotification", {**STATUS, "status": status})

    assert isinstance(request, StatusNotificationRequest)
    assert request.status == "Charging"
    assert repairs == [f"status: {status!r} read as Charging"]


def test_an_unknown_reason_does_not_cost_a_stop() -> None:
    request, repairs = read("StopTransaction", {**STOP, "reason": "Timeout"})

    assert isinstance(request, StopTransactionRequest)
    assert (request.reason, repairs) == ("Other", ["reason: unknown 'Timeout', read as Other"])


@pytest.mark.parametrize("data", [5, [5], [{"timestamp": "t"}], [{"timestamp": "t", "sampledValue": [{"value": {}}]}]])
def test_unreadable_transaction_data_does_not_cost_a_stop(data: object) -> None:
    request, repairs = read("StopTransaction", {**STOP, "transactionData": data})

    assert isinstance(request, StopTransactionRequest)
    assert (request.transaction_id, request.transaction_data) == (7, None)
    assert any(repair.startswith("transactionData: left out") for repair in repairs)


@pytest.mark.parametrize(
    ("action", "value", "missing"),
    [
        ("StartTransaction", START, "timestamp"),
        ("StopTransaction", STOP, "timestamp"),
        ("StatusNotification", STATUS, "errorCode"),
        ("BootNotification", BOOT, "chargePointVendor"),
        ("BootNotification", BOOT, "chargePointModel"),
    ],
)
def test_some_required_members_may_be_missing(action: str, value: dict[str, Any], missing: str) -> None:
    _, repairs = read(action, {name: one for name, one in value.items() if name != missing})

    assert len(repairs) == 1
    assert repairs[0].startswith(f"{missing}: missing, read as ")


def test_an_empty_optional_number_is_left_out() -> None:
    request, repairs = read("StartTransaction", {**START, "reservationId": ""})

    assert isinstance(request, StartTransactionRequest)
    assert (request.reservation_id, repairs) == (None, ["reservationId: empty, left out"])


def test_one_object_where_a_list_belongs_is_read() -> None:
    request, repairs = read("MeterValues", {**VALUES, "meterValue": VALUES["meterValue"][0]})

    assert isinstance(request, MeterValuesRequest)
    assert len(request.meter_value) == 1
    assert repairs == ["meterValue: one object where a list belongs"]


@pytest.mark.parametrize("payload", [b"null", b"[]", b'""'])
def test_a_heartbeat_with_nothing_for_a_payload_is_read(payload: bytes) -> None:
    assert codec.decode_request("Heartbeat", payload) == HeartbeatRequest()


def test_data_that_is_json_itself_becomes_text() -> None:
    request, _ = read("DataTransfer", {"vendorId": "V", "data": {"a": [1, 2]}})

    assert request == DataTransferRequest(vendor_id="V", data='{"a":[1,2]}')


def test_repairs_need_no_listener() -> None:
    assert codec.decode_request("Authorize", b'{"idTag":4}') == AuthorizeRequest(id_tag="4")


def test_a_security_event_is_read_without_its_time_and_with_a_long_description() -> None:
    request, repairs = read("SecurityEventNotification", {"type": "MemoryExhaustion", "techInfo": {"free": 0}})

    assert request == SecurityEventNotificationRequest(type="MemoryExhaustion", timestamp="", tech_info='{"free":0}')
    assert sorted(repairs) == ["techInfo: JSON where text belongs", "timestamp: missing, read as ''"]


@pytest.mark.parametrize("action", ["LogStatusNotification", "SignedFirmwareStatusNotification"])
def test_a_progress_is_not_lost_for_an_unreadable_request_id(action: str) -> None:
    request, repairs = read(action, {"status": "idle", "requestId": "none"})

    assert codec.encode(request) == b'{"status":"Idle"}'
    assert len(repairs) == 2


def test_the_security_extensions_firmware_statuses_are_read_in_the_older_message_too() -> None:
    request, repairs = read("FirmwareStatusNotification", {"status": "SignatureVerified"})

    assert (request, repairs) == (FirmwareStatusNotificationRequest(status="SignatureVerified"), [])


# ---------------------------------------------------------------- refused


def test_half_a_signing_request_is_none() -> None:
    assert refusal("SignCertificate", {"csr": "-" * 5501}).code == "PropertyConstraintViolation"


@pytest.mark.parametrize(
    ("action", "value", "code"),
    [
        ("Authorize", [], "FormationViolation"),
        ("Authorize", "04A2", "FormationViolation"),
        ("Authorize", {}, "OccurenceConstraintViolation"),
        ("Authorize", {"idTag": None}, "OccurenceConstraintViolation"),
        ("Authorize", {"idTag": ["04A2"]}, "TypeConstraintViolation"),
        ("StartTransaction", {**START, "connectorId": 1.5}, "TypeConstraintViolation"),
        ("StartTransaction", {**START, "connectorId": "one"}, "TypeConstraintViolation"),
        ("StartTransaction", {**START, "connectorId": True}, "TypeConstraintViolation"),
        ("StartTransaction", {**START, "meterStart": "12 Wh"}, "TypeConstraintViolation"),
        ("StartTransaction", {**START, "meterStart": "1e3"}, "TypeConstraintViolation"),
        ("StartTransaction", {**START, "meterStart": 10**30}, "PropertyConstraintViolation"),
        ("StartTransaction", {**START, "meterStart": None}, "OccurenceConstraintViolation"),
        ("StopTransaction", {**STOP, "transactionId": 7.5}, "TypeConstraintViolation"),
        ("StopTransaction", {**STOP, "transactionId": ""}, "TypeConstraintViolation"),
        ("StatusNotification", {**STATUS, "status": "Occupied"}, "PropertyConstraintViolation"),
        ("StatusNotification", {**STATUS, "status": ""}, "PropertyConstraintViolation"),
        ("StatusNotification", {**STATUS, "connectorId": None}, "OccurenceConstraintViolation"),
        ("MeterValues", {**VALUES, "meterValue": []}, "OccurenceConstraintViolation"),
        ("MeterValues", {**VALUES, "meterValue": 7}, "TypeConstraintViolation"),
        ("MeterValues", {**VALUES, "meterValue": [7]}, "FormationViolation"),
        ("MeterValues", {**VALUES, "transactionId": "seven"}, "TypeConstraintViolation"),
        ("DataTransfer", {"vendorId": {}}, "TypeConstraintViolation"),
    ],
)
def test_what_has_no_one_meaning_is_refused(action: str, value: object, code: str) -> None:
    assert refusal(action, value).code == code


@pytest.mark.parametrize("payload", [b"{", b'{"idTag":}', b'{"idTag":"\xff"}', b'{"x":' + b"[" * 30_000])
def test_what_is_not_json_is_a_formation_violation(payload: bytes) -> None:
    with pytest.raises(PayloadError) as caught:
        codec.decode_request("Authorize", payload)

    assert caught.value.code == "FormationViolation"


def test_a_refusal_fits_a_callerror_and_one_line() -> None:
    error = refusal("StatusNotification", {**STATUS, "status": "a\nb" + "x" * 5000})

    assert len(error.description) <= 255
    assert error.description.isprintable()


# ---------------------------------------------------------------- answers and commands


def test_an_answer_in_another_spelling_is_read_and_said() -> None:
    repairs: list[str] = []

    response = codec.decode_response(SetChargingProfileRequest, b'{"status":"accepted"}', repairs.append)

    assert response == SetChargingProfileResponse(status="Accepted")
    assert repairs == ["status: 'accepted' read as Accepted"]


@pytest.mark.parametrize("payload", [b"{}", b"null", b'{"status":"OK"}', b'{"status":true}', b'{"status":""}'])
def test_an_answer_that_accepts_nothing_is_refused(payload: bytes) -> None:
    with pytest.raises(PayloadError):
        codec.decode_response(SetChargingProfileRequest, payload)


def test_configuration_keys_and_values_may_be_longer_than_allowed() -> None:
    payload = b'{"configurationKey":[{"key":"%s","readonly":false,"value":"%s"}]}' % (b"k" * 60, b"v" * 900)

    response = codec.decode_response(GetConfigurationRequest, payload)

    assert isinstance(response, GetConfigurationResponse)
    assert response.configuration_key is not None
    assert len(response.configuration_key[0].value or "") == 900


def test_a_composite_schedule_with_numbers_as_text_is_read() -> None:
    payload = (
        b'{"status":"Accepted","connectorId":"1","chargingSchedule":{"chargingRateUnit":"a",'
        b'"chargingSchedulePeriod":[{"startPeriod":"0","limit":" 6.5 "}]}}'
    )

    response = codec.decode_response(GetCompositeScheduleRequest, payload)

    assert isinstance(response, GetCompositeScheduleResponse)
    assert response.charging_schedule is not None
    assert response.charging_schedule.charging_rate_unit == "A"
    assert response.charging_schedule.charging_schedule_period[0].limit == 6.5


def test_data_of_an_answer_that_is_json_itself_becomes_text() -> None:
    assert codec.decode_response(DataTransferRequest, b'{"status":"Accepted","data":[1]}') == DataTransferResponse(
        status="Accepted", data="[1]"
    )


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("Heartbeat", b"{}", "NotImplemented"),
        ("Reset", b"", "FormationViolation"),
        ("Reset", b"{}", "OccurenceConstraintViolation"),
        ("Reset", b'{"type":"soft"}', "PropertyConstraintViolation"),
        ("RemoteStopTransaction", b'{"transactionId":"7"}', "TypeConstraintViolation"),
        ("RemoteStartTransaction", b'{"idTag":"0123456789012345678901"}', "PropertyConstraintViolation"),
        ("RemoteStartTransaction", b'{"idTag":"1","connectorId":0}', "PropertyConstraintViolation"),
        ("ChangeConfiguration", b'{"key":"%s","value":"1"}' % (b"k" * 51), "PropertyConstraintViolation"),
        ("GetCompositeSchedule", b'{"connectorId":1,"duration":-1}', "PropertyConstraintViolation"),
    ],
)
def test_a_command_is_read_strictly(action: str, payload: bytes, code: str) -> None:
    with pytest.raises(PayloadError) as caught:
        codec.decode_command(action, payload)

    assert caught.value.code == code
