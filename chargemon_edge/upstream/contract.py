"""The contract with whoever is upstream, for machines: an AsyncAPI 3 document and a JSON Schema of each message.

Made from the types that are sent and read, and shipped with the package (``contract/``); a test holds the files to what
is made here, and the tests validate every message that they publish. ``make contract`` writes them. Pure but for that.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple

import msgspec

from chargemon_edge import __version__
from chargemon_edge.upstream import bodies, requests
from chargemon_edge.upstream.event_kinds import KINDS, OTHER

Json = dict[str, Any]

_REF = "#/components/schemas/{name}"


class Channel(NamedTuple):
    """A topic below ``{prefix}/{site}/``, or with *whole* from the root."""

    topic: str
    way: Literal["send", "receive"]
    qos: int
    retain: Literal["yes", "no", "allowed"]
    messages: tuple[type[msgspec.Struct], ...]
    summary: str
    whole: bool = False

    @property
    def name(self) -> str:
        """For the document: unique, a word."""
        words = self.topic.replace("{", "").replace("}", "").replace("_g/", "group/").split("/")
        return words[0] + "".join(word.capitalize() for word in words[1:])


_REPLAYED = (bodies.Gap, bodies.ReplayEnd)

CHANNELS = (
    Channel("status", "send", 1, "yes", (bodies.Status,), "Whether the site is there, and the heads of its streams"),
    Channel("info", "send", 1, "yes", (bodies.Info,), "What the site is and takes"),
    Channel("state", "send", 1, "yes", (bodies.State,), "The site at a glance"),
    Channel("cp/{cp}", "send", 1, "yes", (bodies.ChargePointState,), "One charge point"),
    Channel("ev", "send", 1, "no", (bodies.Event,), "Every event, numbered, in order, at least once"),
    Channel("ev/replay", "send", 1, "no", (bodies.Event, *_REPLAYED), "Events that were asked for again"),
    Channel("tm", "send", 1, "no", (bodies.Telemetry,), "Measured values, all of one step of time in one message"),
    Channel("tm/replay", "send", 1, "no", (bodies.Telemetry, *_REPLAYED), "Those of the past"),
    Channel("res", "send", 1, "no", (bodies.Result,), "Where commands stand"),
    Channel("reported/{name}", "send", 1, "yes", (bodies.Reported,), "How far a desired state is reached"),
    Channel("log", "send", 0, "no", (bodies.LogLine,), "Warnings and errors, if they are wanted"),
    Channel("in/cmd", "receive", 1, "no", (requests.Command,), "A command; a retained one is refused"),
    Channel("in/limit", "receive", 1, "allowed", (requests.LimitWish,), "What the site may draw, until when"),
    Channel("in/desired/{name}", "receive", 1, "yes", (requests.Desired,), "What should be"),
    Channel("in/replay", "receive", 1, "no", (requests.ReplayWish,), "Asks for a part of a stream again"),
    Channel("in/ack", "receive", 1, "yes", (requests.Stored,), "Up to where events are stored upstream"),
    Channel(
        "_g/{group}/limit", "receive", 1, "yes", (requests.LimitWish,), "What each site of a group may draw", whole=True
    ),
)


def schemas() -> dict[str, Json]:
    """Every message's own JSON Schema (2020-12), by its name; each stands alone."""
    found = {}
    for message in _messages():
        _, components = msgspec.json.schema_components([message, *_details(message)], ref_template="#/$defs/{name}")
        components = dict(components)
        top = components.pop(message.__name__)
        if message is bodies.Event:
            top = _with_details(top, "#/$defs/{name}")
        found[message.__name__] = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": message.__name__,
            **top,
            **({"$defs": components} if components else {}),
        }
    return found


