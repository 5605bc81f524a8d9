"""The operators' brokers: name, connection, TLS, each with its own words. Logs nowhere in."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sequence

import msgspec

from chargemon_edge.doctor.finding import Finding, attention, broken, ok
from chargemon_edge.doctor.subject import Daemon, Subject
from chargemon_edge.upstream.dial import DialError, tls_context
from chargemon_edge.upstream.settings import UpstreamSettings
from chargemon_edge.web import client
from chargemon_edge.web.resources.upstreams import UpstreamView

_TIMEOUT_S = 5.0


def examine(subject: Subject) -> Iterator[Finding]:
    """One finding for each upstream: the first step that fails; and what the running daemon says of it."""
    for one in subject.settings.upstreams:
        yield _tried(one)
    if subject.settings.upstreams and subject.daemon is not None:
        yield from _told(subject.daemon)


def _told(daemon: Daemon) -> Iterator[Finding]:
    """Only the daemon logs in."""
    try:
        standings = msgspec.json.decode(
            client.ask(daemon.socket, "GET", "/api/v1/upstreams"), type=tuple[UpstreamView, ...]
        )
    except (client.ClientError, msgspec.DecodeError):
        return
    for one in standings:
        if one.connected:
            yield ok(f"upstream {one.name}: the daemon is logged in, {one.backlog} events wait")
        else:
            yield broken(
                f"upstream {one.name}: the daemon is not logged in: {one.error or 'it has not tried yet'}; "
                f"{one.backlog} events wait",
                "check username, password_file or certificate_file with the operator of the broker",
            )


def _tried(one: UpstreamSettings) -> Finding:
    where = f"upstream {one.name} ({one.host}:{one.port})"
    try:
        found = socket.getaddrinfo(one.host, one.port, type=socket.SOCK_STREAM)
    except OSError as error:
        return broken(
            f"{where}: the name is not found: {error.strerror or error}",
            "check the name server of this machine (resolvectl status), or the internet connection",
        )
    try:
        context = tls_context(one) if one.tls else None
    except DialError as error:
        return broken(f"{where}: {error}", "check ca_file, certificate_file, key_file")
    try:
        plain = _connected(found[0][4])
    except OSError as error:
        return broken(
            f"{where}: no connection: {error.strerror or error}",
            "check the internet connection, and that a firewall lets this port out",
        )
    with plain:
        if context is None:
            return ok(f"{where} takes connections (without TLS)")
        try:
            with context.wrap_socket(plain, server_hostname=one.host) as secured:
                return ok(f"{where} takes connections, {secured.version()}")
        except ssl.SSLCertVerificationError as error:
            advice = (
                "check ca_file, and the machine's clock"
                if one.ca_file
                else "the broker's authority is unknown here: set ca_file"
            )
            return broken(f"{where}: its certificate is refused: {error.verify_message}", advice)
        except (ssl.SSLError, OSError) as error:
            return attention(
                f"{where}: the TLS handshake failed: {getattr(error, 'reason', None) or error}",
                "check that the port is the one for TLS, and certificate_file if the broker wants one",
            )


def _connected(address: Sequence[object]) -> socket.socket:
    return socket.create_connection((str(address[0]), int(str(address[1]))), timeout=_TIMEOUT_S)
