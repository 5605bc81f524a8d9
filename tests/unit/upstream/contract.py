"""Whether a message keeps the contract, by the JSON Schemas that are shipped: for every test that sees one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator

from chargemon_edge.upstream.contract import CHANNELS, Channel
from chargemon_edge.upstream.topics import DEFAULT_PREFIX


@cache
def schema(name: str) -> Draft202012Validator:
    """As shipped."""
    text = files("chargemon_edge.upstream").joinpath("contract", f"{name}.schema.json").read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(text))


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
    """Everything that the contract has against *payload* on *topic*. Members that no schema knows are complained of:
    readers ignore them, but whoever sends one has forgotten to describe it."""
    channel = channel_of(topic, prefix=prefix)
    if channel is None:
        return [f"there is no topic {topic}"]
    if payload == b"" and channel.retain == "yes":
        # removes what was retained
        return []
    message: Mapping[str, Any] = json.loads(payload)
    found: list[str] = []
    for kind in channel.messages:
        validator = schema(kind.__name__)
        assert isinstance(validator.schema, Mapping)
        members = validator.schema["properties"]
        errors = [error.message for error in validator.iter_errors(message)]
        errors += [f"{kind.__name__} has no member {member}" for member in message if member not in members]
        if not errors:
            return []
        found += errors
    return found
