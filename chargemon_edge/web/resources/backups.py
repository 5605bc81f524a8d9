"""Backups: what must not be lost, copied and checked. They hold keys, so none is ever sent over the network."""

from __future__ import annotations

from typing import Any

from chargemon_edge.control.keeping import BackupError, BackupRecord, Keeping
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.endpoints import Answer, Call, Endpoint, Nothing, Reply, problem
from chargemon_edge.web.shapes import BackupView

_PATH = "/api/v1/backups"


class BackupsResource:
    """The handlers."""

    def __init__(self, keeping: Keeping) -> None:
        self._keeping = keeping

    async def list(self, _call: Call[Nothing, Nothing]) -> Answer:
        """Newest first."""
        return Reply([_view(one) for one in self._keeping.backups()])

    async def make(self, _call: Call[Nothing, Nothing]) -> Answer:
        """One now."""
        try:
            made = await self._keeping.back_up("asked")
        except BackupError as error:
            return problem(503, "no backup", str(error))
        return Reply(_view(made), status=201)


def _view(record: BackupRecord) -> BackupView:
    return BackupView(
        name=record.name,
        path=record.path,
        made_utc_ms=record.made_utc_ms,
        size_bytes=record.size_bytes,
        reason=record.reason,
    )


def endpoints(backups: BackupsResource) -> tuple[Endpoint[Any, Any], ...]:
    """Where they lie is nothing for a viewer."""
    return (
        Endpoint(
            method="GET",
            path=_PATH,
            summary="List the backups on this machine",
            role=Role.OPERATOR,
            parameters=Nothing,
            body=Nothing,
            answers={200: tuple[BackupView, ...]},
            handle=backups.list,
        ),
        Endpoint(
            method="POST",
            path=_PATH,
            summary="Make a backup now; it is checked before the answer",
            role=Role.OPERATOR,
            parameters=Nothing,
            body=Nothing,
            answers={201: BackupView},
            problems=(503,),
            handle=backups.make,
        ),
    )
