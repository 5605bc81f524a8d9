"""What charge points report of longer work and of their security: confirmed, and kept as a fact."""

from __future__ import annotations

import pytest

from chargemon_edge.control.requests import Requests
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site import operation_facts as facts
from chargemon_edge.site.facts import Fact, Moment
from tests.unit.control.fakes import UTC_MS, House

AT = Moment(1000.0, UTC_MS)


@pytest.mark.parametrize(
    ("request_", "response", "fact"),
    [
        (
            m.DiagnosticsStatusNotificationRequest(status="UploadFailed"),
            m.DiagnosticsStatusNotificationResponse(),
            facts.DiagnosticsStatusReported(at=AT, charge_point="CP1", status="UploadFailed"),
        ),
        (
            m.FirmwareStatusNotificationRequest(status="Installed"),
            m.FirmwareStatusNotificationResponse(),
            facts.FirmwareStatusReported(at=AT, charge_point="CP1", status="Installed"),
        ),
        (
            m.SignedFirmwareStatusNotificationRequest(status="InvalidSignature", request_id=3),
            m.SignedFirmwareStatusNotificationResponse(),
            facts.FirmwareStatusReported(
                at=AT, charge_point="CP1", status="InvalidSignature", signed=True, request_id=3
            ),
        ),
        (
            m.LogStatusNotificationRequest(status="Uploading", request_id=4),
            m.LogStatusNotificationResponse(),
            facts.LogStatusReported(at=AT, charge_point="CP1", status="Uploading", request_id=4),
        ),
        (
            m.SecurityEventNotificationRequest(type="InvalidX", timestamp="2027-01-15T08:00:00Z", tech_info="why"),
            m.SecurityEventNotificationResponse(),
            facts.SecurityEventReported(
                at=AT, charge_point="CP1", event="InvalidX", reported_utc_ms=UTC_MS, detail="why"
            ),
        ),
        (
            m.SecurityEventNotificationRequest(type="InvalidX", timestamp="yesterday"),
            m.SecurityEventNotificationResponse(),
            facts.SecurityEventReported(at=AT, charge_point="CP1", event="InvalidX"),
        ),
        (
            m.SignCertificateRequest(csr="---"),
            m.SignCertificateResponse(status="Rejected"),
            facts.CertificateRequested(at=AT, charge_point="CP1", status="Rejected"),
        ),
    ],
)
def test_it_is_confirmed_and_kept(request_: m.Request, response: m.Response, fact: Fact) -> None:
    house = House()
    followed: list[Fact] = []
    house.present.follow(followed.append)

    assert house.ask(request_) == [response]
    assert house.journal.recorded[-1] == fact
    assert followed == [fact]


class FakeSigner:
    """Signs for CP1 and remembers who asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def sign(self, charge_point: str, csr: str) -> bool:
        self.asked.append((charge_point, csr))
        return charge_point == "CP1"


def test_whether_a_request_is_signed_the_authority_decides() -> None:
    house = House()
    signer = FakeSigner()
    house.requests = Requests(
        present=house.present,
        journal=house.journal,
        authorisation=house.authorisation,
        commissioning=house.window,
        clock=house.clock,
        next_transaction_id=1,
        heartbeat_interval_s=300,
        signer=signer,
    )

    accepted = house.ask(m.SignCertificateRequest(csr="PEM"))
    unknown = house.ask(m.SignCertificateRequest(csr="PEM"), charge_point="STRANGER")

    assert accepted == [m.SignCertificateResponse(status="Accepted")]
    assert unknown == [m.SignCertificateResponse(status="Rejected")]
    assert signer.asked == [("CP1", "PEM"), ("STRANGER", "PEM")]
