"""Facts about firmware campaigns → rows of the site's file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from chargemon_edge.site import rollout_facts as facts
from chargemon_edge.site.facts import Fact
from chargemon_edge.store.event import event
from chargemon_edge.store.statement import Statement

_CAMPAIGN = (
    "INSERT INTO campaign (number, image, version, rules, made_by, made_utc_ms, state, why, forgiven, changed_utc_ms) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (number) DO UPDATE SET state = excluded.state, why = excluded.why, forgiven = excluded.forgiven, "
    "changed_utc_ms = excluded.changed_utc_ms"
)
_UPDATE = (
    "INSERT INTO campaign_update (campaign, charge_point, place, wave, step, since_utc_ms, attempt, not_before_utc_ms, "
    "request_id, ticket_id, from_version, detail, under_way) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (campaign, charge_point) DO UPDATE SET step = excluded.step, since_utc_ms = excluded.since_utc_ms, "
    "attempt = excluded.attempt, not_before_utc_ms = excluded.not_before_utc_ms, request_id = excluded.request_id, "
    "ticket_id = excluded.ticket_id, from_version = excluded.from_version, detail = excluded.detail, "
    "under_way = excluded.under_way"
)


def _campaign(fact: facts.CampaignRecorded) -> tuple[Statement, ...]:
    one = fact.campaign
    row = (
        one.number,
        one.image,
        one.version,
        msgspec.json.encode(one.rules).decode(),
        one.by,
        one.made_utc_ms,
        one.state.value,
        one.why,
        one.forgiven,
        fact.at.utc_ms,
    )
    told = event(
        fact,
        None,
        number=one.number,
        image=one.image,
        version=one.version,
        state=one.state.value,
        why=one.why or None,
        by=fact.by,
    )
    return (Statement(_CAMPAIGN, row), told)


def _update(fact: facts.UpdateRecorded) -> tuple[Statement, ...]:
    one = fact.update
    row = (
        one.campaign,
        one.charge_point,
        one.place,
        one.wave,
        one.step,
        one.since_utc_ms,
        one.attempt,
        one.not_before_utc_ms,
        one.request_id,
        one.ticket_id,
        one.from_version,
        one.detail,
        int(fact.under_way),
    )
    told = event(
        fact,
        one.charge_point,
        campaign=one.campaign,
        step=one.step,
        attempt=one.attempt,
        detail=one.detail or None,
    )
    return (Statement(_UPDATE, row), told)


ROWS: dict[type[Fact], Callable[[Any], tuple[Statement, ...]]] = {
    facts.CampaignRecorded: _campaign,
    facts.UpdateRecorded: _update,
}

STATEMENTS = (_CAMPAIGN, _UPDATE)
