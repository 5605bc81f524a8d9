"""Rows → the firmware campaigns. Reads only."""

from __future__ import annotations

import sqlite3

import msgspec

from chargemon_edge.site.picture import updating
from chargemon_edge.site.rollout import Campaign, CampaignState, RestoredCampaigns, Rules, Update


def restore_updating(site: sqlite3.Connection) -> dict[str, str]:
    """By charge point, what is under way, in words."""
    return {
        charge_point: updating(campaign)
        for charge_point, campaign in site.execute("SELECT charge_point, campaign FROM campaign_update WHERE under_way")
    }


def restore_stopped(site: sqlite3.Connection) -> dict[int, str]:
    """Campaigns that wait for a person: by number, why."""
    return dict(site.execute("SELECT number, why FROM campaign WHERE state = ?", (CampaignState.STOPPED.value,)))


def restore_campaigns(site: sqlite3.Connection) -> RestoredCampaigns:
    """All that are kept, oldest first."""
    campaigns = tuple(
        Campaign(
            number=row[0],
            image=row[1],
            version=row[2],
            rules=msgspec.json.decode(row[3], type=Rules),
            by=row[4],
            made_utc_ms=row[5],
            state=CampaignState(row[6]),
            why=row[7],
            forgiven=row[8],
        )
        for row in site.execute(
            "SELECT number, image, version, rules, made_by, made_utc_ms, state, why, forgiven FROM campaign "
            "ORDER BY number"
        )
    )
    updates = tuple(
        Update(
            campaign=row[0],
            charge_point=row[1],
            place=row[2],
            wave=row[3],
            step=row[4],
            since_utc_ms=row[5],
            attempt=row[6],
            not_before_utc_ms=row[7],
            request_id=row[8],
            ticket_id=row[9],
            from_version=row[10],
            detail=row[11],
        )
        for row in site.execute(
            "SELECT campaign, charge_point, place, wave, step, since_utc_ms, attempt, not_before_utc_ms, request_id, "
            "ticket_id, from_version, detail FROM campaign_update JOIN campaign ON campaign.number = campaign "
            "ORDER BY campaign, place"
        )
    )
    return RestoredCampaigns(campaigns=campaigns, updates=updates)
