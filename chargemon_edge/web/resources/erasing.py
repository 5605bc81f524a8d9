"""Personal data on demand: a card is forgotten with every trace of it."""

from __future__ import annotations

from typing import Any

from chargemon_edge.control.erasing import Erasing
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.endpoints import Answer, Call, Endpoint, Nothing, Reply, not_stored, problem
from chargemon_edge.web.resources.id_tags import OneIdTag
from chargemon_edge.web.shapes import ErasedView


class ErasingResource:
    """The handler."""

    def __init__(self, erasing: Erasing) -> None:
        self._erasing = erasing

    async def erase(self, call: Call[OneIdTag, Nothing]) -> Answer:
        """All of it, or an answer that says why not."""
        refusal = self._erasing.refusal(call.parameters.id_tag)
        if refusal is not None:
            return problem(409, "not erased", refusal)
        done = await self._erasing.erase(call.parameters.id_tag, call.caller.name)
        if isinstance(done, Exception):
            return not_stored(done)
        return Reply(ErasedView(rows=done.rows, backups_deleted=done.backups_deleted, may_remain=done.may_remain))


def endpoints(erasing: ErasingResource) -> tuple[Endpoint[Any, Any], ...]:
    """It cannot be taken back: for installers."""
    return (
        Endpoint(
            method="POST",
            path="/api/v1/id-tags/{id_tag}/erase",
            summary="Erase an id tag from all records and backups; its transactions stay without it",
            role=Role.INSTALLER,
            parameters=OneIdTag,
            body=Nothing,
            answers={200: ErasedView},
            problems=(409, 503),
            handle=erasing.erase,
        ),
    )
