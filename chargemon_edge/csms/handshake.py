"""What a request to open a charge point's link says, and the answers to it. No I/O; :mod:`.doorkeeper` judges.

OCPP-J 1.6 §3 (connection). Tolerant where real chargers are odd
(any path prefix, no Upgrade header, any Origin), strict where a stranger could profit.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from urllib.parse import unquote

import msgspec

from chargemon_edge.csms.listener import PLAIN_PROFILES, ShownCertificate
from chargemon_edge.csms.settings import ChargePointAccess
from chargemon_edge.site.charger_model import Quirks

SUBPROTOCOL = "ocpp1.6"
LONGEST_IDENTITY = 255
_ACCEPT_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3
_LONGEST_KEY = 128

# names of security events
LOGIN_REFUSED = "login refused"
UNKNOWN_IDENTITY = "unknown identity"
TOO_MANY_FAILURES = "too many failed logins"
WRONG_PROFILE = "wrong security profile"
HANDSHAKE_REFUSED = "handshake refused"


class RequestHead(msgspec.Struct, frozen=True, kw_only=True):
    """What a peer asked for."""

    method: str
    target: str
    headers: Mapping[str, list[str]]
    """Names in lower case."""
    source: str
    """The peer's IP address."""
    profiles: frozenset[int] = PLAIN_PROFILES
    """Security profiles of the listener that it came to."""
    certificate: ShownCertificate | None = None
    """Where TLS asked for one."""

    def one(self, name: str) -> str | None:
        """That header; ValueError if it came more than once."""
        values = self.headers.get(name)
        if values is None:
            return None
        if len(values) > 1:
            raise ValueError(f"header {name} came {len(values)} times")
        return values[0]


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """This charge point may come in."""

    access: ChargePointAccess
    known: bool
    subprotocol: str | None
    """Spelled as the charge point offered it; None: it offered none."""
    accept: str
    """Sec-WebSocket-Accept."""
    profile: int
    """The security profile that it came with."""
    key: str | None = None
    """The name of the kept password that it logged in with; None: a configured one, or none."""

    @property
    def identity(self) -> str:
        """Who it is."""
        return self.access.identity

    def response(self) -> bytes:
        """The 101 answer."""
        lines = [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {self.accept}",
        ]
        if self.subprotocol is not None:
            lines.append(f"Sec-WebSocket-Protocol: {self.subprotocol}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """No; *why* is for the log and the security events, and never quotes a credential."""

    status: int
    why: str
    event: str = HANDSHAKE_REFUSED
    identity: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    repeated: bool = False
    """Answered "too many": the log needs only the first of many such refusals."""

    def response(self) -> bytes:
        """The HTTP answer; it says no more than its status does, except about the WebSocket itself."""
        status = HTTPStatus(self.status)
        body = f"{self.why if self.event == HANDSHAKE_REFUSED else status.phrase}\n".encode()
        lines = [f"HTTP/1.1 {status.value} {status.phrase}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines += ["Content-Type: text/plain; charset=utf-8", f"Content-Length: {len(body)}", "Connection: close"]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace") + body


def identity_of(target: str) -> str:
    """The charge point's identity: last segment of the path, percent-decoded, stripped (OCPP-J 1.6 §3.1.1).

    A slash in the identity must come encoded. ValueError if there is none or it has characters no identity has.
    """
    path = target.partition("?")[0].partition("#")[0].rstrip("/")
    try:
        identity = unquote(path.rpartition("/")[2], errors="strict").strip()
    except UnicodeDecodeError:
        raise ValueError("identity is not UTF-8") from None
    if not identity:
        raise ValueError("path names no charge point")
    if len(identity) > LONGEST_IDENTITY or not identity.isprintable():
        raise ValueError("identity is too long or not printable")
    return identity


class RefusalError(Exception):
    """A request that is refused for what it is, not for who sends it."""

    def __init__(self, status: int, why: str, *headers: tuple[str, str]) -> None:
        super().__init__(why)
        self.refused = Refused(status=status, why=why, headers=headers)


def too_many(identity: str, wait_s: float) -> Refused:
    """Answered without a look at the login."""
    return Refused(
        status=429,
        why="too many failed logins",
        event=TOO_MANY_FAILURES,
        identity=identity,
        headers=(("Retry-After", str(int(wait_s) + 1)),),
        repeated=True,
    )


def websocket_request(head: RequestHead) -> tuple[str, str]:
    """(identity, Sec-WebSocket-Key) of a request that asks for a WebSocket (RFC 6455 §4.2.1); raises RefusalError."""
    if head.method != "GET":
        raise RefusalError(405, "only GET opens a WebSocket", ("Allow", "GET"))
    try:
        identity = identity_of(head.target)
        key = head.one("sec-websocket-key")
        version = head.one("sec-websocket-version")
    except ValueError as error:
        raise RefusalError(400, str(error)) from None
    # a key without an Upgrade header comes from real chargers and can mean nothing else
    if key is None:
        raise RefusalError(426, "this is a WebSocket for charge points", ("Upgrade", "websocket"))
    if not 0 < len(key) <= _LONGEST_KEY:
        raise RefusalError(400, "Sec-WebSocket-Key is empty or too long")
    if version is not None and version.strip() != "13":
        raise RefusalError(426, "only WebSocket version 13 is spoken", ("Sec-WebSocket-Version", "13"))
    return identity, key


def admit(
    head: RequestHead,
    access: ChargePointAccess,
    key: str,
    *,
    known: bool,
    quirks: Quirks,
    profile: int,
    kept: str | None = None,
) -> Admitted | Refused:
    """Agree on the subprotocol with a peer whose login is right. *key*: its Sec-WebSocket-Key."""
    offers = [offer.strip() for line in head.headers.get("sec-websocket-protocol", ()) for offer in line.split(",")]
    offers = [offer for offer in offers if offer]
    subprotocol = next((offer for offer in offers if offer.lower() == SUBPROTOCOL), None)
    if subprotocol is None and (offers or not quirks.subprotocol_optional):
        offered = ascii(", ".join(offers))[:100] if offers else "none"
        why = f"subprotocol {SUBPROTOCOL} must be offered; offered: {offered}"
        return Refused(status=400, why=why, identity=access.identity)
    digest = hashlib.sha1(key.strip().encode() + _ACCEPT_SUFFIX, usedforsecurity=False).digest()
    accept = base64.b64encode(digest).decode()
    return Admitted(access=access, known=known, subprotocol=subprotocol, accept=accept, profile=profile, key=kept)


def within(source: str, networks: Iterable[str]) -> bool:
    """Whether the address lies in one of *networks*; without any: whether it is a private one."""
    try:
        address = ipaddress.ip_address(source.partition("%")[0])
    except ValueError:
        return False
    if address.version == 6 and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    listed = tuple(networks)
    if not listed:
        return address.is_private
    return any(address in ipaddress.ip_network(network, strict=False) for network in listed)
