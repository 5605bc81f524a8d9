"""Keys and certificates of the laboratory: authorities, charge points, firmware makers. None of it is the daemon's."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def new_key() -> ec.EllipticCurvePrivateKey:
    """A key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def new_rsa_key() -> rsa.RSAPrivateKey:
    """A key of 2048 bits."""
    return rsa.generate_private_key(65_537, 2_048)


def subject(common_name: str, organization: str = "Laboratory") -> x509.Name:
    """CN and O."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
        ]
    )


class Authority:
    """Signs for others; its own certificate is its root."""

    def __init__(self, name: str) -> None:
        self.key = new_key()
        self.name = subject(name)
        self.certificate = self._signed(self.name, self.key.public_key(), ca=True, days=30)

    @property
    def pem(self) -> str:
        """Its root certificate."""
        return pem(self.certificate)

    def signed(self, common_name: str, key: Key, *, days: int = 10) -> x509.Certificate:
        """A certificate for *key*; with negative *days* one that ran out so long ago."""
        return self._signed(subject(common_name), key.public_key(), ca=False, days=days)

    def _signed(
        self, name: x509.Name, key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey, *, ca: bool, days: int
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=20))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )


def pem(certificate: x509.Certificate) -> str:
    """As it goes over the wire."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key: Key) -> bytes:
    """The private key, unprotected: laboratory use."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def signing_request(key: Key, common_name: str, organization: str = "Laboratory") -> str:
    """A PKCS #10 request, PEM."""
    request = x509.CertificateSigningRequestBuilder().subject_name(subject(common_name, organization))
    return request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def signature(key: ec.EllipticCurvePrivateKey, file: bytes) -> str:
    """Of a firmware file, in base64."""
    return base64.b64encode(key.sign(file, ec.ECDSA(hashes.SHA256()))).decode()
