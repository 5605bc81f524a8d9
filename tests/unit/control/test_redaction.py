"""What records keep of a message: no secret, no whole id tag, no long text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chargemon_edge.control.redaction import LIST_MAX, TEXT_MAX, fit_for_records, is_secret
from chargemon_edge.ocpp.v16 import messages as m


def kept(message: m.Request | m.Response) -> Any:
    return json.loads(fit_for_records(message))


@pytest.mark.demand("S12")
@pytest.mark.parametrize(
    "key", ["AuthorizationKey", "authorizationkey", "WifiPassword", "Vendor.SharedSecret", "ApiToken", "SimPIN"]
)
def test_the_value_of_a_secret_key_is_not_kept(key: str) -> None:
    assert kept(m.ChangeConfigurationRequest(key=key, value="00112233445566778899")) == {"key": key, "value": "…"}


@pytest.mark.parametrize("key", ["MeterValueSampleInterval", "SecurityProfile", "LocalPreAuthorize", "KeypadEnabled"])
def test_other_values_are(key: str) -> None:
    assert not is_secret(key)
    assert kept(m.ChangeConfigurationRequest(key=key, value="60")) == {"key": key, "value": "60"}


def test_a_secret_that_a_charge_point_tells_is_not_kept_either() -> None:
    response = m.GetConfigurationResponse(
        configuration_key=(
            m.KeyValue(key="AuthorizationKey", readonly=False, value="aabb"),
            m.KeyValue(key="HeartbeatInterval", readonly=False, value="300"),
        )
    )

    assert [one["value"] for one in kept(response)["configurationKey"]] == ["…", "300"]


def test_id_tags_are_masked_wherever_they_stand() -> None:
    local_list = m.SendLocalListRequest(
        list_version=1,
        update_type="Full",
        local_authorization_list=(
            m.AuthorizationData(
                id_tag="04A1B2C3D4", id_tag_info=m.IdTagInfo(status="Accepted", parent_id_tag="FLEET-OF-US")
            ),
        ),
    )

    assert kept(local_list)["localAuthorizationList"] == [
        {"idTag": "04…D4", "idTagInfo": {"parentIdTag": "FL…US", "status": "Accepted"}}
    ]


def test_the_password_in_a_url_is_cut_out() -> None:
    request = m.GetDiagnosticsRequest(location="ftp://station:s3cret@192.0.2.1/logs")

    assert kept(request) == {"location": "ftp://…@192.0.2.1/logs"}


def test_what_a_vendor_sends_is_not_kept() -> None:
    assert kept(m.DataTransferRequest(vendor_id="V", data="pin=1234")) == {"vendorId": "V", "data": "…"}


def test_long_texts_and_long_lists_are_cut() -> None:
    chain = kept(m.CertificateSignedRequest(certificate_chain="x" * 5000))["certificateChain"]
    keys = kept(m.GetConfigurationRequest(key=tuple(str(one) for one in range(500))))["key"]

    assert chain == "x" * TEXT_MAX + "… 5000 characters"
    assert keys[LIST_MAX:] == ["… 500 in all"]
