"""What a charger wants signed (SignCertificate, security white paper): read and judged, never trusted."""

from __future__ import annotations

from collections.abc import Collection

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from chargemon_edge.keys.pem import PublicKey

_LONGEST_CHARACTERS = 5_500
_RSA_BITS = range(2_048, 8_193)
_EC_BITS_MIN = 224
_HASHES = frozenset(("sha224", "sha256", "sha384", "sha512"))


class RequestRefused(Exception):
    """It will not be signed; the text says why."""


def judged(pem: str, names: Collection[str], organisation: str | None) -> tuple[PublicKey, x509.Name]:
    """The public key and the subject to be certified.

    The request must be signed by its own key (RSA of at least 2048 bits, or a curve of at least 224) with SHA-2, and
    have exactly one common name, one of *names*; and *organisation*, unless None, as its O. Raises RequestRefused.
    """
    try:
        return _judged(pem, names, organisation)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise RequestRefused(f"cannot be read as a PKCS #10 request in PEM ({type(error).__name__})") from None


def _judged(pem: str, names: Collection[str], organisation: str | None) -> tuple[PublicKey, x509.Name]:
    if len(pem) > _LONGEST_CHARACTERS:
        raise RequestRefused(f"longer than {_LONGEST_CHARACTERS} characters")
    request = x509.load_pem_x509_csr(pem.strip().encode())
    key = request.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size not in _RSA_BITS:
            raise RequestRefused(f"RSA key of {key.key_size} bits; at least {_RSA_BITS.start} are needed")
    elif not isinstance(key, ec.EllipticCurvePublicKey):
        raise RequestRefused("its key is neither RSA nor elliptic-curve")
    elif key.curve.key_size < _EC_BITS_MIN:
        raise RequestRefused(f"elliptic curve of {key.curve.key_size} bits; at least {_EC_BITS_MIN} are needed")
    digest = request.signature_hash_algorithm
    if digest is None or digest.name not in _HASHES:
        raise RequestRefused("its signature does not use SHA-2")
    if not request.is_signature_valid:
        raise RequestRefused("its signature is not by its own key")
    found = [str(one.value) for one in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if len(found) != 1 or found[0] not in names:
        wanted = " or ".join(repr(name) for name in sorted(names)) or "the serial number, which it has never told"
        raise RequestRefused(f"its common name is {', '.join(found)[:100]!r}; it must be {wanted}")
    named = [str(one.value) for one in request.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    if organisation is not None and named != [organisation]:
        raise RequestRefused(f"its organisation is {', '.join(named)[:100]!r}; it must be {organisation!r}")
    return key, request.subject
