"""MQTT control packets by the two specifications, 5.0 and 3.1.1, as far as a broker needs them. Knows no library.

Reading is strict: what the specification forbids raises :class:`MalformedError`, so that a test sees it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

Value = int | str | bytes
Properties = dict[int, list[Value]]
"""Identifier → its values; only User Property (0x26) may come twice."""

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 8, 9, 10, 11, 12, 13, 14

# MQTT 5 §2.2.2.2: the type of each property that may come from a client or go to one
SESSION_EXPIRY, ASSIGNED_CLIENT_ID, SERVER_KEEP_ALIVE = 0x11, 0x12, 0x13
REASON_STRING, RECEIVE_MAXIMUM, MAXIMUM_QOS, RETAIN_AVAILABLE, MAXIMUM_PACKET_SIZE = 0x1F, 0x21, 0x24, 0x25, 0x27
MESSAGE_EXPIRY, RESPONSE_TOPIC, CORRELATION_DATA, WILL_DELAY = 0x02, 0x08, 0x09, 0x18
_BYTE = (0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A)
_TWO = (0x13, 0x21, 0x22, 0x23)
_FOUR = (0x02, 0x11, 0x18, 0x27)
_VARIABLE = (0x0B,)
_TEXT = (0x03, 0x08, 0x12, 0x15, 0x1A, 0x1C, 0x1F)
_BINARY = (0x09, 0x16)
_PAIR = (0x26,)


class MalformedError(Exception):
    """The client has sent what the specification forbids."""


class Reading:
    """The bytes of one packet after its fixed header, from front to back."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        if self._at + count > len(self._data):
            raise MalformedError("the packet ends too early")
        self._at += count
        return self._data[self._at - count : self._at]

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)

    @property
    def is_done(self) -> bool:
        return self._at == len(self._data)

    def byte(self) -> int:
        return self.take(1)[0]

    def two(self) -> int:
        return int(struct.unpack("!H", self.take(2))[0])

    def four(self) -> int:
        return int(struct.unpack("!I", self.take(4))[0])

    def variable(self) -> int:
        """§1.5.5."""
        value = 0
        for place in range(4):
            byte = self.byte()
            value |= (byte & 0x7F) << 7 * place
            if not byte & 0x80:
                return value
        raise MalformedError("a variable byte integer of more than four bytes")

    def binary(self) -> bytes:
        return self.take(self.two())

    def text(self) -> str:
        """§1.5.4: UTF-8 without U+0000."""
        try:
            found = self.binary().decode("utf-8")
        except UnicodeDecodeError as error:
            raise MalformedError("a string is not UTF-8") from error
        if "\0" in found:
            raise MalformedError("a string contains U+0000")
        return found

    def properties(self) -> Properties:
        """§2.2.2."""
        inner = Reading(self.take(self.variable()))
        found: Properties = {}
        while not inner.is_done:
            identifier = inner.variable()
            if identifier in found and identifier not in _PAIR:
                raise MalformedError(f"property 0x{identifier:02X} comes twice")
            found.setdefault(identifier, []).append(inner.property(identifier))
        return found

    def property(self, identifier: int) -> Value:
        if identifier in _BYTE:
            return self.byte()
        if identifier in _TWO:
            return self.two()
        if identifier in _FOUR:
            return self.four()
        if identifier in _VARIABLE:
            return self.variable()
        if identifier in _TEXT:
            return self.text()
        if identifier in _BINARY:
            return self.binary()
        if identifier in _PAIR:
            return f"{self.text()}={self.text()}"
        raise MalformedError(f"there is no property 0x{identifier:02X}")


class Connect(NamedTuple):
    """§3.1."""

    level: int
    clean: bool
    keepalive_s: int
    properties: Properties
    client_id: str
    will: Publish | None
    username: str | None
    password: bytes | None


