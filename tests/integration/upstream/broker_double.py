"""A broker that behaves as a test wants it to: right by the specification, but for what a knob says.

It holds each message to the shipped schemas, and the client to the specification: what it finds is in ``complaints``.
Lives on the test's own loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.integration.upstream import mqtt_packets as mqtt
from tests.integration.upstream.broker import Message
from tests.integration.upstream.mqtt_packets import Connect, MalformedError, Publish
from tests.unit.upstream.contract import Judge

SUCCESS, NO_SUBSCRIBER, NOT_AUTHORISED, QUOTA = 0x00, 0x10, 0x87, 0x97
TAKEN_OVER, TOO_MUCH, TOO_LARGE, UNSUPPORTED = 0x8E, 0x93, 0x95, 0x84


class Knobs:
    """What is wrong with this broker; turned at any time."""

    def __init__(self) -> None:
        self.connack_code: Callable[[Connect], int] = lambda _connect: SUCCESS
        self.half_connack = False
        """Sends one half of its CONNACK, then nothing more."""
        self.speaks: tuple[int, ...] = (4, 5)
        """Protocol levels: 4 is MQTT 3.1.1."""
        self.says_unsupported = True
        """To another level; else it hangs up without a word."""
        self.told: dict[int, mqtt.Value] = {}
        """Properties of CONNACK: what it takes."""
        self.acknowledges = True
        self.hears_acknowledgements = True
        """False: what the client acknowledges is lost on the way; it comes again on the next connection."""
        self.publish_code: Callable[[Publish], int] = lambda _message: SUCCESS
        self.subscribe_code: int | None = None
        self.frozen = False
        """Reads nothing and writes nothing; the socket stays open."""
        self.delivers_twice = False
        """Each message at QoS 1 comes a second time, marked as a duplicate, though it was acknowledged."""


class _Session:
    """What is kept for a client id between its connections (§4.1)."""

    def __init__(self) -> None:
        self.filters: dict[str, int] = {}
        self.waiting: list[Publish] = []
        self.unacknowledged: dict[int, Publish] = {}
        self.next_id = 1


class BrokerDouble:
    """Listens on a free port of this machine."""

    def __init__(self) -> None:
        self.knobs = Knobs()
        self.connects: list[Connect] = []
        self.messages: list[Message] = []
        """All that was published and accepted, wills included."""
        self.arrived_s: list[float] = []
        """When each of those was, by the loop's time."""
        self.refused: list[Publish] = []
        self.retained: dict[str, Message] = {}
        self._judge = Judge()
        self.complaints = self._judge.complaints
        self.most_under_way = 0
        self.goodbyes = 0
        self.port = 0
        self.sessions: dict[str, _Session] = {}
        self._server: asyncio.Server | None = None
        self._connections: dict[str, _Connection] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """As a broker that dies: every connection is cut."""
        assert self._server is not None
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def restart(self, *, forgets: bool = False) -> None:
        """Off and on again; *forgets* what it had retained, and all sessions."""
        await self.stop()
        if forgets:
            self.retained.clear()
            self.sessions.clear()
        await self.start()

    def on(self, ending: str) -> list[Message]:
        """What was published on topics that end like this."""
        return [message for message in self.messages if message.topic.endswith(ending)]

    def say(self, topic: str, body: Any, *, retain: bool = False) -> None:
        """Publish to whoever has subscribed; kept for those who are away."""
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        if retain:
            self._retain(topic, payload)
        for client_id, session in self.sessions.items():
            if any(mqtt.matches(one, topic) for one in session.filters):
                session.waiting.append(Publish(topic, payload, 1, False, False, 0, {}))
                if client_id in self._connections:
                    self._connections[client_id].deliver()

    def hang_up(self, code: int) -> None:
        """Say DISCONNECT to everybody, as a broker does to whom somebody else takes the place (§3.1.4)."""
        for one in tuple(self._connections.values()):
            one.hang_up(code)

    def take(self, message: Publish) -> None:
        """Something was published."""
        self._judge.see(message.topic, message.payload)
        self.arrived_s.append(asyncio.get_running_loop().time())
        self.messages.append(Message(message.topic, message.payload, message.retain))
        if message.retain:
            self._retain(message.topic, message.payload)

    def _retain(self, topic: str, payload: bytes) -> None:
        if payload:
            self.retained[topic] = Message(topic, payload, True)
        else:
            self.retained.pop(topic, None)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        connection = _Connection(self, writer)
        try:
            await connection.serve(reader)
        except MalformedError as error:
            self.complaints.append(f"against the specification: {error}")
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            connection.ended()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def enter(self, client_id: str, connection: _Connection) -> None:
        """A second one with the same client id takes the place of the first (§3.1.4)."""
        before = self._connections.pop(client_id, None)
        if before is not None:
            before.hang_up(TAKEN_OVER)
        self._connections[client_id] = connection

    def leave(self, client_id: str, connection: _Connection) -> None:
        if self._connections.get(client_id) is connection:
            del self._connections[client_id]


