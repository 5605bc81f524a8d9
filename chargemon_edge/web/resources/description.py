"""The OpenAPI document itself. Made on the first question: most sites never ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from chargemon_edge import __version__
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web import openapi
from chargemon_edge.web.endpoints import Answer, Call, Endpoint, Media, Nothing, Reply

_TYPE = "application/vnd.oai.openapi+json;version=3.1"


def with_description(described: Sequence[Endpoint[Any, Any]]) -> tuple[Endpoint[Any, Any], ...]:
    """The same endpoints, and one that describes them all, itself included."""
    made: list[bytes] = []

    async def show(_call: Call[Nothing, Nothing]) -> Answer:
        if not made:
            made.append(msgspec.json.encode(openapi.document(everything, __version__)))
        return Reply(made[0])

    itself = Endpoint(
        method="GET",
        path="/api/v1/openapi.json",
        summary="Describe this API in OpenAPI 3.1",
        role=Role.VIEWER,
        open_on_loopback=True,
        parameters=Nothing,
        body=Nothing,
        answers={200: Media(_TYPE)},
        handle=show,
    )
    everything: tuple[Endpoint[Any, Any], ...] = (*described, itself)
    return everything
