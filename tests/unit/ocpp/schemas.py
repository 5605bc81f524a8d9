"""The official JSON schemas of OCPP 1.6, as they ship inside the PyPI package ``ocpp``: the oracle."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator

from chargemon_edge.ocpp.v16.messages import FROM_CHARGE_POINT, RESPONSE_OF, TO_CHARGE_POINT

REQUESTS = sorted({*FROM_CHARGE_POINT, *TO_CHARGE_POINT})
SCHEMAS = sorted([*REQUESTS, *(f"{request.action}Response" for request in RESPONSE_OF)])


@cache
def schema(name: str) -> dict[str, Any]:
    """The schema of ``Authorize``, ``AuthorizeResponse`` and so on."""
    spec = find_spec("ocpp")
    assert spec is not None and spec.origin is not None
    text = (Path(spec.origin).parent / "v16" / "schemas" / f"{name}.json").read_text(encoding="utf-8-sig")
    read: dict[str, Any] = json.loads(text, parse_float=Decimal)
    found: dict[str, Any] = _whole(read, read.pop("definitions", {}))
    # an empty message has no members; not every schema says so
    return {"properties": {}, **found}


def _whole(node: Any, definitions: dict[str, Any]) -> Any:
    """*node* with every reference replaced by what it refers to."""
    if isinstance(node, dict):
        if "$ref" in node:
            return _whole(definitions[node["$ref"].removeprefix("#/definitions/")], definitions)
        return {name: _whole(inner, definitions) for name, inner in node.items()}
    return [_whole(inner, definitions) for inner in node] if isinstance(node, list) else node


@cache
def _validator(name: str) -> Draft4Validator:
    return Draft4Validator(schema(name))


def complaints(name: str, payload: bytes) -> list[str]:
    """Everything that the schema has against *payload*; decimals as decimals (6.1 is a multiple of 0.1)."""
    return [error.message for error in _validator(name).iter_errors(json.loads(payload, parse_float=Decimal))]
