"""The list of cards that a charge point keeps itself."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from chargemon_edge.control.local_lists import LocalLists
from chargemon_edge.control.present import Present
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.endpoints import Answer, Call, Endpoint, Nothing, Reply, not_found, problem

_PATH = "/api/v1/charge-points/{identity}/local-list"


class LocalListView(msgspec.Struct, frozen=True, kw_only=True):
    """What it holds, as far as that is known, and what it shall hold."""

    supported: bool | None
    """null: it was not asked yet."""
    enabled: bool | None
    """LocalAuthListEnabled, as it was read last; null: not read since it booted."""
    by_itself: bool
    """Whether the daemon keeps the list without being asked."""
    up_to_date: bool
    """It accepted exactly what it shall hold."""
    version: int | None
    """Of the list it accepted last; null: what it holds is unknown."""
    entries: int | None
    entries_wanted: int
    left_out: int
    """Cards for which it has no room."""
    changed_utc_ms: int | None
    cache: bool | None
    """AuthorizationCacheEnabled, as it was read last."""
    cache_cleared_utc_ms: int | None
    last_outcome: str | None
    """Of the last question; null: none was asked since the daemon started."""


class OneChargePoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose."""

    identity: Annotated[str, msgspec.Meta(max_length=100)]


class LocalListsResource:
    """The handlers."""

    def __init__(self, present: Present, lists: LocalLists) -> None:
        self._present = present
        self._lists = lists

    async def show(self, call: Call[OneChargePoint, Nothing]) -> Answer:
        """How it stands."""
        identity = call.parameters.identity
        if identity not in self._present.site.charge_point_by_identity:
            return not_found(f"charge point {identity!r}")
        return Reply(self._view(identity))

    async def push(self, call: Call[OneChargePoint, Nothing]) -> Answer:
        """Bring it up now."""
        identity = call.parameters.identity
        if identity not in self._present.site.charge_point_by_identity:
            return not_found(f"charge point {identity!r}")
        entry = self._present.picture.charge_points.get(identity)
        if entry is None or not entry.linked:
            return problem(409, "not connected", f"{identity} is not connected; nothing was sent")
        await self._lists.push(identity)
        return Reply(self._view(identity))

    def _view(self, identity: str) -> LocalListView:
        standing = self._lists.standing(identity)
        state, abilities = standing.state, standing.abilities
        return LocalListView(
            supported=standing.supported,
            enabled=None if abilities is None else abilities.enabled,
            by_itself=standing.by_itself,
            up_to_date=standing.up_to_date,
            version=None if state.held is None else state.held.version,
            entries=None if state.held is None else len(state.held.entries),
            entries_wanted=standing.entries_wanted,
            left_out=standing.left_out,
            changed_utc_ms=state.changed_utc_ms,
            cache=None if abilities is None else abilities.cache,
            cache_cleared_utc_ms=state.cache_cleared_utc_ms or None,
            last_outcome=standing.last_outcome,
        )


def endpoints(lists: LocalListsResource) -> tuple[Endpoint[Any, Any], ...]:
    """A list is pushed by whoever may send one by hand."""
    return (
        Endpoint(
            method="GET",
            path=_PATH,
            summary="Show how a charge point's own list of cards stands",
            role=Role.VIEWER,
            parameters=OneChargePoint,
            body=Nothing,
            answers={200: LocalListView},
            problems=(404,),
            handle=lists.show,
        ),
        Endpoint(
            method="POST",
            path=_PATH,
            summary="Bring a charge point's own list of cards up to date now, whatever it said before",
            role=Role.OPERATOR,
            parameters=OneChargePoint,
            body=Nothing,
            answers={200: LocalListView},
            problems=(404, 409),
            handle=lists.push,
        ),
    )
