"""The chargers' HTTP Basic passwords: read from files once, compared in constant time, never shown or logged."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from pathlib import Path

from chargemon_edge.csms.settings import ChargePointAccess

_LONGEST_PASSWORD_BYTES = 4_096
_LONGEST_HEADER = 2_048


class CredentialsError(Exception):
    """Password files that cannot be used: one sentence each in *mistakes*."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


class Credentials:
    """Which passwords open which identity. Holds digests only."""

    __slots__ = ("_accepted",)

    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._accepted = {identity: _accepted(password) for identity, password in passwords.items()}

    def protects(self, identity: str) -> bool:
        """Whether *identity* has a password."""
        return identity in self._accepted

    def match(self, identity: str, password: bytes) -> bool:
        """Whether *password* is *identity*'s, as the text it is configured as or as the octets its hex digits spell."""
        given = hashlib.sha256(password).digest()
        matched = False
        for accepted in self._accepted.get(identity, ()):
            matched |= hmac.compare_digest(accepted, given)
        return matched


def read_credentials(charge_points: Iterable[ChargePointAccess]) -> Credentials:
    """Every charge point's password from its file; :class:`CredentialsError` names each that cannot be read."""
    passwords: dict[str, str] = {}
    mistakes: list[str] = []
    for charge_point in charge_points:
        if charge_point.password_file is not None:
            try:
                passwords[charge_point.identity] = _read(charge_point.password_file)
            except (OSError, ValueError) as error:
                mistakes.append(f"password of charge point {charge_point.identity!r}: {error}")
    if mistakes:
        raise CredentialsError(mistakes)
    return Credentials(passwords)


def _read(path: Path) -> str:
    content = path.read_bytes()
    if len(content) > _LONGEST_PASSWORD_BYTES:
        raise ValueError(f"{path} is longer than {_LONGEST_PASSWORD_BYTES} bytes")
    try:
        password = content.decode().strip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not text; write octets as hexadecimal digits") from None
    if not password:
        raise ValueError(f"{path} is empty")
    return password


def _accepted(password: str) -> tuple[bytes, ...]:
    """Digests of all that is taken for *password*: chargers send an AuthorizationKey as hex text, in either case, or
    as the octets it spells (security white paper, BasicAuthenticationPassword)."""
    forms = [password.encode()]
    # where it is not hexadecimal digits only the text itself counts
    with contextlib.suppress(ValueError):
        forms += [bytes.fromhex(password), password.lower().encode(), password.upper().encode()]
    return tuple(hashlib.sha256(form).digest() for form in dict.fromkeys(forms) if form)


def basic_password(header: str, identity: str) -> bytes:
    """The password in an ``Authorization: Basic`` header whose user is *identity*.

    Raises ValueError with the reason: another scheme, not base64, too long, or another user. An identity may
    contain a colon and a password any octet, so the user is recognised by what it must be, not by the first colon.
    """
    scheme, _, encoded = header.strip().partition(" ")
    if scheme.lower() != "basic":
        raise ValueError("not Basic authentication")
    if len(encoded) > _LONGEST_HEADER:
        raise ValueError("credentials are too long")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("credentials are not base64") from None
    user = identity.encode() + b":"
    if not decoded.startswith(user):
        raise ValueError("user name is not the identity in the path")
    return decoded[len(user) :]
