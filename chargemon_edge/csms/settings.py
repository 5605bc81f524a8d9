"""What the chargers' edge can be told: where it listens, who may come in, and how much each may ask of it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path

import msgspec

SHORTEST_SILENCE_S = 90.0


class ChargePointAccess(msgspec.Struct, frozen=True, kw_only=True):
    """How one charge point gets in."""

    identity: str
    password_file: Path | None = None
    """Holds the HTTP Basic password; text of hexadecimal digits is also accepted as the octets it spells."""
    security_profile: int | None = None
    """0 to 3 (security white paper); None: 0 where it may come without a password, else 1."""
    allow_without_password: bool = False
    """Let it in with no password at all. Only for chargers that cannot send one, on a network nobody else reaches."""
    sources: tuple[str, ...] = ()
    """Networks (``192.0.2.0/24``) it may come from; empty: any, but without a password only private ones."""

    @property
    def profile(self) -> int:
        """The security profile that is configured for it."""
        if self.security_profile is not None:
            return self.security_profile
        return 0 if self.allow_without_password else 1


class CsmsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The listener for chargers and its limits."""

    host: str = "0.0.0.0"  # noqa: S104 - chargers are other machines: the listener is meant for all interfaces
    plain: bool = True
    """Serve security profiles 0 and 1, which are in the clear, on :attr:`port`."""
    port: int = 8887
    tls_port: int | None = None
    """Security profile 2: TLS, and a password. None: not served."""
    mutual_tls_port: int | None = None
    """Security profile 3: TLS with a certificate of the charger's own. None: not served."""
    charge_points: tuple[ChargePointAccess, ...] = ()

    heartbeat_interval_s: int = 300
    """The interval that chargers are given in BootNotification's answer; silence is measured by it."""
    silence_s: float | None = None
    """A link on which nothing was received for this long is dead; None: three heartbeat intervals, at least 90 s."""

    max_sockets: int = 200
    """All sockets together. Sockets that have not logged in make room for new ones."""
    max_handshakes_per_source: int = 100
    """Sockets of one address that have not logged in."""
    handshake_timeout_s: float = 10.0
    max_request_head_bytes: int = 16_384
    """Request line and headers of the handshake together."""

    max_message_bytes: int = 65_536
    rate_per_s: float = 20.0
    """Messages of one charge point; above it its socket is not read for a moment."""
    rate_burst: int = 100
    flood_patience_s: float = 60.0
    """A charge point that keeps sending ahead of its rate for this long is disconnected."""
    max_malformed_in_a_row: int = 20
    write_buffer_bytes: int = 262_144
    """Unsent output above which nothing more is read from that charge point."""
    unread_patience_s: float = 30.0
    """A charge point that does not read its socket for this long, with a full buffer, is disconnected."""

    login_failures: int = 5
    """Failed logins within the window after which a source, or an identity, is answered 429."""
    login_window_s: float = 60.0
    second_connection_wait_s: float = 3.0
    """How long the older of two connections has to show that it is alive."""

    max_waiting_calls: int = 16
    """Calls that wait for one charge point; one more is refused as busy."""
    limit_deadline_s: float = 10.0
    """How long a charge point has to answer a SetChargingProfile that holds a limit."""

    @property
    def dead_after_s(self) -> float:
        """Silence after which a link counts as dead."""
        if self.silence_s is not None:
            return self.silence_s
        return max(SHORTEST_SILENCE_S, 3.0 * self.heartbeat_interval_s)


def mistakes(settings: CsmsSettings) -> list[str]:
    """Everything about the charge points' access that cannot work, one sentence each."""
    wrong = [words for access in settings.charge_points for words in _access_mistakes(access, settings)]
    if not settings.plain and settings.tls_port is None and settings.mutual_tls_port is None:
        wrong.append(
            "chargers.plain is false and neither tls_port nor mutual_tls_port is set: nobody could ever connect"
        )
    numbers = (settings.port if settings.plain else None, settings.tls_port, settings.mutual_tls_port)
    ports = [port for port in numbers if port]
    if len(set(ports)) < len(ports):
        wrong.append("chargers.port, tls_port and mutual_tls_port must differ: each security profile has its own")
    return wrong


def _access_mistakes(access: ChargePointAccess, settings: CsmsSettings) -> Iterator[str]:
    name = f"charge point {access.identity!r}"
    if access.profile < 2 and not settings.plain:
        yield f"{name} has security profile {access.profile}, but chargers.plain is false: it could never connect"
    if access.profile == 2 and settings.tls_port is None:
        yield f"{name} has security profile 2, but chargers.tls_port is not set: it could never connect"
    if access.profile == 3 and settings.mutual_tls_port is None:
        yield f"{name} has security profile 3, but chargers.mutual_tls_port is not set: it could never connect"
    if access.profile == 0 and not access.allow_without_password:
        yield f"{name} has security profile 0: set allow_without_password as well, or a higher profile"
    if access.profile > 0 and access.allow_without_password:
        yield f"{name} has security profile {access.profile} and may come in without a password: choose"
    if access.identity != access.identity.strip() or not access.identity.isprintable() or not access.identity:
        yield f"{name}: an identity is printable and neither empty nor padded with spaces"
    if access.password_file is None and not access.allow_without_password and access.security_profile is None:
        yield f"{name} has no password: set password_file, or allow_without_password if it cannot send one"
    if access.password_file is not None and access.allow_without_password:
        yield f"{name} has a password and may come in without one: choose"
    for network in access.sources:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            yield f"{name}: source {network!r} is not a network such as 192.0.2.0/24"