class _Connection:
    def __init__(self, broker: BrokerDouble, writer: asyncio.StreamWriter) -> None:
        self._broker = broker
        self._knobs = broker.knobs
        self._writer = writer
        self._connect: Connect | None = None
        self._session = _Session()
        self._under_way: set[int] = set()
        self._said_goodbye = False

    @property
    def _level(self) -> int:
        assert self._connect is not None
        return self._connect.level

    async def serve(self, reader: asyncio.StreamReader) -> None:
        buffer = bytearray()
        while True:
            data = await reader.read(65_536)
            if not data:
                return
            while self._knobs.frozen:
                await asyncio.sleep(0.05)
            buffer += data
            for kind, flags, body, size in mqtt.whole_packets(buffer):
                if not await self._packet(kind, flags, body, size):
                    return

    async def _packet(self, kind: int, flags: int, body: bytes, size: int) -> bool:
        """Whether the connection goes on."""
        if (kind == mqtt.CONNECT) is not (self._connect is None):
            raise MalformedError(f"packet {kind} at the wrong time")
        if kind == mqtt.CONNECT:
            return self._opened(mqtt.read_connect(body))
        most = self._knobs.told.get(mqtt.MAXIMUM_PACKET_SIZE)
        if isinstance(most, int) and size > most:
            self._broker.complaints.append(f"a packet of {size} bytes, {most} are allowed")
            self.hang_up(TOO_LARGE)
            return False
        if kind == mqtt.PUBLISH:
            return self._published(mqtt.read_publish(flags, body, self._level))
        if kind == mqtt.PUBACK:
            packet_id, _ = mqtt.read_acknowledgement(body, self._level)
            if self._knobs.hears_acknowledgements:
                self._session.unacknowledged.pop(packet_id, None)
            self.deliver()
        elif kind == mqtt.SUBSCRIBE:
            self._subscribed(*mqtt.read_subscribe(body, self._level))
        elif kind == mqtt.PINGREQ:
            self._writer.write(mqtt.packet(mqtt.PINGRESP, b""))
        elif kind == mqtt.DISCONNECT:
            self._said_goodbye = mqtt.read_disconnect(body, self._level) != 0x04
            self._broker.goodbyes += 1
            return False
        else:
            raise MalformedError(f"packet {kind} from a client")
        return True

    def _opened(self, connect: Connect) -> bool:
        broker, knobs = self._broker, self._knobs
        broker.connects.append(connect)
        if connect.level not in knobs.speaks:
            if knobs.says_unsupported:
                # to a client of MQTT 5 in the form of 3.1.1, as old brokers do, or in its own
                self._writer.write(mqtt.packet(mqtt.CONNACK, bytes((0, 1))) if 5 not in knobs.speaks else b"")
            return False
        code = knobs.connack_code(connect)
        known = connect.client_id in broker.sessions and not connect.clean
        answer = mqtt.connack(connect.level, code, session=known and code == SUCCESS, told=knobs.told)
        if knobs.half_connack:
            self._writer.write(answer[: len(answer) // 2])
            self._connect = connect
            return True
        self._writer.write(answer)
        if code != SUCCESS:
            return False
        self._connect = connect
        if not known:
            broker.sessions[connect.client_id] = _Session()
        self._session = broker.sessions[connect.client_id]
        broker.enter(connect.client_id, self)
        self._again()
        return True

    def _again(self) -> None:
        """What was not acknowledged is said again, with DUP (§4.4)."""
        for packet_id, message in self._session.unacknowledged.items():
            self._write(message._replace(duplicate=True, packet_id=packet_id))
        self.deliver()

    def deliver(self) -> None:
        """What waits, as far as the client takes it."""
        assert self._connect is not None
        most = self._connect.properties.get(mqtt.RECEIVE_MAXIMUM, [65_535])[0]
        assert isinstance(most, int)
        session = self._session
        while session.waiting and len(session.unacknowledged) < most:
            message = session.waiting.pop(0)
            packet_id, session.next_id = session.next_id, session.next_id % 65_535 + 1
            session.unacknowledged[packet_id] = message
            self._write(message._replace(packet_id=packet_id))
            if self._knobs.delivers_twice:
                self._write(message._replace(packet_id=packet_id, duplicate=True))

    def _write(self, message: Publish) -> None:
        self._writer.write(mqtt.publish(self._level, message))

    def _published(self, message: Publish) -> bool:
        if message.qos == 0:
            self._broker.take(message)
            return True
        if message.qos == 2:
            raise MalformedError("QoS 2 is nothing that we send")
        self._under_way.add(message.packet_id)
        self._broker.most_under_way = max(self._broker.most_under_way, len(self._under_way))
        most = self._knobs.told.get(mqtt.RECEIVE_MAXIMUM, 65_535)
        if isinstance(most, int) and len(self._under_way) > most:
            self._broker.complaints.append(f"{len(self._under_way)} under way, {most} are allowed")
            self.hang_up(TOO_MUCH)
            return False
        if not self._knobs.acknowledges:
            return True
        # after everything that has come by now was read: only so more than one can be seen under way
        asyncio.get_running_loop().call_soon(self._acknowledge, message)
        return True

    def _acknowledge(self, message: Publish) -> None:
        if message.packet_id not in self._under_way:
            return
        self._under_way.discard(message.packet_id)
        code = self._knobs.publish_code(message)
        if code < 0x80:
            self._broker.take(message)
        else:
            self._broker.refused.append(message)
        self._writer.write(mqtt.puback(self._level, message.packet_id, code))

    def _subscribed(self, packet_id: int, wanted: list[tuple[str, int]]) -> None:
        refused = self._knobs.subscribe_code
        codes = [options & 3 if refused is None else refused for _, options in wanted]
        self._writer.write(mqtt.suback(self._level, packet_id, codes))
        for (name, options), code in zip(wanted, codes, strict=True):
            if code >= 0x80:
                continue
            new = name not in self._session.filters
            self._session.filters[name] = code
            # §3.8.3.1: retain handling 0 always, 1 only for a new subscription, 2 never
            if options >> 4 & 3 == 0 or (options >> 4 & 3 == 1 and new):
                kept = [one for topic, one in self._broker.retained.items() if mqtt.matches(name, topic)]
                self._session.waiting += [Publish(one.topic, one.payload, 1, True, False, 0, {}) for one in kept]
        self.deliver()

    def hang_up(self, code: int) -> None:
        """With a reason, where the client's version has one."""
        if self._level == 5:
            self._writer.write(mqtt.disconnect(code))
        self._writer.close()

    def ended(self) -> None:
        """The connection is gone: the will is due unless the client has said goodbye (§3.1.2.5)."""
        if self._connect is None:
            return
        self._broker.leave(self._connect.client_id, self)
        if self._connect.will is not None and not self._said_goodbye:
            self._broker.take(self._connect.will)


@asynccontextmanager
async def broker_double() -> AsyncIterator[BrokerDouble]:
    """One that runs; at the end nothing may be held against the client."""
    one = BrokerDouble()
    await one.start()
    try:
        yield one
    finally:
        if one._server is not None:
            await one.stop()
    assert one.complaints == []
