"""What Home Assistant takes, as JSON Schema, written down from its documentation of the MQTT integration (discovery
topic, device discovery payload, availability) and of the platforms sensor, binary_sensor, number and switch."""

from __future__ import annotations

import json
import re
from typing import Any

from jsonschema import Draft202012Validator

Json = dict[str, Any]

# <discovery_prefix>/device/[<node_id>/]<object_id>/config
TOPIC = re.compile(r"homeassistant/device/([a-zA-Z0-9_-]+/)?[a-zA-Z0-9_-]+/config")

TEXT: Json = {"type": "string", "minLength": 1}
# a topic to subscribe to or to publish on: no empty one, here also without wildcards
PLACE: Json = {"type": "string", "pattern": r"^[^+#\x00]+$"}
QOS: Json = {"enum": [0, 1, 2]}

# of each device class of a sensor that is used here: its units, and its state classes
SENSOR_CLASSES: dict[str, tuple[list[str], list[str]]] = {
    "power": (["mW", "W", "kW", "MW", "GW", "TW"], ["measurement"]),
    "current": (["A", "mA"], ["measurement"]),
    "energy": (["Wh", "kWh", "MWh", "GWh", "TWh", "J", "kJ", "MJ", "GJ"], ["total", "total_increasing"]),
    "voltage": (["V", "mV", "kV"], ["measurement"]),
}
BINARY_CLASSES = ["connectivity", "plug", "power", "problem", "running", "battery_charging"]


def _platform(name: str, required: tuple[str, ...], **own: Json) -> Json:
    """Members that any entity may have, and those of one platform."""
    return {
        "type": "object",
        "properties": {
            "platform": {"const": name},
            "name": {"type": ["string", "null"]},
            "unique_id": TEXT,
            "device_class": TEXT,
            "entity_category": {"enum": ["config", "diagnostic"]},
            "icon": {"type": "string", "pattern": "^mdi:"},
            "enabled_by_default": {"type": "boolean"},
            "state_topic": PLACE,
            "value_template": TEXT,
            "json_attributes_topic": PLACE,
            "qos": QOS,
            **own,
        },
        # unique_id is required in a device discovery payload
        "required": ["platform", "unique_id", *required],
        "additionalProperties": False,
    }


_SENSOR = _platform(
    "sensor",
    (),
    unit_of_measurement=TEXT,
    state_class={"enum": ["measurement", "total", "total_increasing"]},
    expire_after={"type": "integer", "minimum": 0},
    suggested_display_precision={"type": "integer", "minimum": 0},
)
_SENSOR["allOf"] = [
    {
        "if": {"properties": {"device_class": {"const": kind}}, "required": ["device_class"]},
        "then": {
            "properties": {"unit_of_measurement": {"enum": units}, "state_class": {"enum": states}},
            "required": ["unit_of_measurement"],
        },
    }
    for kind, (units, states) in SENSOR_CLASSES.items()
]
_SENSOR["properties"]["device_class"] = {"enum": list(SENSOR_CLASSES)}
_COMMANDED = {
    "command_topic": PLACE,
    "command_template": TEXT,
    "retain": {"type": "boolean"},
    "optimistic": {"type": "boolean"},
}
_PLATFORMS = {
    "sensor": _SENSOR,
    "binary_sensor": _platform(
        "binary_sensor", (), payload_on=TEXT, payload_off=TEXT, device_class={"enum": BINARY_CLASSES}
    ),
    "number": _platform(
        "number",
        ("command_topic",),
        min={"type": "number"},
        max={"type": "number"},
        step={"type": "number", "minimum": 0.001},
        mode={"enum": ["auto", "box", "slider"]},
        unit_of_measurement=TEXT,
        **_COMMANDED,
    ),
    "switch": _platform(
        "switch",
        ("command_topic",),
        payload_on=TEXT,
        payload_off=TEXT,
        state_on=TEXT,
        state_off=TEXT,
        device_class={"enum": ["outlet", "switch"]},
        **_COMMANDED,
    ),
}

_NAMES = ("name", "manufacturer", "model", "model_id", "serial_number", "sw_version", "hw_version")
DISCOVERY: Json = {
    "type": "object",
    "properties": {
        "device": {
            "type": "object",
            "properties": {
                "identifiers": {"type": "array", "items": TEXT, "minItems": 1},
                **dict.fromkeys(_NAMES, TEXT),
                "suggested_area": TEXT,
                "configuration_url": {"type": "string", "pattern": "^(https?|homeassistant)://"},
                "via_device": TEXT,
            },
            "required": ["identifiers"],
            "additionalProperties": False,
        },
        "origin": {
            "type": "object",
            "properties": {
                "name": TEXT,
                "sw_version": TEXT,
                "support_url": {"type": "string", "pattern": "^https?://"},
            },
            # required in a device discovery payload
            "required": ["name"],
            "additionalProperties": False,
        },
        "components": {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": "^[a-zA-Z0-9_-]+$"},
            "additionalProperties": {
                "type": "object",
                "properties": {"platform": {"enum": list(_PLATFORMS)}},
                "required": ["platform"],
                "allOf": [
                    {"if": {"properties": {"platform": {"const": name}}}, "then": schema}
                    for name, schema in _PLATFORMS.items()
                ],
            },
        },
        # options that all components share
        "state_topic": PLACE,
        "command_topic": PLACE,
        "qos": QOS,
        "encoding": {"type": "string"},
        "availability": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "topic": PLACE,
                    "payload_available": TEXT,
                    "payload_not_available": TEXT,
                    "value_template": TEXT,
                },
                "required": ["topic"],
                "additionalProperties": False,
            },
        },
        "availability_mode": {"enum": ["all", "any", "latest"]},
    },
    "required": ["device", "origin", "components"],
    "additionalProperties": False,
}
_VALIDATOR = Draft202012Validator(DISCOVERY)


def complaints(topic: str, payload: bytes) -> list[str]:
    """Everything that the documentation has against *payload* on *topic*; an empty one removes the device."""
    if topic == "homeassistant/status":
        return []
    if not TOPIC.fullmatch(topic):
        return [f"{topic} is no topic of a device's discovery"]
    if not payload:
        return []
    return [f"{error.json_path}: {error.message}" for error in _VALIDATOR.iter_errors(json.loads(payload))]