class Publish(NamedTuple):
    """§3.3."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    duplicate: bool
    packet_id: int
    properties: Properties


def read_connect(data: bytes) -> Connect:
    reading = Reading(data)
    name, level = reading.text(), reading.byte()
    if name != "MQTT" or level not in (4, 5):
        raise MalformedError(f"protocol {name} level {level}")
    flags, keepalive_s = reading.byte(), reading.two()
    if flags & 0x01:
        raise MalformedError("the reserved flag of CONNECT is set")
    properties = reading.properties() if level == 5 else {}
    client_id = reading.text()
    will = None
    if flags & 0x04:
        will_properties = reading.properties() if level == 5 else {}
        topic, payload = reading.text(), reading.binary()
        will = Publish(topic, payload, flags >> 3 & 3, bool(flags & 0x20), False, 0, will_properties)
    username = reading.text() if flags & 0x80 else None
    password = reading.binary() if flags & 0x40 else None
    _ended(reading)
    return Connect(level, bool(flags & 0x02), keepalive_s, properties, client_id, will, username, password)


def read_publish(flags: int, data: bytes, level: int) -> Publish:
    reading = Reading(data)
    qos = flags >> 1 & 3
    if qos == 3:
        raise MalformedError("QoS 3")
    topic = reading.text()
    if not topic or set("+#") & set(topic):
        raise MalformedError(f"{topic!r} is no topic name")
    packet_id = reading.two() if qos else 0
    if qos and not packet_id:
        raise MalformedError("packet identifier 0")
    properties = reading.properties() if level == 5 else {}
    return Publish(topic, reading.rest(), qos, bool(flags & 1), bool(flags & 8), packet_id, properties)


def read_acknowledgement(data: bytes, level: int) -> tuple[int, int]:
    """Packet identifier and reason code of a PUBACK (§3.4)."""
    reading = Reading(data)
    packet_id = reading.two()
    code = 0 if level == 4 or reading.is_done else reading.byte()
    if level == 5 and not reading.is_done:
        reading.properties()
    _ended(reading)
    return packet_id, code


def read_subscribe(data: bytes, level: int) -> tuple[int, list[tuple[str, int]]]:
    """Packet identifier, and each filter with its options (§3.8)."""
    reading = Reading(data)
    packet_id = reading.two()
    if level == 5:
        reading.properties()
    wanted = []
    while not reading.is_done:
        wanted.append((reading.text(), reading.byte()))
    if not wanted:
        raise MalformedError("SUBSCRIBE without a filter")
    return packet_id, wanted


def read_disconnect(data: bytes, level: int) -> int:
    """Its reason code (§3.14)."""
    if level == 4 or not data:
        return 0
    return data[0]


def _ended(reading: Reading) -> None:
    if not reading.is_done:
        raise MalformedError("bytes after the end of a packet")


# ---------------------------------------------------------------- writing


def variable(value: int) -> bytes:
    encoded = bytearray()
    while True:
        value, byte = value >> 7, value & 0x7F
        encoded.append(byte | (0x80 if value else 0))
        if not value:
            return bytes(encoded)


def text(value: str) -> bytes:
    return binary(value.encode())


def binary(value: bytes) -> bytes:
    return struct.pack("!H", len(value)) + value


def packet(kind: int, body: bytes, flags: int = 0) -> bytes:
    return bytes((kind << 4 | flags,)) + variable(len(body)) + body


def properties(found: dict[int, Value]) -> bytes:
    encoded = b"".join(variable(identifier) + _written(identifier, value) for identifier, value in found.items())
    return variable(len(encoded)) + encoded


def _written(identifier: int, value: Value) -> bytes:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bytes):
        return binary(value)
    if identifier in _BYTE:
        return bytes((value,))
    return struct.pack("!H" if identifier in _TWO else "!I", value)


def connack(level: int, code: int, *, session: bool, told: dict[int, Value]) -> bytes:
    """§3.2; *code* is of the level's own."""
    body = bytes((int(session), code))
    return packet(CONNACK, body + properties(told) if level == 5 else body)


def puback(level: int, packet_id: int, code: int) -> bytes:
    body = struct.pack("!H", packet_id)
    return packet(PUBACK, body + bytes((code,)) if level == 5 and code else body)


def suback(level: int, packet_id: int, codes: list[int]) -> bytes:
    return packet(SUBACK, struct.pack("!H", packet_id) + (properties({}) if level == 5 else b"") + bytes(codes))


def publish(level: int, message: Publish) -> bytes:
    flags = int(message.retain) | message.qos << 1 | int(message.duplicate) << 3
    number = struct.pack("!H", message.packet_id) if message.qos else b""
    told = properties({identifier: values[0] for identifier, values in message.properties.items()})
    return packet(PUBLISH, text(message.topic) + number + (told if level == 5 else b"") + message.payload, flags)


def disconnect(code: int) -> bytes:
    """Only MQTT 5 lets a broker say it (§3.14)."""
    return packet(DISCONNECT, bytes((code,)) + properties({}))


def matches(wanted: str, topic: str) -> bool:
    """Whether a filter takes a topic (§4.7)."""
    levels, own = wanted.split("/"), topic.split("/")
    if topic.startswith("$") and levels[0] in ("+", "#"):
        return False
    for place, one in enumerate(levels):
        if one == "#":
            return True
        if place >= len(own) or one not in ("+", own[place]):
            return False
    return len(levels) == len(own)


def whole_packets(buffer: bytearray) -> Iterator[tuple[int, int, bytes, int]]:
    """Take every whole packet off the front of *buffer*: kind, flags, body, size on the wire."""
    while len(buffer) >= 2:
        length, place = 0, 1
        while True:
            if place >= len(buffer):
                return
            byte = buffer[place]
            length |= (byte & 0x7F) << 7 * (place - 1)
            place += 1
            if not byte & 0x80:
                break
            if place > 4:
                raise MalformedError("a remaining length of more than four bytes")
        if len(buffer) < place + length:
            return
        first, body = buffer[0], bytes(buffer[place : place + length])
        del buffer[: place + length]
        yield first >> 4, first & 0x0F, body, place + length
