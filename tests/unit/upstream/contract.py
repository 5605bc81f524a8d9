"""Whether a message keeps the contract, by the JSON Schemas that are shipped: for every test that sees one."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator

from chargemon_edge.upstream.contract import CHANNELS, Channel
from chargemon_edge.upstream.topics import DEFAULT_PREFIX
from tests.unit.upstream.home_assistant_schema import complaints as discovery_complaints


@cache
def schema(name: str) -> Draft202012Validator:
    """As shipped, but strict: readers ignore members that they do not know, but whoever sends one has forgotten to
    describe it."""
    text = files("chargemon_edge.upstream").joinpath("contract", f"{name}.schema.json").read_text(encoding="utf-8")
    return Draft202012Validator(_closed(json.loads(text)))


def _closed(part: Any) -> Any:
    if isinstance(part, list):
        return [_closed(one) for one in part]
    if not isinstance(part, dict):
        return part
    # conditions have properties too, but no type
    closing = {"additionalProperties": False} if part.get("type") == "object" and "properties" in part else {}
    return {**{name: _closed(value) for name, value in part.items()}, **closing}


def channel_of(topic: str, *, prefix: str = DEFAULT_PREFIX) -> Channel | None:
    """The channel of a topic; None: there is no such topic."""
    whole = topic.removeprefix(f"{prefix}/")
    own = whole.partition("/")[2]
    return next((one for one in CHANNELS if _fits(one.topic, whole if one.whole else own)), None)


def _fits(pattern: str, topic: str) -> bool:
    wanted, found = pattern.split("/"), topic.split("/")
    return len(wanted) == len(found) and all(
        one == other or (one.startswith("{") and bool(other)) for one, other in zip(wanted, found, strict=True)
    )


def complaints(topic: str, payload: bytes, *, prefix: str = DEFAULT_PREFIX) -> list[str]:
    """Everything that the contract has against *payload* on *topic*, also members that no schema knows."""
    if topic.startswith("homeassistant/"):
        return discovery_complaints(topic, payload)
    # where the tests' operators want to be answered
    channel = channel_of(f"{prefix}/hof/res" if topic.startswith("desk/") else topic, prefix=prefix)
    if channel is None:
        return [f"there is no topic {topic}"]
    if payload == b"" and channel.retain == "yes":
        # removes what was retained
        return []
    message = json.loads(payload)
    found: list[str] = []
    for kind in channel.messages:
        errors = [f"{kind.__name__}: {error.message}" for error in schema(kind.__name__).iter_errors(message)]
        if not errors:
            return []
        found += errors
    return found


class Judge:
    """Sees every message of a test. The first hundred are held to the contract one by one, of thousands more those that
    look different from all before: other members, or of other types."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self._seen = 0
        self._looks: set[tuple[str, str]] = set()

    def see(self, topic: str, payload: bytes) -> None:
        self._seen += 1
        if self._seen > 100:
            look = (topic, json.dumps(_shaped(json.loads(payload)) if payload else None, sort_keys=True))
            if look in self._looks:
                return
            self._looks.add(look)
        self.complaints += [f"{topic}: {words}" for words in complaints(topic, payload)]


def _shaped(part: Any) -> Any:
    if isinstance(part, dict):
        return {name: value if name == "k" else _shaped(value) for name, value in part.items()}
    if isinstance(part, list):
        return [_shaped(one) for one in part]
    return type(part).__name__
