"""Firmware campaigns: an image of the library for many charge points, a few at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec

from chargemon_edge.control.campaign_choice import choose
from chargemon_edge.control.campaign_rules import tally
from chargemon_edge.control.campaigns import CHARGE_POINTS_MAX, Campaigns, CannotChangeError, NotStoredError
from chargemon_edge.control.ports import FirmwareFiles
from chargemon_edge.control.present import Present
from chargemon_edge.control.records import Number
from chargemon_edge.site.rollout import Campaign, CampaignState, Rules, Update
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.endpoints import Answer, Call, Endpoint, Nothing, Reply, not_found, not_stored, problem

_PATH = "/api/v1/firmware/campaigns"
_Identity = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class CampaignWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The campaign that is wanted."""

    image_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    charge_points: Annotated[tuple[_Identity, ...], msgspec.Meta(max_length=CHARGE_POINTS_MAX)] = ()
    from_versions: Annotated[str, msgspec.Meta(max_length=100)] = ""
    rules: Rules = Rules()


class OneCampaign(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which one."""

    number: Number


class CampaignSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign, without its charge points."""

    number: int
    image_id: str
    version: str
    state: CampaignState
    why: str
    by: str
    made_utc_ms: int
    tally: str


class CampaignView(CampaignSummary, frozen=True, kw_only=True):
    """All of it."""

    rules: Rules
    updates: tuple[Update, ...]


class CampaignStarted(CampaignView, frozen=True, kw_only=True):
    """A new one, and who is not in it although a pattern names them."""

    left_out: dict[str, str]


class CampaignsResource:
    """The handlers."""

    def __init__(self, campaigns: Campaigns, files: FirmwareFiles, present: Present) -> None:
        self._campaigns = campaigns
        self._files = files
        self._present = present

    async def list(self, _call: Call[Nothing, Nothing]) -> Answer:
        """Newest first."""
        return Reply([CampaignSummary(**self._summary(one)) for one in self._campaigns.all()])

    async def show(self, call: Call[OneCampaign, Nothing]) -> Answer:
        """One."""
        found = self._campaigns.find(call.parameters.number)
        return not_found("such campaign") if found is None else Reply(self._view(found))

    async def start(self, call: Call[Nothing, CampaignWish]) -> Answer:
        """A new one."""
        wish = call.body
        image = self._files.image(wish.image_id)
        if image is None:
            return problem(409, "not started", "the library has no such image")
        choice = choose(self._present.site, self._present.picture, image, wish.charge_points, wish.from_versions)
        if choice.mistake is not None:
            return problem(409, "not started", choice.mistake)
        try:
            made = await self._campaigns.start(
                image.image_id, image.version, choice.charge_points, wish.rules, call.caller.name
            )
        except CannotChangeError as error:
            return problem(409, "not started", str(error))
        except NotStoredError as error:
            return not_stored(error)
        view = CampaignStarted(
            **self._summary(made),
            rules=made.rules,
            updates=tuple(self._campaigns.updates(made.number)),
            left_out=choice.left_out,
        )
        return Reply(view, status=201)

    async def pause(self, call: Call[OneCampaign, Nothing]) -> Answer:
        """Ask nobody else for now."""
        return await self._change(call, self._campaigns.pause)

    async def resume(self, call: Call[OneCampaign, Nothing]) -> Answer:
        """Go on."""
        return await self._change(call, self._campaigns.resume)

    async def cancel(self, call: Call[OneCampaign, Nothing]) -> Answer:
        """Ask nobody any more."""
        return await self._change(call, self._campaigns.cancel)

    async def _change(
        self, call: Call[OneCampaign, Nothing], change: Callable[[int, str], Awaitable[Campaign]]
    ) -> Answer:
        number = call.parameters.number
        if self._campaigns.find(number) is None:
            return not_found("such campaign")
        try:
            return Reply(self._view(await change(number, call.caller.name)))
        except CannotChangeError as error:
            return problem(409, "not changed", str(error))
        except NotStoredError as error:
            return not_stored(error)

    def _view(self, one: Campaign) -> CampaignView:
        return CampaignView(**self._summary(one), rules=one.rules, updates=tuple(self._campaigns.updates(one.number)))

    def _summary(self, one: Campaign) -> dict[str, Any]:
        return {
            "number": one.number,
            "image_id": one.image,
            "version": one.version,
            "state": one.state,
            "why": one.why,
            "by": one.by,
            "made_utc_ms": one.made_utc_ms,
            "tally": tally(self._campaigns.updates(one.number)),
        }


def endpoints(campaigns: CampaignsResource) -> tuple[Endpoint[Any, Any], ...]:
    """Who may operate a charge point may give it firmware that an installer has put into the library."""
    return (
        Endpoint(
            method="GET",
            path=_PATH,
            summary="List firmware campaigns, newest first",
            role=Role.VIEWER,
            parameters=Nothing,
            body=Nothing,
            answers={200: tuple[CampaignSummary, ...]},
            handle=campaigns.list,
        ),
        Endpoint(
            method="POST",
            path=_PATH,
            summary="Start a firmware campaign: an image for charge points, a few at a time",
            role=Role.OPERATOR,
            parameters=Nothing,
            body=CampaignWish,
            rules="The image is in the library, each charge point named without * is one that it fits.",
            answers={201: CampaignStarted},
            problems=(409, 503),
            body_bytes_max=128 * 1024,
            handle=campaigns.start,
        ),
        Endpoint(
            method="GET",
            path=f"{_PATH}/{{number}}",
            summary="Show a firmware campaign and where each of its charge points stands",
            role=Role.VIEWER,
            parameters=OneCampaign,
            body=Nothing,
            answers={200: CampaignView},
            problems=(404,),
            handle=campaigns.show,
        ),
        *(
            Endpoint(
                method="POST",
                path=f"{_PATH}/{{number}}/{verb}",
                summary=summary,
                role=Role.OPERATOR,
                parameters=OneCampaign,
                body=Nothing,
                answers={200: CampaignView},
                problems=(404, 409, 503),
                handle=handle,
            )
            for verb, summary, handle in (
                ("pause", "Pause a firmware campaign: no further charge point is asked", campaigns.pause),
                ("resume", "Resume a firmware campaign; failures so far stop it no more", campaigns.resume),
                ("cancel", "Cancel a firmware campaign; who was asked goes on to its verdict", campaigns.cancel),
            )
        ),
    )
