"""A real mosquitto: a process, a configuration and a port of its own; and somebody who listens to it."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.unit.upstream.contract import Judge


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Broker:
    """mosquitto; *lines* are added to its configuration."""

    def __init__(self, folder: Path, lines: Sequence[str] = ()) -> None:
        folder.mkdir(exist_ok=True)
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        self._log = (folder / "mosquitto.log").open("ab")
        self._process: subprocess.Popen[bytes] | None = None
        self.configure(lines)

    def configure(self, lines: Sequence[str]) -> None:
        """For the next start."""
        access = () if any("allow_anonymous" in line for line in lines) else ("allow_anonymous true",)
        # a subscriber's session outlives a stop: what is acknowledged to the site is kept for it
        kept = ("persistence true", f"persistence_location {self._config.parent}/", "max_queued_messages 0")
        own = (f"listener {self.port} 127.0.0.1", "user root", *kept, *access, *lines)
        self._config.write_text("\n".join((*own, "")))

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["mosquitto", "-c", str(self._config)], stdout=self._log, stderr=subprocess.STDOUT
        )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.02)
        raise AssertionError(f"mosquitto did not start: {Path(self._log.name).read_text()}")

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process is not None
        return self._process.pid

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(number)
            self._process.wait(timeout=10)
            self._process = None

    def forget(self) -> None:
        """While it is stopped: lose what was retained, and every session."""
        (self._config.parent / "mosquitto.db").unlink(missing_ok=True)

    def reload(self) -> None:
        """Read the access list anew."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.stop(signal.SIGKILL)
        self._log.close()


class Message(NamedTuple):
    """What came."""

    topic: str
    payload: bytes
    retain: bool
    correlation: bytes | None = None

    @property
    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.payload)
        return found


class Operator:
    """Somebody upstream: hears everything, holds each message to the contract, and may speak."""

    def __init__(
        self, port: int, identifier: str = "operator", topics: str = "#", *, username: str | None = None
    ) -> None:
        self.messages: list[Message] = []
        self.judge = Judge()
        self._news = threading.Condition()
        self._client = client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=identifier, protocol=MQTTProtocolVersion.MQTTv5
        )
        client.username_pw_set(username)
        client.on_connect = lambda one, *_: one.subscribe(topics, qos=1)
        client.on_message = self._heard
        subscribed = threading.Event()
        client.on_subscribe = lambda *_: subscribed.set()
        client.reconnect_delay_set(1, 1)
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho has no types there
        properties.SessionExpiryInterval = 3600
        client.connect("127.0.0.1", port, clean_start=False, properties=properties)
        client.loop_start()
        assert subscribed.wait(10)

    def _heard(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        found = Message(message.topic, bytes(message.payload), bool(message.retain), _correlation(message))
        with self._news:
            # what the tests say themselves may be wrong on purpose
            if not message.topic.startswith("$") and "/in/" not in message.topic:
                self.judge.see(found.topic, found.payload)
            self.messages.append(found)
            self._news.notify_all()

    def on(self, ending: str) -> list[Message]:
        """What came on topics that end like this."""
        with self._news:
            return [message for message in self.messages if message.topic.endswith(ending)]

    def wait(self, done: Callable[[], bool], timeout_s: float = 15.0) -> bool:
        """Whether *done* comes true in time; it is asked anew with each message."""
        deadline = time.monotonic() + timeout_s
        while not done():
            with self._news:
                if not self._news.wait(timeout=min(0.2, max(0.0, deadline - time.monotonic()))) and (
                    time.monotonic() > deadline
                ):
                    return done()
        return True

    def say(
        self,
        topic: str,
        body: object,
        *,
        retain: bool = False,
        qos: int = 1,
        answer_to: str | None = None,
        correlation: bytes | None = None,
    ) -> None:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho has no types there
        if answer_to is not None:
            properties.ResponseTopic = answer_to
        if correlation is not None:
            properties.CorrelationData = correlation
        self._client.publish(topic, payload, qos=qos, retain=retain, properties=properties).wait_for_publish(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def _correlation(message: paho.MQTTMessage) -> bytes | None:
    found: bytes | None = getattr(message.properties, "CorrelationData", None)
    return found


@contextlib.contextmanager
def listening(broker: Broker, **named: Any) -> Iterator[Operator]:
    operator = Operator(broker.port, **named)
    try:
        yield operator
    finally:
        operator.close()
    assert operator.judge.complaints == []
