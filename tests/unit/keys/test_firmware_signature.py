"""Signatures of firmware: the right ones hold, whatever was changed afterwards does not."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from chargemon_edge.keys.firmware_signature import signature_fault
from tests.certification.certificates import Authority, Key, new_key, new_rsa_key, pem

IMAGE = b"firmware"
NOW = datetime.now(UTC)
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)


def signed(key: Key, way: padding.AsymmetricPadding | None = None) -> str:
    """The signature of IMAGE, base64."""
    if isinstance(key, rsa.RSAPrivateKey):
        assert way is not None
        return base64.b64encode(key.sign(IMAGE, way, hashes.SHA256())).decode()
    return base64.b64encode(key.sign(IMAGE, ec.ECDSA(hashes.SHA256()))).decode()


def fault(image: bytes, signature: str, certificate: str, authorities: Path | None = None) -> str | None:
    return signature_fault(hashlib.sha256(image).digest(), signature, certificate, NOW, authorities)


@pytest.fixture(scope="module")
def maker() -> Authority:
    return Authority("Maker of chargers")


@pytest.mark.parametrize("way", [None, PSS, padding.PKCS1v15()])
def test_a_right_signature_holds_and_a_changed_byte_breaks_it(
    maker: Authority, way: padding.AsymmetricPadding | None
) -> None:
    key = new_key() if way is None else new_rsa_key()
    certificate, signature = pem(maker.signed("signer", key)), signed(key, way)

    assert fault(IMAGE, signature, certificate) is None
    assert "was changed" in str(fault(b"firmwarE", signature, certificate))
    assert "was changed" in str(fault(IMAGE, signed(new_key()), certificate))


def test_an_ended_certificate_and_rubbish_are_named(maker: Authority) -> None:
    key = new_key()

    assert "ended on" in str(fault(IMAGE, signed(key), pem(maker.signed("signer", key, days=-1))))
    assert "no PEM" in str(fault(IMAGE, signed(key), "-----BEGIN CERTIFICATE-----\nx\n"))
    assert "no PEM" in str(fault(IMAGE, "not base64 é", pem(maker.signed("signer", key))))


def test_with_authorities_the_chain_must_lead_to_one_of_them(maker: Authority, tmp_path: Path) -> None:
    key = new_key()
    signature, certificate = signed(key), maker.signed("signer", key)
    roots = tmp_path / "roots.pem"
    roots.write_text(Authority("Somebody else").pem)
    stranger = fault(IMAGE, signature, pem(certificate), roots)
    roots.write_text(Authority("Somebody else").pem + maker.pem)
    known = fault(IMAGE, signature, pem(certificate), roots)
    with_root = fault(IMAGE, signature, pem(certificate) + maker.pem, roots)
    impostor = Authority("Maker of chargers").signed("signer", key)

    assert "by none of signing_authorities" in str(stranger)
    assert (known, with_root) == (None, None)
    assert fault(IMAGE, signature, pem(impostor), roots) is not None
    assert "signing_authorities" in str(fault(IMAGE, signature, pem(certificate), tmp_path / "missing"))


def test_a_chain_through_one_that_may_not_sign_does_not_count(maker: Authority, tmp_path: Path) -> None:
    roots = tmp_path / "roots.pem"
    roots.write_text(maker.pem)
    middle_key, key = new_key(), new_key()
    middle = maker.signed("not an authority", middle_key)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(middle.subject)
        .issuer_name(middle.subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(middle.not_valid_before_utc)
        .not_valid_after(middle.not_valid_after_utc)
        .sign(middle_key, hashes.SHA256())
    )

    found = fault(IMAGE, signed(key), pem(certificate) + pem(middle), roots)
    assert found == "the certificates of the chain have not signed each other"
