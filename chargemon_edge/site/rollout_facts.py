"""Firmware campaigns as facts: each record is whole, the newest one counts."""

from __future__ import annotations

from chargemon_edge.site.facts import Fact
from chargemon_edge.site.rollout import Campaign, Update


class CampaignRecorded(Fact, frozen=True, kw_only=True, gc=False):
    """A campaign was started, paused, resumed, cancelled, stopped or finished."""

    campaign: Campaign
    by: str


class UpdateRecorded(Fact, frozen=True, kw_only=True, gc=False):
    """A charge point of a campaign is a step further, or has its verdict."""

    update: Update
    under_way: bool = False
    """From the request on until the verdict: meanwhile it may restart at any moment."""
