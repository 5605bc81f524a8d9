"""Security profile 2: TLS with a server certificate, and a password inside."""

from __future__ import annotations

import secrets
import ssl
import warnings

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from tests.certification.charge_point import ChargePoint
from tests.certification.laboratory import FQDN, Laboratory

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECURITY_PROFILE = 2


def _speaks(charge_point: ChargePoint) -> ssl.SSLObject:
    speaks = charge_point.socket.transport.get_extra_info("ssl_object")
    assert isinstance(speaks, ssl.SSLObject)
    return speaks


async def test_085_basic_authentication_within_tls(laboratory: Laboratory, identity: str) -> None:
    assert await laboratory.turned_away(identity, password=None) == 401
    assert await laboratory.turned_away(identity, password="not-the-password") == 401
    async with laboratory.connected(identity) as charge_point:
        assert (await charge_point.boot())["status"] == "Accepted"


@pytest.mark.parametrize(
    ("suite", "key", "bits"),
    [
        ("ECDHE-ECDSA-AES128-GCM-SHA256", ec.EllipticCurvePublicKey, 224),
        ("ECDHE-ECDSA-AES256-GCM-SHA384", ec.EllipticCurvePublicKey, 224),
        ("AES128-GCM-SHA256", rsa.RSAPublicKey, 2048),
        ("AES256-GCM-SHA384", rsa.RSAPublicKey, 2048),
    ],
)
async def test_086_tls_server_certificate(
    laboratory: Laboratory,
    identity: str,
    suite: str,
    key: type[ec.EllipticCurvePublicKey | rsa.RSAPublicKey],
    bits: int,
) -> None:
    tls = laboratory.tls()
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    tls.set_ciphers(suite)
    async with laboratory.connected(identity, tls=tls) as charge_point:
        speaks = _speaks(charge_point)
        assert (speaks.cipher() or ("",))[0] == suite
        assert speaks.version() == "TLSv1.2"
        certificate = x509.load_der_x509_certificate(speaks.getpeercert(binary_form=True) or b"")
        public_key = certificate.public_key()
        assert isinstance(public_key, key)
        assert public_key.key_size >= bits
        (name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        assert name.value == FQDN
        assert (await charge_point.boot())["status"] == "Accepted"


async def test_086_tls_newer_is_spoken_and_older_refused(laboratory: Laboratory, identity: str) -> None:
    async with laboratory.connected(identity) as charge_point:
        assert _speaks(charge_point).version() == "TLSv1.3"
    old = laboratory.tls()
    with warnings.catch_warnings():
        # that it is deprecated is the point
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    assert await laboratory.turned_away(identity, tls=old) == 0


async def test_086_tls_is_what_the_profile_demands(laboratory: Laboratory, identity: str) -> None:
    """The right password on the plain listener does not help a charge point of profile 2."""
    assert await laboratory.turned_away(identity, profile=1) in (401, 403)
    async with laboratory.connected(identity) as charge_point:
        assert (await charge_point.boot())["status"] == "Accepted"


async def test_073_new_basic_authentication_password_within_tls(laboratory: Laboratory, identity: str) -> None:
    key = secrets.token_hex(18)
    async with laboratory.connected(identity) as charge_point:
        wish = {"key": "AuthorizationKey", "value": key}
        await laboratory.sent_as_given(charge_point, "ChangeConfiguration", wish, status="Accepted")
    async with laboratory.connected(identity, password=key) as charge_point:
        assert (await charge_point.boot())["status"] == "Accepted"
    await laboratory.soon_turned_away(identity)
