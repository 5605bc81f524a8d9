"""Opens the socket to a broker: name, TCP, TLS. All of that blocks for seconds, so it happens in a thread of its own.

The thread is nobody's to wait for at the end: it hangs up by itself when nobody wants its socket any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from pathlib import Path

from chargemon_edge.upstream.settings import UpstreamSettings

CONNECT_TIMEOUT_S = 10.0
# names can take long, and nothing cuts a resolver off
DIAL_MAX_S = 40.0


class DialError(Exception):
    """No connection, with the reason in words."""

    def __init__(self, words: str, *, unknown_broker: bool = False) -> None:
        super().__init__(words)
        self.words = words
        # its certificate is at fault
        self.unknown_broker = unknown_broker


def tls_context(settings: UpstreamSettings) -> ssl.SSLContext:
    """Made anew for each connection, so that a renewed certificate counts at once. Raises DialError."""
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=settings.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.certificate_file is not None:
            context.load_cert_chain(settings.certificate_file, settings.key_file)
    except (OSError, ssl.SSLError) as error:
        raise DialError(f"the certificate files cannot be used: {error}", unknown_broker=True) from error
    if settings.alpn is not None:
        context.set_alpn_protocols([settings.alpn])
    return context


def password_of(settings: UpstreamSettings) -> str | None:
    """Read anew for each connection. Raises DialError."""
    if settings.password_file is None:
        return None
    try:
        return Path(settings.password_file).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DialError(f"the password file cannot be read: {error}") from error


class _Attempt:
    """What the thread and whoever waits for it share: the socket belongs to one of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._abandoned = False
        self._found: socket.socket | None = None

    def hand_over(self, found: socket.socket) -> None:
        """From the thread: the socket stands. It is closed if nobody wants it any more."""
        with self._lock:
            if self._abandoned:
                found.close()
            else:
                self._found = found

    def take(self) -> socket.socket:
        """From the loop: it is ours now."""
        with self._lock:
            assert self._found is not None
            found, self._found = self._found, None
            return found

    def abandon(self) -> None:
        """From the loop: whatever comes of it is of no use."""
        with self._lock:
            self._abandoned = True
            if self._found is not None:
                self._found.close()


async def dial(settings: UpstreamSettings) -> tuple[socket.socket, str | None]:
    """A connected socket, with TLS if that is set, that does not block any more, and the password. Raises DialError."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[str | None] = loop.create_future()
    attempt = _Attempt()

    def told(password: str | None, error: DialError | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(password)

    def run() -> None:
        password, failed = None, None
        try:
            password = password_of(settings)
            attempt.hand_over(_connect(settings))
        except DialError as error:
            failed = error
        # the loop may have ended meanwhile: then the attempt is abandoned as well
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(told, password, failed)

    threading.Thread(target=run, name=f"dial {settings.name}", daemon=True).start()
    try:
        async with asyncio.timeout(DIAL_MAX_S):
            password = await done
        return attempt.take(), password
    except TimeoutError:
        raise DialError(f"no connection to {settings.host} within {DIAL_MAX_S:.0f} s") from None
    finally:
        attempt.abandon()


def _connect(settings: UpstreamSettings) -> socket.socket:
    """In the thread."""
    context = tls_context(settings) if settings.tls else None
    try:
        plain = socket.create_connection((settings.host, settings.port), timeout=CONNECT_TIMEOUT_S)
    except OSError as error:
        raise DialError(f"cannot reach {settings.host} port {settings.port}: {error.strerror or error}") from error
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is None:
            plain.setblocking(False)
            return plain
        secured = context.wrap_socket(plain, server_hostname=settings.host)
        secured.setblocking(False)
    except ssl.SSLCertVerificationError as error:
        plain.close()
        raise DialError(
            f"the broker's certificate is not trusted: {error.verify_message}", unknown_broker=True
        ) from error
    except (OSError, ValueError) as error:
        plain.close()
        raise DialError(f"no TLS with {settings.host} port {settings.port}: {error}") from error
    return secured
