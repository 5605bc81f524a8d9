"""The site in Home Assistant: discovery messages that make devices of what is published anyway.

Device-based MQTT discovery (home-assistant.io, MQTT, "Device discovery payload"): one retained message for each device,
with its entities as components. Values are read out of ``status``, ``state`` and ``cp/{cp}`` by templates; what is set
goes to ``in/cmd`` and ``in/limit`` like anybody's command, and only what this upstream is allowed is offered. An empty
message removes a device.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from chargemon_edge import __version__
from chargemon_edge.site.layout import ChargePoint, Circuit, Connector, Site
from chargemon_edge.upstream import command_rules
from chargemon_edge.upstream.flow import Flow
from chargemon_edge.upstream.mqtt import Incoming, Outgoing
from chargemon_edge.upstream.settings import UpstreamSettings
from chargemon_edge.upstream.topics import Topics

Json = dict[str, Any]

LOOK_S = 5.0
# after Home Assistant has started it is busy: not all devices of a house at once
BIRTH_SPREAD_S = 10.0
# a site limit that was set by hand holds so long
LIMIT_H = 24

_encode = msgspec.json.Encoder().encode
_PHASES = ("L1", "L2", "L3")


def _word(text: str) -> str:
    """As a part of a discovery topic or of an id, where only these are allowed; two texts never give the same."""
    return "".join(
        chr(byte) if re.match(rb"[A-Za-z0-9-]", bytes((byte,))) else f"_{byte:02x}" for byte in text.encode()
    )


def _sensor(name: str, template: str, kind: str | None = None, unit: str | None = None, **more: object) -> Json:
    measured = {"device_class": kind, "unit_of_measurement": unit, "state_class": "measurement"} if unit else {}
    return {"platform": "sensor", "name": name, "value_template": template, **measured, **more}


def _currents(name: str, path: str) -> dict[str, Json]:
    """Three sensors: a current on each phase, *path* being a list of three that may be unknown."""
    return {
        f"{_word(name.lower())}_{phase.lower()}": _sensor(
            f"{name} {phase}", f"{{{{ ({path} | default([none, none, none]))[{place}] }}}}", "current", "A"
        )
        for place, phase in enumerate(_PHASES)
    }


def _is_on(name: str, condition: str, kind: str, **more: object) -> Json:
    template = f"{{{{ 'ON' if {condition} else 'OFF' }}}}"
    return {"platform": "binary_sensor", "name": name, "value_template": template, "device_class": kind, **more}


class _Pages:
    """The discovery messages of one site, as they should be."""

    def __init__(self, site: Site, settings: UpstreamSettings) -> None:
        assert settings.home_assistant is not None
        self._site = site
        self._settings = settings
        self._topics = Topics(site=settings.site, prefix=settings.prefix, group=settings.group)
        self._node = f"cm-{settings.site}"

    def all(self) -> dict[str, bytes]:
        """By topic."""
        pages = [("site", self._whole())]
        pages += [(f"circuit-{_word(one.name)}", self._circuit(one)) for one in self._site.circuits]
        pages += [(f"cp-{_word(one.identity)}", self._charge_point(one)) for one in self._site.charge_points]
        return {
            f"{self._settings.home_assistant}/device/{self._node}/{name}/config": _encode(one) for name, one in pages
        }

    def _page(self, name: str, device: Json, state_topic: str, components: Mapping[str, Json]) -> Json:
        identifier = f"{self._node}-{name}"
        above = {} if name == "site" else {"via_device": f"{self._node}-site"}
        return {
            "device": {"identifiers": [identifier], **device, **above},
            "origin": {"name": "chargemon-edge", "sw_version": __version__},
            "state_topic": state_topic,
            "availability": [
                {
                    "topic": self._topics.status,
                    "value_template": "{{ 'online' if value_json.online else 'offline' }}",
                }
            ],
            "qos": 1,
            "components": {
                key: {**component, "unique_id": f"{identifier}-{key}"} for key, component in components.items()
            },
        }

    def _whole(self) -> Json:
        fuse_a = min(self._site.root.fuse_ma) / 1000
        components = {
            "grid_power": _sensor(
                "Grid power", "{{ (value_json.grid | default({})).p | default(none) }}", "power", "W"
            ),
            **_currents("Grid", "(value_json.grid | default({})).i"),
            "vehicles_power": _sensor("Power of all cars", "{{ value_json.ev.p }}", "power", "W"),
            "limit": _sensor("Limit in force", "{{ value_json.limit.a | min }}", "current", "A"),
            "limit_source": _sensor("Who limits", "{{ value_json.limit.src }}"),
            "charging": _sensor("Cars charging", "{{ value_json.bal.charging }}", state_class="measurement"),
            "waiting": _sensor("Cars waiting", "{{ value_json.bal.waiting }}", state_class="measurement"),
            "balancing": _sensor("Balancing", "{{ value_json.bal.why[:250] }}"),
        }
        if self._settings.limit:
            wish = (
                '{"n": {{ (now().timestamp() * 1000) | int }}, "until": "{{ (utcnow() + timedelta(hours='
                f"{LIMIT_H}"
                ')).isoformat() }}", "a": [{{ value }}, {{ value }}, {{ value }}], "by": "Home Assistant"}'
            )
            components["set_limit"] = {
                **self._number("Site limit", fuse_a, "{{ value_json.limit.a | min }}"),
                "command_topic": self._topics.limit,
                "command_template": wish,
            }
        return self._page(
            "site", {"name": self._site.name, "manufacturer": "chargemon-edge"}, self._topics.state, components
        )

    def _circuit(self, circuit: Circuit) -> Json:
        mine = f"(value_json.circuits | selectattr('name', 'eq', {_quoted(circuit.name)}) | first | default({{}}))"
        components = {**_currents("Offered", f"{mine}.offered"), **_currents("Measured", f"{mine}.i")}
        device = {"name": f"{self._site.name}: circuit {circuit.name}", "model": "Circuit"}
        return self._page(f"circuit-{_word(circuit.name)}", device, self._topics.state, components)

    def _charge_point(self, one: ChargePoint) -> Json:
        topic = self._topics.charge_point(one.identity)
        components: dict[str, Json] = {
            "online": _is_on("Connected", "value_json.online", "connectivity", entity_category="diagnostic"),
            "firmware": _sensor("Firmware", "{{ value_json.fw | default(none) }}", entity_category="diagnostic"),
        }
        for connector in one.connectors:
            components |= self._connector(one.identity, connector, alone=len(one.connectors) == 1)
        device = {"name": one.identity, "model": "Charge point"}
        return self._page(f"cp-{_word(one.identity)}", device, topic, components)

    def _connector(self, identity: str, connector: Connector, *, alone: bool) -> dict[str, Json]:
        number = connector.number
        mine = f"(value_json.conns | selectattr('id', 'eq', {number}) | first | default({{}}))"
        said = "" if alone else f" {number}"
        most_a = connector.max_ma / 1000
        found = {
            "status": _sensor(f"Status{said}", f"{{{{ {mine}.st | default(none) }}}}"),
            "power": _sensor(f"Power{said}", f"{{{{ {mine}.p | default(0) }}}}", "power", "W"),
            "energy": _sensor(
                f"Energy{said}",
                f"{{{{ {mine}.e | default(none) }}}}",
                "energy",
                "Wh",
                state_class="total_increasing",
            ),
            "offered": _sensor(f"Offered current{said}", f"{{{{ {mine}.offer | default(none) }}}}", "current", "A"),
            "why": _sensor(f"Why{said}", f"{{{{ ({mine}.why | default(''))[:250] }}}}"),
            "car": _is_on(f"Car{said}", f"{mine}.tx is defined", "plug"),
            **_currents(f"Current{said}", f"{mine}.i"),
        }
        if command_rules.allowed("limit", self._settings.commands):
            found["limit"] = {
                **self._number(f"Limit{said}", most_a, f"{{{{ {mine}.cap | default({most_a}) }}}}"),
                **self._command("limit", identity, number, '{"a": {{ value }}}'),
            }
        if command_rules.allowed("availability", self._settings.commands):
            found["enabled"] = {
                "platform": "switch",
                "name": f"In service{said}",
                "value_template": f"{{{{ 'Inoperative' if {mine}.st == 'Unavailable' else 'Operative' }}}}",
                "payload_on": "Operative",
                "payload_off": "Inoperative",
                **self._command("availability", identity, number, '{"type": "{{ value }}"}'),
            }
        return {f"c{number}_{key}": one for key, one in found.items()}

    def _number(self, name: str, most_a: float, template: str) -> Json:
        return {
            "platform": "number",
            "name": name,
            "value_template": template,
            "device_class": "current",
            "unit_of_measurement": "A",
            "min": 0,
            "max": most_a,
            "step": 1,
            "mode": "box",
        }

    def _command(self, op: str, identity: str, connector: int, arguments: str) -> Json:
        """The id is unique by its time: Home Assistant sends at QoS 1, and what comes twice is done once."""
        target = msgspec.json.encode({"cp": identity, "c": connector}).decode()
        ident = f"ha-{op}-{{{{ (now().timestamp() * 1000) | int }}}}"
        template = f'{{"id": "{ident}", "op": "{op}", "tgt": {target}, "args": {arguments}, "by": "Home Assistant"}}'
        return {"command_topic": self._topics.command, "command_template": template, "qos": 1}


def _quoted(text: str) -> str:
    """As a string of a template."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def pages(site: Site, settings: UpstreamSettings) -> dict[str, bytes]:
    """Every discovery message by its topic."""
    return _Pages(site, settings).all()


