"""Payloads that a JSON schema allows, as a hypothesis strategy."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from chargemon_edge.ocpp.v16.messages import TO_CHARGE_POINT
from tests.unit.ocpp.schemas import schema

_MOMENTS = st.sampled_from(
    ["2024-05-01T12:30:00Z", "2024-05-01T12:30:00.250Z", "2024-05-01T14:30:00+02:00", "1970-01-01T00:00:00Z"]
)
_NOT_NEGATIVE = frozenset({"duration", "limit", "minChargingRate", "numberPhases", "stackLevel", "startPeriod"})
"""What the specification's text adds to its schemas, which know no ranges."""


def payloads(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """Every payload of that name is valid by the schema and by the specification's text."""
    strategy: st.SearchStrategy[dict[str, Any]] = _of(schema(name), "", name in TO_CHARGE_POINT)
    return strategy


def _of(node: dict[str, Any], member: str, command: bool) -> st.SearchStrategy[Any]:
    if "enum" in node:
        return st.sampled_from(node["enum"])
    kind = node["type"]
    if kind == "object":
        required = set(node.get("required", ()))
        members = {name: _of(inner, name, command) for name, inner in node["properties"].items()}
        return st.fixed_dictionaries(
            {name: inner for name, inner in members.items() if name in required},
            optional={name: inner for name, inner in members.items() if name not in required},
        )
    if kind == "array":
        return st.lists(_of(node["items"], member, command), min_size=node.get("minItems", 0), max_size=3)
    if kind == "string":
        return _MOMENTS if node.get("format") == "date-time" else st.text(max_size=min(node.get("maxLength", 40), 40))
    if kind == "boolean":
        return st.booleans()
    return _number(kind, member, command)


def _number(kind: str, member: str, command: bool) -> st.SearchStrategy[Any]:
    if member == "numberPhases":
        return st.integers(1, 3)
    least = 1 if member == "connectorId" and command else 0
    low = least if member in _NOT_NEGATIVE or (member == "connectorId" and command) else -(2**63)
    if kind == "integer":
        return st.integers(low, 2**63 - 1)
    assert kind == "number", kind
    return st.integers(0, 10_000_000).map(lambda tenths: tenths / 10)
