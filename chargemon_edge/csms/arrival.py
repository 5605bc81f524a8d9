"""A socket before it is a link: reads one request head within bounds, asks who it is, hands itself over or says no.

On a listener with TLS that handshake comes first. It is done here and not by the listener, to be counted, timed and
cut short like the rest. HTTP is parsed by aiohttp's parser, one request per socket. Nothing a stranger sends is kept
longer than the handshake.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import Protocol

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser
from aiohttp.http_exceptions import HttpProcessingError

from chargemon_edge.csms.handshake import Refused, RequestHead
from chargemon_edge.csms.listener import Listener, ShownCertificate, shown_certificate

# names of security events
TLS_REFUSED = "TLS handshake refused"
CERTIFICATE_REFUSED = "certificate refused"

_TLS_HANDSHAKE = 0x16
# how long a refused peer may go on sending before its socket is cut, so that it can read the answer
_LINGER_S = 2.0
_LONGEST_PARAGRAPH = 8_190
_MOST_HEADERS = 128
# what a peer may send ahead of our 101
_MOST_EARLY_BYTES = 65_536


class Gate(Protocol):
    """Who decides about arrivals."""

    def arrived(self, arrival: Arrival) -> bool:
        """A socket was accepted; False: there is no room for it."""
        ...

    def asked(self, arrival: Arrival, head: RequestHead) -> None:
        """It asks to come in. The gate answers with :meth:`Arrival.refuse` or takes the transport."""
        ...

    def refused(self, arrival: Arrival, refusal: Refused) -> None:
        """It was told no."""
        ...

    def gone(self, arrival: Arrival) -> None:
        """Its socket is closed."""
        ...


class Arrival(asyncio.Protocol):
    """The protocol of a transport until its handshake is answered."""

    def __init__(self, gate: Gate, listener: Listener, *, timeout_s: float, max_head_bytes: int) -> None:
        self._gate = gate
        self.listener = listener
        self._timeout_s = timeout_s
        self._max_head_bytes = max_head_bytes
        self._received_bytes = 0
        # None once the head was read
        self._parser: HttpRequestParser | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._answered = False
        # all that came, until the head is judged: whoever serves files reads it anew
        self._received = bytearray()
        # bytes after the head: frames sent without waiting for our answer
        self._early = bytearray()
        # the TLS handshake, and what came after it before we heard of its end; None without TLS, and afterwards
        self._securing: asyncio.Task[None] | None = None
        self._ahead = bytearray()
        self._gone = False
        # set by a mutual TLS handshake
        self._certificate: ShownCertificate | None = None
        # set by connection_made
        self.transport: asyncio.Transport
        self.source = ""
        self.remote = ""

    # ------------------------------------------------------------ asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A socket was accepted."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        peer = transport.get_extra_info("peername")
        # it may be gone already
        self.source, port = (str(peer[0]), peer[1]) if peer else ("unknown", 0)
        self.remote = f"[{self.source}]:{port}" if ":" in self.source else f"{self.source}:{port}"
        if not self._gate.arrived(self):
            transport.abort()
            return
        loop = asyncio.get_running_loop()
        self._parser = HttpRequestParser(
            # it tells this one of bodies, and none is read here
            BaseProtocol(loop),
            loop,
            65_536,
            max_line_size=_LONGEST_PARAGRAPH,
            max_field_size=_LONGEST_PARAGRAPH,
            max_headers=_MOST_HEADERS,
        )
        self._timer = loop.call_later(self._timeout_s, self._too_slow)
        if self.listener.tls is not None:
            transport.pause_reading()
            self._securing = loop.create_task(self._secure(transport, self.listener.tls), name="tls handshake")

    async def _secure(self, plain: asyncio.Transport, context: ssl.SSLContext) -> None:
        """The handshake. It ends by itself when the socket does, so whoever aborts that ends this as well."""
        loop = asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(
                plain,
                self,
                context,
                server_side=True,
                ssl_handshake_timeout=self._timeout_s,
                ssl_shutdown_timeout=_LINGER_S,
            )
        except OSError as error:
            # ours when the timer ended it, which has told of it
            if self._timer is not None:
                self._gate.refused(self, _tls_refusal(error))
            self.connection_lost(error)
            return
        finally:
            self._securing = None
        # a socket that is aborted within the handshake leaves no transport behind
        if secured is None or self._gone:
            self.connection_lost(None)
            return
        self.transport = secured
        self._certificate = shown_certificate(secured.get_extra_info("peercert"))
        if self._ahead:
            ahead, self._ahead = bytes(self._ahead), bytearray()
            self.data_received(ahead)

    def data_received(self, data: bytes) -> None:
        """More of the head, or of what follows it."""
        if self._answered:
            return
        if self._securing is not None:
            # at most what one read of the socket held
            self._ahead += data
            return
        if self._parser is None:
            self._take_early(data)
            return
        if self._received_bytes == 0 and data[0] == _TLS_HANDSHAKE:
            self.refuse(Refused(status=400, why="speaks TLS; this port does not"))
            return
        self._received_bytes += len(data)
        self._received += data
        try:
            messages, _upgraded, tail = self._parser.feed_data(data[: self._max_head_bytes + 1])
        except HttpProcessingError as error:
            # its text quotes what came, which may be a password
            self.refuse(Refused(status=400, why=f"not an HTTP request ({type(error).__name__})"))
            return
        if messages:
            self._parser = None
            self._take_early(tail)
            message = messages[0][0]
            self._gate.asked(self, self._head(message.method, message.path, message.raw_headers))
            self._received.clear()
        elif self._received_bytes > self._max_head_bytes:
            self.refuse(Refused(status=400, why=f"request head of more than {self._max_head_bytes} bytes"))

    def eof_received(self) -> bool:
        """The peer sends no more: it wants nothing."""
        return False

    def pause_writing(self) -> None:
        """The one short answer is all that is ever written here."""

    def resume_writing(self) -> None:
        """See :meth:`pause_writing`."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        if self._gone:
            return
        self._gone = True
        self._stop_timer()
        self._parser = None
        self._gate.gone(self)

    # ------------------------------------------------------------ the gate's answers

    def refuse(self, refusal: Refused) -> None:
        """Say no, and close once the peer can have read it."""
        if self._answered or self.transport.is_closing():
            return
        self._answered = True
        self._parser = None
        self._stop_timer()
        self.transport.write(refusal.response())
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._timer = asyncio.get_running_loop().call_later(_LINGER_S, self.transport.abort)
        self._gate.refused(self, refusal)

    def give_away(self, take: Callable[[asyncio.Transport, bytes], bool]) -> bool:
        """Somebody else serves this socket: *take* gets it with all that has come, unless there is no room for it.

        Only while the gate is being asked.
        """
        self._answered = True
        self._stop_timer()
        if not take(self.transport, bytes(self._received)):
            self._answered = False
            return False
        return True

    def hand_over(self) -> bytes:
        """It is let in: this protocol is done. Returns the bytes that came ahead of the answer."""
        self._answered = True
        self._stop_timer()
        return bytes(self._early)

    # ------------------------------------------------------------

    def _take_early(self, data: bytes) -> None:
        self._early += data
        if len(self._early) > _MOST_EARLY_BYTES:
            self.transport.abort()

    def _too_slow(self) -> None:
        self._timer = None
        if self._securing is not None:
            why = f"no TLS handshake within {self._timeout_s:g} s"
            self._gate.refused(self, Refused(status=408, why=why, event=TLS_REFUSED))
            self.transport.abort()
        elif self._parser is not None:
            self.refuse(Refused(status=408, why=f"no request within {self._timeout_s:g} s"))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _head(self, method: str, path: str, raw_headers: tuple[tuple[bytes, bytes], ...]) -> RequestHead:
        headers: dict[str, list[str]] = {}
        for name, value in raw_headers:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        # the parser keeps octets it cannot read as surrogates; an identity may be UTF-8 without percent signs
        target = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        known: Mapping[str, list[str]] = headers
        return RequestHead(
            method=method,
            target=target,
            headers=known,
            source=self.source,
            profiles=self.listener.profiles,
            certificate=self._certificate,
        )


def _tls_refusal(error: OSError) -> Refused:
    """What a failed handshake is called; no answer can be given to the peer any more."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = f"its certificate is not accepted: {error.verify_message}"
        return Refused(status=403, why=why, event=CERTIFICATE_REFUSED)
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or "failed").replace("_", " ").lower()
        lacking = "return a certificate" in reason
        return Refused(
            status=400, why=f"TLS handshake: {reason}", event=CERTIFICATE_REFUSED if lacking else TLS_REFUSED
        )
    return Refused(status=400, why="left within the TLS handshake", event=TLS_REFUSED)
