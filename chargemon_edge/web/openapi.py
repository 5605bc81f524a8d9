"""The OpenAPI 3.1 document, made from the table of endpoints. Pure; made when it is first asked for, then kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from chargemon_edge.web.endpoints import Endpoint, Media
from chargemon_edge.web.shapes import ProblemView

Json = dict[str, Any]

_REF = "#/components/schemas/{name}"
_HEADERS: dict[int, Json] = {
    401: {"headers": {"WWW-Authenticate": {"schema": {"type": "string"}}}},
    429: {"headers": {"Retry-After": {"description": "seconds", "schema": {"type": "integer", "minimum": 1}}}},
}


def document(endpoints: Sequence[Endpoint[Any, Any]], version: str) -> Json:
    """The whole document."""
    kinds = list(_kinds(endpoints))
    schemas, components = msgspec.json.schema_components([ProblemView, *kinds], ref_template=_REF)
    by_kind = dict(zip(map(_key, [ProblemView, *kinds]), schemas, strict=True))
    paths: dict[str, Json] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, by_kind)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "chargemon-edge",
            "version": version,
            "description": "The charging site: what it does, what it did, and how to make it do something else.",
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {
                str(status): _problem(status) for status in sorted(set().union(*map(statuses_of, endpoints)))
            },
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Made by `chargemon-edge token create NAME --role ROLE`.",
                }
            },
        },
    }


def parameters_of(endpoint: Endpoint[Any, Any]) -> list[Json]:
    """The path's and the query's parameters, in the order of their declaration."""
    (_,), components = msgspec.json.schema_components([endpoint.parameters], ref_template=_REF)
    own = components.get(endpoint.parameters.__name__)
    if own is None:
        return []
    in_path = set(re.findall(r"\{(\w+)\}", endpoint.path))
    return [
        _parameter(name, _without_null(schema, components), in_path=name in in_path)
        for name, schema in own["properties"].items()
    ]


def statuses_of(endpoint: Endpoint[Any, Any]) -> list[int]:
    """Every problem that may be answered: those of its own, and those of every endpoint of its kind."""
    of_bodies = {408, 413} if endpoint.has_body or endpoint.takes is not None else set()
    return sorted({400, 401, 403, 421, 429} | of_bodies | set(endpoint.problems))


def _kinds(endpoints: Sequence[Endpoint[Any, Any]]) -> Iterator[Any]:
    seen = set()
    for endpoint in endpoints:
        for kind in (*endpoint.answers.values(), *([endpoint.body] if endpoint.has_body else [])):
            if kind is not None and not isinstance(kind, Media) and _key(kind) not in seen:
                seen.add(_key(kind))
                yield kind


def _key(kind: Any) -> str:
    # generic shapes are made anew each time they are written down: their names tell them apart
    return repr(kind)


def _operation(endpoint: Endpoint[Any, Any], by_kind: dict[str, Json]) -> Json:
    open_to = "; without a token to callers on this machine" if endpoint.open_on_loopback else ""
    operation: Json = {
        "summary": endpoint.summary,
        "description": f"For the role {endpoint.role.value}{open_to}. {endpoint.rules}".rstrip(),
        "operationId": _operation_id(endpoint),
        "tags": [endpoint.path.split("/")[3]],
        "parameters": parameters_of(endpoint),
        "responses": dict(_responses(endpoint, by_kind)),
    }
    if endpoint.open_on_loopback:
        operation["security"] = [{}, {"token": []}]
    if endpoint.has_body:
        schema = by_kind[_key(endpoint.body)]
        content = {"application/json": {"schema": schema}}
        operation["requestBody"] = {"required": endpoint.needs_body, "content": content}
    if endpoint.takes is not None:
        operation["requestBody"] = {"required": True, "content": {endpoint.takes.content_type: {}}}
    return operation


def _operation_id(endpoint: Endpoint[Any, Any]) -> str:
    words = re.findall(r"\w+", endpoint.path.removeprefix("/api/v1"))
    return "_".join([endpoint.method.lower(), *words])


def _responses(endpoint: Endpoint[Any, Any], by_kind: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    for status, shape in endpoint.answers.items():
        answer: Json = {"description": HTTPStatus(status).phrase}
        if isinstance(shape, Media):
            answer["content"] = {shape.content_type: {}}
        elif shape is not None:
            answer["content"] = {"application/json": {"schema": by_kind[_key(shape)]}}
        yield str(status), answer
    for status in statuses_of(endpoint):
        yield str(status), {"$ref": f"#/components/responses/{status}"}


def _problem(status: int) -> Json:
    described = {"description": HTTPStatus(status).phrase, **_HEADERS.get(status, {})}
    return {**described, "content": {"application/problem+json": {"schema": {"$ref": _REF.format(name="ProblemView")}}}}


def _parameter(name: str, schema: Json, *, in_path: bool) -> Json:
    described = {"description": schema.pop("description")} if "description" in schema else {}
    required = in_path or "default" not in schema
    if schema.get("default", 0) is None:
        del schema["default"]
    return {"name": name, "in": "path" if in_path else "query", "required": required, **described, "schema": schema}


def _without_null(schema: Json, components: dict[str, Any]) -> Json:
    """What may stand in a URL, where there is no null. References are resolved: enums stand where they are used."""
    default = {"default": schema["default"]} if "default" in schema else {}
    choices: list[Json] = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    plain: Json = dict(choices[0]) if len(choices) == 1 else {"anyOf": choices}
    if "$ref" in plain:
        plain = dict(components[plain["$ref"].rpartition("/")[2]])
        plain.pop("title", None)
        plain.pop("description", None)
    return {**plain, **default}
