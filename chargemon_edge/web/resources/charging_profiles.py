"""Charging profiles by name, for RemoteStartTransaction and SetChargingProfile."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from chargemon_edge.control.charging_profiles import ChargingProfiles, NamedProfile
from chargemon_edge.ocpp import timestamps
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.endpoints import Answer, Call, Endpoint, Nothing, Reply, not_found, not_stored, problem

_PATH = "/api/v1/charging-profiles"
# Python's $ also stands before a last line feed, JSON Schema's does not: hence the end of it
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$(?!\n)"
Name = Annotated[str, msgspec.Meta(pattern=_NAME, max_length=40, description="letters, digits, dot, dash, underscore")]
NotNegative = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class ChargingProfileWish(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True
):
    """ChargingProfile (OCPP 1.6 §7.8) without its id, which is given here, and without a transaction."""

    stack_level: NotNegative
    charging_profile_purpose: m.ChargingProfilePurpose
    charging_profile_kind: m.ChargingProfileKind
    recurrency_kind: m.RecurrencyKind | None = None
    valid_from: str | None = None
    valid_to: str | None = None
    charging_schedule: m.ChargingSchedule


class ChargingProfileView(msgspec.Struct, frozen=True, kw_only=True):
    """A named profile as it goes out."""

    name: str
    charging_profile_id: int
    """The handle: ClearChargingProfile takes it as ``id``."""
    profile: m.ChargingProfile
    stored_utc_ms: int
    stored_by: str


class OneProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which one."""

    name: Name


class NamedChargingProfiles:
    """The handlers."""

    def __init__(self, profiles: ChargingProfiles) -> None:
        self._profiles = profiles

    async def list(self, _call: Call[Nothing, Nothing]) -> Answer:
        """All, by name."""
        return Reply([_view(known) for known in self._profiles.known()])

    async def show(self, call: Call[OneProfile, Nothing]) -> Answer:
        """One."""
        known = self._profiles.named(call.parameters.name)
        return not_found("such charging profile") if known is None else Reply(_view(known))

    async def put(self, call: Call[OneProfile, ChargingProfileWish]) -> Answer:
        """Write it, new or in place of the one of that name."""
        name, wish = call.parameters.name, call.body
        unreadable = _unreadable_time(wish)
        if unreadable is not None:
            return problem(400, "not understood", f"{unreadable} is not a time like 2027-01-15T08:00:00Z")
        refusal = self._profiles.refusal(name)
        if refusal is not None:
            return problem(409, "not stored", refusal)
        profile = m.ChargingProfile(
            charging_profile_id=0, **{field: getattr(wish, field) for field in wish.__struct_fields__}
        )
        error = await self._profiles.store(name, profile, call.caller.name)
        if error is not None:
            return not_stored(error)
        known = self._profiles.named(name)
        return not_found("such charging profile any more") if known is None else Reply(_view(known))

    async def remove(self, call: Call[OneProfile, Nothing]) -> Answer:
        """Forget it. Charge points that were given it keep it."""
        known = self._profiles.named(call.parameters.name)
        if known is None:
            return not_found("such charging profile")
        error = await self._profiles.remove(known, call.caller.name)
        return Reply(status=204) if error is None else not_stored(error)


def _unreadable_time(wish: ChargingProfileWish) -> str | None:
    times = {
        "validFrom": wish.valid_from,
        "validTo": wish.valid_to,
        "startSchedule": wish.charging_schedule.start_schedule,
    }
    return next((name for name, text in times.items() if text is not None and timestamps.parse(text) is None), None)


def _view(known: NamedProfile) -> ChargingProfileView:
    return ChargingProfileView(
        name=known.fact.name,
        charging_profile_id=known.fact.profile_id,
        profile=known.profile,
        stored_utc_ms=known.fact.at.utc_ms,
        stored_by=known.fact.by,
    )


def endpoints(profiles: NamedChargingProfiles) -> tuple[Endpoint[Any, Any], ...]:
    """An operator writes them; the guard looks at each use."""
    return (
        Endpoint(
            method="GET",
            path=_PATH,
            summary="List the named charging profiles",
            role=Role.VIEWER,
            parameters=Nothing,
            body=Nothing,
            answers={200: tuple[ChargingProfileView, ...]},
            handle=profiles.list,
        ),
        Endpoint(
            method="GET",
            path=f"{_PATH}/{{name}}",
            summary="Show a named charging profile",
            role=Role.VIEWER,
            parameters=OneProfile,
            body=Nothing,
            answers={200: ChargingProfileView},
            problems=(404,),
            handle=profiles.show,
        ),
        Endpoint(
            method="PUT",
            path=f"{_PATH}/{{name}}",
            summary="Write a named charging profile; a name keeps its chargingProfileId",
            role=Role.OPERATOR,
            parameters=OneProfile,
            body=ChargingProfileWish,
            rules="The profile is a ChargingProfile as OCPP 1.6 defines it.",
            answers={200: ChargingProfileView},
            problems=(404, 409, 503),
            handle=profiles.put,
        ),
        Endpoint(
            method="DELETE",
            path=f"{_PATH}/{{name}}",
            summary="Forget a named charging profile",
            role=Role.OPERATOR,
            parameters=OneProfile,
            body=Nothing,
            answers={204: None},
            problems=(404, 503),
            handle=profiles.remove,
        ),
    )