def _details(message: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    return list(dict.fromkeys(detail for _, detail in KINDS.values())) if message is bodies.Event else []


def _messages() -> list[type[msgspec.Struct]]:
    return list(dict.fromkeys(message for channel in CHANNELS for message in channel.messages))


def _with_details(event: Json, ref: str) -> Json:
    """The event's schema with the members of *d* for each kind."""
    properties = {
        **event["properties"],
        "k": {"enum": [*sorted(kind for kind, _ in KINDS.values()), OTHER]},
        "d": {"type": "object", "description": "its members depend on the kind"},
    }
    of_kinds = [
        {
            "if": {"properties": {"k": {"const": kind}}, "not": {"required": ["cut"]}},
            "then": {"properties": {"d": {"$ref": ref.format(name=detail.__name__)}}},
        }
        for kind, detail in sorted(KINDS.values(), key=lambda one: one[0])
    ]
    return {**event, "properties": properties, "allOf": of_kinds}


def document() -> Json:
    """The AsyncAPI document, from this program's side: it sends what goes up."""
    types = [*_messages(), *_details(bodies.Event)]
    _, components = msgspec.json.schema_components(types, ref_template=_REF)
    every = dict(components)
    every["Event"] = _with_details(every["Event"], _REF)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "chargemon-edge upstream",
            "version": __version__,
            "description": "A charging site on an MQTT broker: state, events without gaps, telemetry, commands. "
            "docs/mqtt.md explains it. Unknown members are to be ignored; what is not known is left out.",
        },
        "defaultContentType": "application/json",
        "channels": {channel.name: _channel(channel) for channel in CHANNELS},
        "operations": {
            f"{channel.way}{channel.name[0].upper()}{channel.name[1:]}": {
                "action": channel.way,
                "channel": {"$ref": f"#/channels/{channel.name}"},
                "summary": channel.summary,
                "bindings": {"mqtt": _binding(channel)},
            }
            for channel in CHANNELS
        },
        "components": {
            "schemas": every,
            "messages": {
                message.__name__: {
                    "name": message.__name__,
                    "contentType": "application/json",
                    "payload": {"$ref": _REF.format(name=message.__name__)},
                    **({"bindings": {"mqtt": _ANSWERED}} if message is requests.Command else {}),
                }
                for message in _messages()
            },
        },
    }


def _channel(channel: Channel) -> Json:
    address = f"{{prefix}}/{channel.topic}" if channel.whole else f"{{prefix}}/{{site}}/{channel.topic}"
    names = [part[1:-1] for part in address.split("/") if part.startswith("{")]
    return {
        "address": address,
        "description": channel.summary,
        "messages": {
            message.__name__: {"$ref": f"#/components/messages/{message.__name__}"} for message in channel.messages
        },
        "parameters": {name: {"description": _PARAMETERS[name]} for name in names},
    }


_PARAMETERS = {
    "prefix": "as configured; usually cm/v1",
    "site": "as configured; small letters, digits and hyphens",
    "cp": "the charge point's identity; what is not A-Z a-z 0-9 . _ - is written %XX",
    "name": "of what is desired: info lists them",
    "group": "of sites, as configured",
}


_ANSWERED = {
    "responseTopic": {"type": "string", "description": "MQTT 5: where results go besides res, if that is allowed"},
    "correlationData": {"type": "string", "maxLength": 256, "description": "comes back with each of them"},
    "bindingVersion": "0.2.0",
}


def _binding(channel: Channel) -> Json:
    binding: Json = {"qos": channel.qos, "bindingVersion": "0.2.0"}
    if channel.retain != "allowed":
        binding["retain"] = channel.retain == "yes"
    return binding


def text(json: Json) -> bytes:
    """As it stands in a file."""
    return msgspec.json.format(msgspec.json.encode(json), indent=2) + b"\n"


@cache
def digest() -> str:
    """SHA-256 of the document that is shipped: whoever is upstream sees whether it has the right one."""
    return hashlib.sha256(
        files("chargemon_edge.upstream").joinpath("contract", "asyncapi.json").read_bytes()
    ).hexdigest()


def written() -> dict[str, bytes]:
    """The shipped files by name."""
    return {
        "asyncapi.json": text(document()),
        **{f"{name}.schema.json": text(schema) for name, schema in schemas().items()},
    }


def topic_table() -> str:
    """The topics, for people: a part of ``docs/mqtt.md``."""
    rows = [f"| `{one.topic}` | {one.qos}, {_RETAINED[one.retain]} | {one.summary} |" for one in CHANNELS]
    return "\n".join(("| topic | QoS, retained | what |", "| --- | --- | --- |", *rows))


_RETAINED = {"yes": "retained", "no": "not retained", "allowed": "may be retained"}


def kind_table() -> str:
    """The kinds of events, for people: another part."""
    rows = []
    for kind, detail in KINDS.values():
        members = ", ".join(
            field.encode_name if field.required else f"{field.encode_name}?" for field in msgspec.structs.fields(detail)
        )
        meaning = (detail.__doc__ or "").partition("\n")[0]
        rows.append(f"| `{kind}` | {members} | {meaning} |")
    return "\n".join(("| `k` | members of `d` (?: where known) | what |", "| --- | --- | --- |", *rows))


def filled_in(document: str) -> str:
    """``docs/mqtt.md`` with both tables as they should be."""
    for name, table in (("topics", topic_table()), ("kinds", kind_table())):
        before, begin, rest = document.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- end of {name} -->")
        assert begin and end, name
        document = f"{before}{begin}{table}\n{end}{after}"
    return document


if __name__ == "__main__":
    from pathlib import Path

    folder = Path(__file__).parent / "contract"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, content in written().items():
        (folder / name).write_bytes(content)
    manual = Path(__file__).parents[2] / "docs" / "mqtt.md"
    manual.write_text(filled_in(manual.read_text(encoding="utf-8")), encoding="utf-8")
