"""What the tests of keys and certificates need: a clock, keyrings, and charge points that want something signed."""

from __future__ import annotations

import datetime
import tempfile
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from chargemon_edge.keys.keyring import Keyring
from chargemon_edge.keys.pem import write_private
from chargemon_edge.keys.settings import KeysSettings

NOW = datetime.datetime(2026, 6, 1, 12, tzinfo=datetime.UTC)
NAMES = ["box.example", "localhost", "127.0.0.1"]
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class SetClock:
    """A clock that stands where it is put."""

    def __init__(self, now: datetime.datetime = NOW) -> None:
        self.now = now

    def monotonic_s(self) -> float:
        return 0.0

    def utc_ms(self) -> int:
        return int(self.now.timestamp() * 1000)


_made: dict[str, bytes] = {}


def keyring(folder: Path, clock: SetClock | None = None, *, fresh: bool = False, **settings: Any) -> Keyring:
    """A keyring in *folder*, looked after once. Only a *fresh* one makes keys of its own: RSA is slow."""
    if not fresh and not any(folder.glob("*")):
        if not _made:
            with tempfile.TemporaryDirectory() as first:
                Keyring(KeysSettings(), Path(first), SetClock(), lambda: NAMES).refresh()
                _made.update({path.name: path.read_bytes() for path in Path(first).iterdir()})
        for name, content in _made.items():
            write_private(folder / name, content)
    ring = Keyring(KeysSettings(**settings), folder, clock or SetClock(), lambda: NAMES)
    ring.refresh()
    return ring


def signing_request(
    common_name: str,
    key: Key | None = None,
    *,
    organisation: str | None = None,
    digest: hashes.SHA256 | hashes.SHA384 | hashes.SHA3_256 | None = None,
) -> str:
    """A PKCS #10 request in PEM."""
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organisation is not None:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name(attributes))
        .sign(key or ec.generate_private_key(ec.SECP256R1()), digest or hashes.SHA256())
    )
    return request.public_bytes(serialization.Encoding.PEM).decode()
