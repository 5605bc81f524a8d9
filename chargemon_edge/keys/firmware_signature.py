"""Whether a firmware file is signed by whoever its certificate names (security white paper, SignedUpdateFirmware).

The signature is over the SHA-256: ECDSA, RSASSA-PSS, or RSA with PKCS #1 v1.5
padding, which several vendors use.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import itertools
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from chargemon_edge.keys.pem import KeysError, PublicKey, read_certificates

_DIGEST = Prehashed(hashes.SHA256())
_PADDINGS = (padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO), padding.PKCS1v15())


def signature_fault(
    sha256: bytes, signature: str, certificate: str, now: datetime.datetime, authorities: Path | None
) -> str | None:
    """Why *signature* (base64) does not vouch for the file of that digest; None: it does.

    *certificate*: PEM, the signer's first, intermediate ones after it; *authorities*: roots, one of which must stand at
    the end of that chain. None: any signer will do. Takes milliseconds.
    """
    try:
        chain = x509.load_pem_x509_certificates(certificate.encode())
        key = chain[0].public_key()
        octets = base64.b64decode(signature, validate=False)
    except (ValueError, UnsupportedAlgorithm, binascii.Error):
        return "the signing certificate is no PEM certificate, or the signature is not base64"
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        return "the signing certificate's key is neither RSA nor elliptic-curve"
    if chain[0].not_valid_after_utc < now:
        return f"the signing certificate ended on {chain[0].not_valid_after_utc:%Y-%m-%d}"
    if not _verifies(key, octets, sha256):
        return "the signature is not that of this file by this certificate: the file was changed, or they do not belong"
    return None if authorities is None else _chain_fault(chain, authorities)


def _verifies(key: PublicKey, signature: bytes, sha256: bytes) -> bool:
    if isinstance(key, ec.EllipticCurvePublicKey):
        try:
            key.verify(signature, sha256, ec.ECDSA(_DIGEST))
        except InvalidSignature:
            return False
        return True
    for one in _PADDINGS:
        try:
            key.verify(signature, sha256, one, _DIGEST)
        except InvalidSignature:
            continue
        return True
    return False


def _chain_fault(chain: Sequence[x509.Certificate], authorities: Path) -> str | None:
    try:
        roots = read_certificates(authorities)
    except KeysError as error:
        return f"signing_authorities: {error}"
    if chain[0] in roots:
        return None
    for one, issuer in itertools.pairwise(chain):
        if any(_issued(one, root) for root in roots):
            return None
        if not _issued(one, issuer):
            return "the certificates of the chain have not signed each other"
    if any(_issued(chain[-1], root) for root in roots):
        return None
    return "the signing certificate was issued by none of signing_authorities"


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound):
        return False
    return constraints.ca