class HomeAssistant:
    """Keeps the devices in Home Assistant the ones that there are."""

    def __init__(self, site: Callable[[], Site], settings: UpstreamSettings, roll: Callable[[], float]) -> None:
        self._site = site
        self._settings = settings
        self._roll = roll
        self._status = f"{settings.home_assistant}/status"
        self._own = f"{settings.home_assistant}/device/cm-{settings.site}/"
        # what the broker was told on this connection, and topics that are of nothing any more
        self._said: dict[str, bytes] = {}
        self._ghosts: set[str] = set()
        self._wake = asyncio.Event()
        self._born = False

    @property
    def filters(self) -> Sequence[str]:
        """When Home Assistant starts, and what is retained of us: devices of an earlier configuration go."""
        return (self._status, f"{self._own}+/config")

    def concerns(self, topic: str) -> bool:
        """Whether a message on *topic* is ours to take."""
        return topic == self._status or topic.startswith(self._own)

    def received(self, message: Incoming) -> None:
        """One of those."""
        if message.topic == self._status:
            self._born = self._born or (message.payload == b"online" and not message.retain)
        elif message.payload:
            self._ghosts.add(message.topic)
        self._wake.set()

    async def run(self, flow: Flow) -> None:
        """Over this connection, until cancelled."""
        self._said.clear()
        while True:
            self._wake.clear()
            if self._born:
                self._born = False
                await asyncio.sleep(self._roll() * BIRTH_SPREAD_S)
                self._said.clear()
            wanted = pages(self._site(), self._settings)
            gone = (self._ghosts | set(self._said)) - set(wanted)
            self._ghosts.clear()
            for topic, payload in (*wanted.items(), *((topic, b"") for topic in sorted(gone))):
                if self._said.get(topic) != payload:
                    await flow.deliver(Outgoing(topic=topic, payload=payload, retain=True))
                    self._said[topic] = payload
            for topic in gone:
                del self._said[topic]
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._wake.wait()
            except TimeoutError:
                pass  # time to look whether the site is another
