"""One root of the built-in certificate authority: makes itself, server certificates and chargers' certificates.

Every certificate is valid from the beginning of 1970: a charger that has lost its clock must be able to connect, since
only the connection tells it the time. What ends is judged, what begins is not (docs/decisions/0010).
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from typing import Literal

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from chargemon_edge.control.certification import identity_uri
from chargemon_edge.keys.pem import PrivateKey, PublicKey

Kind = Literal["ecdsa", "rsa"]
KINDS: tuple[Kind, ...] = ("ecdsa", "rsa")
ROOT_DAYS = 20 * 365
_BEGINNING = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class Authority(msgspec.Struct, frozen=True):
    """A root's key and certificate."""

    key: PrivateKey
    certificate: x509.Certificate

    @property
    def ends(self) -> datetime.datetime:
        """When the root itself ends."""
        return self.certificate.not_valid_after_utc


def new_key(kind: Kind) -> PrivateKey:
    """A fresh private key: P-256, or RSA of 2048 bits."""
    return ec.generate_private_key(ec.SECP256R1()) if kind == "ecdsa" else rsa.generate_private_key(65537, 2048)


def new_authority(kind: Kind, organisation: str, now: datetime.datetime) -> Authority:
    """A new root, good for twenty years."""
    key = new_key(kind)
    # a name of its own for each: a charger that holds an older root must not take it for this one
    name = _name(f"{organisation} root {kind} {x509.random_serial_number() >> 127:x}", organisation)
    builder = (
        _begun(name, name, key.public_key(), now + datetime.timedelta(days=ROOT_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    return Authority(key, builder.sign(key, hashes.SHA256()))


def server_certificate(
    authority: Authority,
    key: PrivateKey,
    names: Sequence[str],
    organisation: str,
    ends: datetime.datetime,
) -> x509.Certificate:
    """A certificate for this box under *names* (host names and addresses; the first is the common name)."""
    builder = (
        _begun(
            _name(names[0], organisation), authority.certificate.subject, key.public_key(), min(ends, authority.ends)
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            _usage(digital_signature=True, key_encipherment=isinstance(key, rsa.RSAPrivateKey)), critical=True
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False)
        .add_extension(_issued_by(authority), critical=False)
    )
    return builder.sign(authority.key, hashes.SHA256())


def charger_certificate(
    authority: Authority, key: PublicKey, subject: x509.Name, identity: str, ends: datetime.datetime
) -> x509.Certificate:
    """A certificate for the charge point *identity*, bound to it whatever *subject* calls it."""
    builder = (
        _begun(subject, authority.certificate.subject, key, min(ends, authority.ends))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            _usage(digital_signature=True, key_encipherment=isinstance(key, rsa.RSAPublicKey)), critical=True
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(identity_uri(identity))]),
            critical=False,
        )
        .add_extension(_issued_by(authority), critical=False)
    )
    return builder.sign(authority.key, hashes.SHA256())


def names_in(certificate: x509.Certificate) -> set[str]:
    """The host names and addresses that *certificate* is for."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return set()
    addresses = (str(one) for one in found.get_values_for_type(x509.IPAddress))
    return {*found.get_values_for_type(x509.DNSName), *addresses}


def _begun(subject: x509.Name, issuer: x509.Name, key: PublicKey, ends: datetime.datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_BEGINNING)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common_name: str, organisation: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64]),
        ]
    )


def _issued_by(authority: Authority) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(**wanted: bool) -> x509.KeyUsage:
    every = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(**{**every, **wanted})
