"""One connection to a broker: paho on our own event loop, through its socket callbacks. The only file that knows paho.

paho's traps, and the rules that keep out of them:

* it waits for names, TCP and TLS: it is given a socket that is connected already (``dial.py``);
* it calls back in the middle of its own work, holding locks: a callback here only appends to a queue, which is emptied
  once paho has returned; none of them can raise;
* it ignores what the broker allows (Receive Maximum, Maximum Packet Size): whoever publishes asks :mod:`.flow`;
* it sends again what an earlier connection left: each connection has a client of its own, and the journal alone decides
  what is sent again;
* it acknowledges before we have stored anything: acknowledging is ours (``manual_ack``);
* it believes in half-open connections, and in a broker that acknowledges nothing: both have their time here.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import msgspec
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from chargemon_edge.upstream.link_life import Abilities, Ending, Version, in_words
from chargemon_edge.upstream.settings import UpstreamSettings

log = logging.getLogger(__name__)

CONNACK_MAX_S = 15.0
SUBACK_MAX_S = 15.0
TICK_S = 1.0
# a session is kept for us while we are away: commands wait in it
SESSION_EXPIRY_S = 7 * 24 * 3600
WILL_DELAY_S = 20
# what may come in one packet; a broker of MQTT 5 is told, one of 3.1.1 is hung up on
INCOMING_MAX_BYTES = 131_072
INCOMING_OLD_MAX_BYTES = 1_048_576
# of incoming messages that are not acknowledged yet
INCOMING_MAX = 20


class Outgoing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message on its way out."""

    topic: str
    payload: bytes
    retain: bool = False
    expiry_s: int | None = None
    """After so long the broker need not deliver it any more (MQTT 5)."""
    correlation: bytes | None = None
    """What whoever asked has called the question (MQTT 5)."""


class ReplyTo(NamedTuple):
    """Where whoever asks wants the answer, besides the usual topic (MQTT 5 §4.10): not to be trusted."""

    topic: str
    correlation: bytes | None = None


