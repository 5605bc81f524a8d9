"""One fact of each kind that a firmware campaign leaves."""

from __future__ import annotations

from chargemon_edge.site import facts
from chargemon_edge.site.facts import Moment
from chargemon_edge.site.rollout import Campaign, CampaignState, Rules, Update
from chargemon_edge.site.rollout_facts import CampaignRecorded, UpdateRecorded

_UTC_MS = 1_800_000_000_000
_AT = Moment(1000.0, _UTC_MS)

CAMPAIGN = Campaign(
    number=41,
    image="0123456789abcdef",
    version="5.2.0",
    rules=Rules(at_once=2, window=(60, 300)),
    by="command line",
    made_utc_ms=_UTC_MS,
    state=CampaignState.STOPPED,
    why="2 failed",
    forgiven=1,
)
UPDATE = Update(
    campaign=41,
    charge_point="CP1",
    place=0,
    wave=0,
    step="installing",
    since_utc_ms=_UTC_MS,
    attempt=2,
    not_before_utc_ms=_UTC_MS - 1,
    request_id=42,
    ticket_id="00aa11bb22cc33dd",
    from_version="5.1.0",
    detail="it reported Installing",
)

ROLLOUT: tuple[facts.Fact, ...] = (
    CampaignRecorded(at=_AT, campaign=CAMPAIGN, by="this system"),
    UpdateRecorded(at=_AT, update=UPDATE, under_way=True),
)
