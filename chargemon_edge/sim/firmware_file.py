"""Firmware for simulated chargers: a line that says which version it is and how the rest must read, and the rest."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

_HEAD = re.compile(rb"SIMULATED FIRMWARE version=(\S{1,50}) sha256=([0-9a-f]{64})\n")


class BadImageError(Exception):
    """Damaged, or made for something else."""


def made(version: str, size: int = 1_000) -> bytes:
    """An image of that version, of about *size* bytes."""
    rest = hashlib.sha256(version.encode()).digest() * (size // 32 + 1)
    return f"SIMULATED FIRMWARE version={version} sha256={hashlib.sha256(rest).hexdigest()}\n".encode() + rest


def version_in(image: bytes) -> str | None:
    """The version that an image brings; None: it is no image for simulated chargers, who take it all the same."""
    head = _HEAD.match(image)
    if head is None:
        return None
    if hashlib.sha256(image[head.end() :]).hexdigest() != head[2].decode():
        raise BadImageError
    return head[1].decode()


def is_signed(image: bytes, signature: str, certificate: str) -> bool:
    """Whether *signature* (base64) over the SHA-256 of *image* is by *certificate* (PEM), as ECDSA or RSASSA-PSS."""
    # a site whose images are not signed does not load it
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

    try:
        key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
        octets = base64.b64decode(signature, validate=True)
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(octets, image, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
            key.verify(octets, image, pss, hashes.SHA256())
        else:
            return False
    except (ValueError, binascii.Error, InvalidSignature):
        return False
    return True