class Incoming(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message that came; it comes again, in a later connection, until it is acknowledged."""

    mid: int
    qos: int
    topic: str
    payload: bytes
    retain: bool
    reply_to: ReplyTo | None = None


class Will(msgspec.Struct, frozen=True, kw_only=True):
    """What the broker says in our stead when we are lost."""

    topic: str
    payload: bytes
    retain: bool


class _Client(paho.Client):
    """paho's client on a socket that is connected already."""

    def __init__(self, ready: socket.socket, identifier: str, version: Version, *, clean: bool) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=identifier,
            clean_session=clean if version == 4 else None,
            protocol=MQTTProtocolVersion.MQTTv5 if version == 5 else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        self._ready = ready

    def _create_socket(self) -> socket.socket:
        return self._ready

    @property
    def coming_bytes(self) -> int:
        """The size of the packet that is being read."""
        return int(self._in_packet["remaining_length"])


class Link:
    """One connection. Made and used on the event loop; :meth:`open` first."""

    def __init__(
        self,
        ready: socket.socket,
        settings: UpstreamSettings,
        password: str | None,
        will: Will,
        version: Version,
        *,
        clean: bool,
        received: Callable[[Incoming], None],
        acknowledged: Callable[[int, int], None],
    ) -> None:
        """*clean*: let the broker forget what it has kept for us.

        *received* and *acknowledged* (message number, reason code) are called on the loop, never inside paho.
        """
        self._loop = asyncio.get_running_loop()
        self._settings = settings
        self._version: Version = version
        self._received = received
        self._acknowledged = acknowledged
        # what paho has called back with and nobody was told yet
        self._heard: deque[Callable[[], None]] = deque()
        self._connected: asyncio.Future[Abilities] = self._loop.create_future()
        self._subscribed: dict[int, asyncio.Future[list[int]]] = {}
        self.ended: asyncio.Future[Ending] = self._loop.create_future()
        self._accepted = False
        self._clean = clean
        self._tick: asyncio.TimerHandle | None = None
        self._socket = ready
        client = self._client = _Client(ready, settings.identifier, version, clean=clean)
        if settings.username is not None:
            may_send = settings.tls or settings.clear_password
            client.username_pw_set(settings.username, password if may_send else None)
        properties = _properties(PacketTypes.WILLMESSAGE, WillDelayInterval=WILL_DELAY_S) if version == 5 else None
        client.will_set(will.topic, will.payload, qos=1, retain=will.retain, properties=properties)
        client.on_socket_open = self._socket_open
        client.on_socket_close = self._socket_close
        client.on_socket_register_write = self._register_write
        client.on_socket_unregister_write = self._unregister_write
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe

    # ------------------------------------------------------------ for the bridge

    async def open(self) -> Abilities | Ending:
        """Say CONNECT and wait for the answer."""
        properties = None
        if self._version == 5:
            properties = _properties(
                PacketTypes.CONNECT,
                SessionExpiryInterval=SESSION_EXPIRY_S,
                MaximumPacketSize=INCOMING_MAX_BYTES,
                ReceiveMaximum=INCOMING_MAX,
            )
        self._guarded(
            lambda: self._client.connect(
                self._settings.host,
                self._settings.port,
                keepalive=self._settings.keepalive_s,
                clean_start=self._clean if self._version == 5 else paho.MQTT_CLEAN_START_FIRST_ONLY,
                properties=properties,
            )
        )
        self._tick = self._loop.call_later(TICK_S, self._misc)
        waits: set[asyncio.Future[Any]] = {self._connected, self.ended}
        await asyncio.wait(waits, timeout=CONNACK_MAX_S, return_when=asyncio.FIRST_COMPLETED)
        if self._connected.done() and not self.ended.done():
            return self._connected.result()
        if not self.ended.done():
            self.close(Ending(words=f"no answer to CONNECT within {CONNACK_MAX_S:.0f} s", refused_version=True))
        return self.ended.result()

    async def subscribe(self, filters: Sequence[str]) -> list[int]:
        """The broker's reason code for each filter; 0x80 and above: refused. Empty: the connection has ended."""
        wanted = self._loop.create_future()

        def ask() -> None:
            # as published: a command that is sent to be retained is known for one at once
            options = SubscribeOptions(
                qos=1, retainAsPublished=True, retainHandling=SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE
            )
            topics = [(one, options if self._version == 5 else 1) for one in filters]
            _, mid = self._client.subscribe(cast(Any, topics))
            if mid is not None:
                self._subscribed[mid] = wanted

        self._guarded(ask)
        await asyncio.wait((wanted, self.ended), timeout=SUBACK_MAX_S, return_when=asyncio.FIRST_COMPLETED)
        if wanted.done():
            return cast(list[int], wanted.result())
        if not self.ended.done():
            self.close(Ending(words=f"no answer to SUBSCRIBE within {SUBACK_MAX_S:.0f} s", answered=True))
        return []

    def publish(self, message: Outgoing, *, qos: int = 1) -> int | None:
        """Hand a message to the socket; returns its number for the acknowledgement, or None: the connection is gone.

        The caller keeps within what the broker takes.
        """
        if self.ended.done():
            return None
        properties = None
        if self._version == 5 and (message.expiry_s is not None or message.correlation is not None):
            members = {"MessageExpiryInterval": message.expiry_s, "CorrelationData": message.correlation}
            said = {name: value for name, value in members.items() if value is not None}
            properties = _properties(PacketTypes.PUBLISH, **said)
        info = self._client.publish(
            message.topic, message.payload, qos=qos, retain=message.retain, properties=properties
        )
        return info.mid if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def acknowledge(self, message: Incoming) -> None:
        """Let the broker forget it: it is on our disk, or of no use."""
        if not self.ended.done() and message.qos > 0:
            self._guarded(lambda: self._client.ack(message.mid, message.qos))

    def disconnect(self) -> None:
        """Say goodbye: the will is not said then."""
        self._guarded(self._client.disconnect)
        # what paho has not written by now is not worth waiting for
        self._guarded(self._client.loop_write)
        self.close(Ending(words="we have said goodbye", answered=True))

    def close(self, ending: Ending) -> None:
        """Drop the connection at once."""
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None
        for call in (self._loop.remove_reader, self._loop.remove_writer):
            if self._socket.fileno() >= 0:
                call(self._socket.fileno())
        self._socket.close()
        if not self.ended.done():
            self.ended.set_result(ending)

    # ------------------------------------------------------------ the loop's side

    def _guarded(self, call: Callable[[], object]) -> None:
        """Into paho and back; then tell what it has called back with. paho's own mistakes cost this connection."""
        try:
            call()
        except Exception as error:
            if not isinstance(error, OSError | ValueError):
                log.exception("mqtt client failed upstream=%s", self._settings.name)
            self.close(Ending(words=f"the connection failed: {error}", answered=self._accepted))
        while self._heard:
            self._heard.popleft()()

    def _readable(self) -> None:
        self._guarded(self._read)

    def _read(self) -> None:
        while not self.ended.done():
            self._client.loop_read()
            if self._client.coming_bytes > INCOMING_OLD_MAX_BYTES:
                words = f"the broker sends a packet of {self._client.coming_bytes} bytes"
                self.close(Ending(words=words, answered=self._accepted, poisoned=True))
            # TLS may hold more than the socket shows
            ready = self._socket
            if not isinstance(ready, ssl.SSLSocket) or ready.fileno() < 0 or not ready.pending():
                return

    def _writable(self) -> None:
        self._guarded(self._client.loop_write)

    def _misc(self) -> None:
        self._tick = None
        self._guarded(self._client.loop_misc)
        if not self.ended.done():
            self._tick = self._loop.call_later(TICK_S, self._misc)

    # ------------------------------------------------------------ paho's callbacks: they only note

    def _socket_open(self, _client: object, _data: object, ready: Any) -> None:
        self._loop.add_reader(ready.fileno(), self._readable)

    def _socket_close(self, _client: object, _data: object, ready: Any) -> None:
        if ready.fileno() >= 0:
            self._loop.remove_reader(ready.fileno())
            self._loop.remove_writer(ready.fileno())

    def _register_write(self, _client: object, _data: object, ready: Any) -> None:
        if ready.fileno() >= 0:
            self._loop.add_writer(ready.fileno(), self._writable)

    def _unregister_write(self, _client: object, _data: object, ready: Any) -> None:
        if ready.fileno() >= 0:
            self._loop.remove_writer(ready.fileno())

    def _on_connect(
        self,
        _client: object,
        _data: object,
        flags: paho.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        code = int(reason.value)
        if code >= 0x80:
            ending = Ending(words=in_words(code), code=code, refused_version=code == 0x84)
            self._heard.append(lambda: self.close(ending))
            return
        self._accepted = True
        abilities = _abilities(self._version, properties, session_present=flags.session_present)
        self._heard.append(lambda: self._connected.set_result(abilities))

    def _on_disconnect(
        self, _client: object, _data: object, flags: paho.DisconnectFlags, reason: ReasonCode, _properties: object
    ) -> None:
        code = int(reason.value) if flags.is_disconnect_packet_from_server else None
        words = "the connection was lost" if code is None else f"the broker has hung up: {in_words(code)}"
        ending = Ending(words=words, code=code, answered=self._accepted, refused_version=not self._accepted)
        self._heard.append(lambda: self.close(ending))

    def _on_publish(
        self, _client: object, _data: object, mid: int, reason: ReasonCode, _properties: Properties
    ) -> None:
        code = int(reason.value)
        self._heard.append(lambda: self._acknowledged(mid, code))

    def _on_message(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        incoming = Incoming(
            mid=message.mid,
            qos=message.qos,
            topic=topic,
            payload=bytes(message.payload),
            retain=bool(message.retain),
            reply_to=_reply_to(message.properties),
        )
        self._heard.append(lambda: self._received(incoming))

    def _on_subscribe(
        self, _client: object, _data: object, mid: int, reasons: list[ReasonCode], _properties: Properties
    ) -> None:
        codes = [int(reason.value) for reason in reasons]
        self._heard.append(lambda: self._subscribed_with(mid, codes))

    def _subscribed_with(self, mid: int, codes: list[int]) -> None:
        wanted = self._subscribed.pop(mid, None)
        if wanted is not None and not wanted.done():
            wanted.set_result(codes)


def _properties(packet: int, **members: int | bytes) -> Properties:
    properties = Properties(packet)  # type: ignore[no-untyped-call]  # paho has no types there
    for name, value in members.items():
        setattr(properties, name, value)
    return properties


def _reply_to(properties: Properties | None) -> ReplyTo | None:
    topic = getattr(properties, "ResponseTopic", None)
    return None if topic is None else ReplyTo(topic, getattr(properties, "CorrelationData", None))


def _abilities(version: Version, properties: Properties | None, *, session_present: bool) -> Abilities:
    """What CONNACK says; what it leaves out has the specification's defaults (MQTT 5 §3.2.2.3)."""
    said: Callable[[str, Any], Any] = lambda name, default: getattr(properties, name, default)  # noqa: E731 - one line
    return Abilities(
        version=version,
        receive_max=said("ReceiveMaximum", 65_535),
        packet_max=said("MaximumPacketSize", None),
        qos_max=said("MaximumQoS", 2),
        retain=bool(said("RetainAvailable", 1)),
        session_present=session_present,
    )
