"""Security profile 3: TLS with certificates on both sides."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from tests.certification import certificates
from tests.certification.certificates import Authority, Key
from tests.certification.charge_point import now
from tests.certification.laboratory import Laboratory

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECURITY_PROFILE = 3


@pytest.mark.parametrize("key", [certificates.new_key(), certificates.new_rsa_key()], ids=["ECDSA", "RSA"])
async def test_087_tls_client_certificate(laboratory: Laboratory, identity: str, key: Key) -> None:
    tls = laboratory.tls()
    laboratory.show(tls, key, certificates.pem(laboratory.authority.signed(identity, key)))
    async with laboratory.connected(identity, tls=tls) as charge_point:
        assert (await charge_point.boot())["status"] == "Accepted"


async def test_087_tls_client_certificate_that_is_none_or_not_good(laboratory: Laboratory, identity: str) -> None:
    key = certificates.new_key()
    ours = laboratory.authority
    bad = {
        "of another": ours.signed("LAB-SOMEBODY-ELSE", key),
        "expired": ours.signed(identity, key, days=-1),
        "foreign": Authority("Nobody knows it").signed(identity, key),
    }
    assert await laboratory.turned_away(identity, tls=laboratory.tls()) == 0
    for why, certificate in bad.items():
        tls = laboratory.tls()
        laboratory.show(tls, key, certificates.pem(certificate))
        assert await laboratory.turned_away(identity, tls=tls) in (0, 401, 403), why
    async with laboratory.connected(identity) as charge_point:
        assert (await charge_point.boot())["status"] == "Accepted"


async def test_074_renew_the_charge_points_certificate(laboratory: Laboratory, identity: str) -> None:
    serial = f"S-{identity[-8:]}"
    async with laboratory.connected(identity) as charge_point:
        await charge_point.boot(chargePointSerialNumber=serial)
        key, chain = await laboratory.certified(charge_point, serial)

    assert chain.startswith("-----BEGIN CERTIFICATE-----\n")
    certificate = x509.load_pem_x509_certificates(chain.encode())[0]
    assert certificate.public_key() == key.public_key()
    (name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == serial

    tls = laboratory.tls()
    laboratory.show(tls, key, chain)
    async with laboratory.connected(identity, tls=tls) as charge_point:
        assert (await charge_point.boot(chargePointSerialNumber=serial))["status"] == "Accepted"


async def test_074_renewal_is_refused_for_another_name(laboratory: Laboratory, identity: str) -> None:
    async with laboratory.connected(identity) as charge_point:
        await charge_point.boot()
        request = certificates.signing_request(certificates.new_key(), "LAB-SOMEBODY-ELSE")
        assert await charge_point.call("SignCertificate", csr=request) == {"status": "Rejected"}
        charge_point.was_asked_nothing_more()


async def test_077_invalid_charge_point_certificate_after_its_request(laboratory: Laboratory, identity: str) -> None:
    """The charge point asks, is given a certificate, and finds fault with it: the old one goes on."""
    async with laboratory.connected(identity) as charge_point:
        await charge_point.boot()
        wish = {"requestedMessage": "SignChargePointCertificate"}
        await laboratory.sent_as_given(charge_point, "ExtendedTriggerMessage", wish, status="Accepted")
        request = certificates.signing_request(certificates.new_key(), identity)
        assert await charge_point.call("SignCertificate", csr=request) == {"status": "Accepted"}
        await charge_point.answer(await charge_point.asked("CertificateSigned"), status="Rejected")
        event = {"type": "InvalidChargePointCertificate", "timestamp": now()}
        assert await charge_point.call("SecurityEventNotification", **event) == {}
        (recorded,) = await laboratory.events(charge_point, "SecurityEventReported", 1)
        assert recorded["event"] == "InvalidChargePointCertificate"
    async with laboratory.connected(identity) as charge_point:
        assert (await charge_point.boot())["status"] == "Accepted"
