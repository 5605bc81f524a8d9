"""Key and certificate files: written whole and durable, readable by the daemon alone. Never logs what they hold."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
Pair = tuple[PrivateKey, list[x509.Certificate]]
"""A key and its certificates, its own first."""


class KeysError(Exception):
    """A key or certificate file that cannot be used; the text says which and why."""


def write_private(path: Path, content: bytes) -> None:
    """Put *content* into *path*, mode 0600, all or nothing even when the power fails. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def pair_pem(key: PrivateKey, certificates: list[x509.Certificate]) -> bytes:
    """Key and certificates in one PEM text, so that they can never be of two generations."""
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return text + b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def read_pair(path: Path) -> Pair:
    """The key and the certificates in *path*, the key's own first. Raises KeysError; FileNotFoundError without it."""
    try:
        content = path.read_bytes()
        key = serialization.load_pem_private_key(content, password=None)
        certificates = x509.load_pem_x509_certificates(content)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeysError(f"{path} cannot be read as a key with its certificate: {_in_words(error)}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise KeysError(f"{path} holds a key that is neither RSA nor elliptic-curve")
    if certificates[0].public_key() != key.public_key():
        raise KeysError(f"{path}: its first certificate does not belong to its key")
    return key, certificates


def read_certificates(path: Path) -> list[x509.Certificate]:
    """The certificates in *path*. Raises KeysError."""
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise KeysError(f"{path} cannot be read as certificates: {_in_words(error)}") from None


def _in_words(error: Exception) -> str:
    # a parser's own text may quote what it read
    return (error.strerror or "cannot be read") if isinstance(error, OSError) else type(error).__name__
