"""Every campaign that is remembered, and what people do with one: start, pause, resume, cancel.

Each change is on disk before whoever wanted it hears of it. What becomes of the charge points is :mod:`.rollout`'s.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from chargemon_edge.control.campaign_rules import failures, wave_of
from chargemon_edge.control.durable import make_durable
from chargemon_edge.control.ports import Clock, Journal, moment
from chargemon_edge.control.present import Present
from chargemon_edge.control.update_steps import UNDER_WAY, VERDICTS, Event, Step, advance
from chargemon_edge.site.clock_facts import ClockCorrected
from chargemon_edge.site.facts import Fact, Moment
from chargemon_edge.site.rollout import OPEN, Campaign, CampaignState, RestoredCampaigns, Rules, Update
from chargemon_edge.site.rollout_facts import CampaignRecorded, UpdateRecorded

log = logging.getLogger(__name__)

CHARGE_POINTS_MAX = 1_000
"""In one campaign."""
# ended ones that are kept in memory, for those who ask
_ENDED_MAX = 50


class CannotChangeError(Exception):
    """The campaign is not in a state for that; the message says why. Nothing was changed."""


class NotStoredError(Exception):
    """The disk did not take it. Nothing was changed."""


class Campaigns:
    """The book. Lives on the event loop."""

    def __init__(
        self,
        *,
        present: Present,
        journal: Journal,
        clock: Clock,
        take_number: Callable[[], int],
        restored: RestoredCampaigns,
    ) -> None:
        self._present = present
        self._journal = journal
        self._clock = clock
        self._take_number = take_number
        self._campaigns: dict[int, Campaign] = {one.number: one for one in restored.campaigns}
        self._updates: dict[int, dict[str, Update]] = {one.number: {} for one in restored.campaigns}
        for update in restored.updates:
            self._updates[update.campaign][update.charge_point] = update
        present.follow(self._folded, (CampaignRecorded, UpdateRecorded))
        present.follow(self._redate, (ClockCorrected,))

    # ------------------------------------------------------------ what there is

    def all(self) -> list[Campaign]:
        """Newest first."""
        return sorted(self._campaigns.values(), key=lambda one: one.number, reverse=True)

    def open(self) -> list[Campaign]:
        """Those that are not over, oldest first."""
        return [one for one in self._campaigns.values() if one.state in OPEN]

    def find(self, number: int) -> Campaign | None:
        """By number."""
        return self._campaigns.get(number)

    def updates(self, number: int) -> list[Update]:
        """All of a campaign, in their turn."""
        return sorted(self._updates.get(number, {}).values(), key=lambda one: one.place)

    def update(self, number: int, charge_point: str) -> Update | None:
        """One charge point of a campaign."""
        return self._updates.get(number, {}).get(charge_point)

    def newest(self, charge_point: str) -> Update | None:
        """The charge point's part in the newest campaign that it is in."""
        for campaign in self.all():
            found = self.update(campaign.number, charge_point)
            if found is not None:
                return found
        return None

    def needs(self, image: str) -> str | None:
        """Why *image* cannot be removed from the library; None: nobody may still be fetching it."""
        for campaign in self.all():
            under_way = any(Step(one.step) not in VERDICTS for one in self._updates[campaign.number].values())
            if campaign.image == image and (campaign.state in OPEN or under_way):
                return f"campaign {campaign.number} needs it"
        return None

    # ------------------------------------------------------------ what people do

    async def start(self, image: str, version: str, charge_points: Sequence[str], rules: Rules, by: str) -> Campaign:
        """A new campaign; their order is their turn. Raises CannotChangeError or NotStoredError."""
        if not 0 < len(charge_points) <= CHARGE_POINTS_MAX:
            raise CannotChangeError(f"a campaign has 1 to {CHARGE_POINTS_MAX} charge points")
        for identity in charge_points:
            newest = self.newest(identity)
            if newest is not None and Step(newest.step) not in VERDICTS:
                raise CannotChangeError(f"{identity} is in campaign {newest.campaign} already: {newest.step}")
        at = moment(self._clock)
        campaign = Campaign(
            number=self._take_number(), image=image, version=version, rules=rules, by=by, made_utc_ms=at.utc_ms
        )
        updates = [
            Update(campaign=campaign.number, charge_point=identity, place=place, wave=wave_of(place, rules))
            for place, identity in enumerate(dict.fromkeys(charge_points))
        ]
        await self._store([CampaignRecorded(at=at, campaign=campaign, by=by), *(_recorded(one, at) for one in updates)])
        log.info(
            "campaign started number=%d image=%s version=%r charge_points=%d by=%r",
            campaign.number,
            image,
            version,
            len(updates),
            by,
        )
        return campaign

    async def pause(self, number: int, by: str) -> Campaign:
        """Ask no further charge point. Raises as :meth:`start` does; KeyError: there is no such campaign."""
        return await self._state(number, (CampaignState.RUNNING,), CampaignState.PAUSED, by)

    async def resume(self, number: int, by: str) -> Campaign:
        """Go on; what has failed so far stops it no more."""
        return await self._state(number, (CampaignState.PAUSED, CampaignState.STOPPED), CampaignState.RUNNING, by)

    async def cancel(self, number: int, by: str) -> Campaign:
        """Ask nobody any more. Whoever was asked goes on, and gets its verdict."""
        return await self._state(number, tuple(OPEN), CampaignState.CANCELLED, by)

    async def _state(self, number: int, before: Sequence[CampaignState], after: CampaignState, by: str) -> Campaign:
        campaign = self._campaigns[number]
        if campaign.state not in before:
            raise CannotChangeError(f"it is {campaign.state.value}")
        at = moment(self._clock)
        changed = replace(campaign, state=after, why=f"by {by}")
        new: list[Fact] = []
        if after is CampaignState.RUNNING:
            changed = replace(changed, forgiven=failures(self.updates(number)))
            # while it stood nobody could have a turn
            new += [
                _recorded(replace(one, since_utc_ms=at.utc_ms), at)
                for one in self.updates(number)
                if Step(one.step) is Step.WAITING and one.since_utc_ms
            ]
        elif after is CampaignState.CANCELLED:
            new += [
                _recorded(
                    replace(
                        one,
                        step=advance(Step.WAITING, Event.CANCELLED).value,
                        since_utc_ms=at.utc_ms,
                        detail=f"by {by}",
                    ),
                    at,
                )
                for one in self.updates(number)
                if Step(one.step) is Step.WAITING
            ]
        await self._store([CampaignRecorded(at=at, campaign=changed, by=by), *new])
        log.info("campaign changed number=%d state=%s by=%r", number, after.value, by)
        return changed

    async def _store(self, new: Sequence[Fact]) -> None:
        error = await make_durable(self._journal, self._present, new)
        if error is not None:
            raise NotStoredError(str(error))

    # ------------------------------------------------------------ for the roll-out

    async def make_durable(self, update: Update) -> Exception | None:
        """Write down where a charge point is; returns once it is on disk, or with why nothing of it was taken."""
        return await make_durable(self._journal, self._present, [_recorded(update, moment(self._clock))])

    def note(self, update: Update) -> None:
        """It is so, whatever the disk says: written as soon as can be."""
        self._note([_recorded(update, moment(self._clock))])

    def note_all(self, updates: Iterable[Update]) -> None:
        """The same, for several at once."""
        at = moment(self._clock)
        self._note([_recorded(one, at) for one in updates])

    def note_state(self, campaign: Campaign, by: str) -> None:
        """The same, of the campaign itself."""
        self._note([CampaignRecorded(at=moment(self._clock), campaign=campaign, by=by)])

    def _note(self, new: Sequence[Fact]) -> None:
        if not new:
            return
        self._present.apply(new)
        # what is lost with the disk is asked again after a restart
        self._journal.commit(new, _told)

    def _redate(self, fact: Fact) -> None:
        """The moment before which nobody is to be asked stays as a person wrote it."""
        assert isinstance(fact, ClockCorrected)
        for number, campaign in self._campaigns.items():
            self._campaigns[number] = replace(campaign, made_utc_ms=fact.moved(campaign.made_utc_ms))
        for updates in self._updates.values():
            for identity, one in updates.items():
                if one.since_utc_ms:
                    since_utc_ms = fact.moved(one.since_utc_ms)
                    by_ms = since_utc_ms - one.since_utc_ms
                    updates[identity] = replace(
                        one, since_utc_ms=since_utc_ms, not_before_utc_ms=one.not_before_utc_ms + by_ms
                    )

    def _folded(self, fact: Fact) -> None:
        if isinstance(fact, UpdateRecorded):
            self._updates[fact.update.campaign][fact.update.charge_point] = fact.update
            return
        assert isinstance(fact, CampaignRecorded)
        self._campaigns[fact.campaign.number] = fact.campaign
        self._updates.setdefault(fact.campaign.number, {})
        over = [
            number
            for number, campaign in self._campaigns.items()
            if campaign.state not in OPEN and all(Step(one.step) in VERDICTS for one in self._updates[number].values())
        ]
        for number in over[:-_ENDED_MAX]:
            del self._campaigns[number], self._updates[number]


def _told(error: Exception | None) -> None:
    if error is not None:
        log.error("firmware update not recorded why=%r", str(error))


def _recorded(update: Update, at: Moment) -> UpdateRecorded:
    return UpdateRecorded(at=at, update=update, under_way=Step(update.step) in UNDER_WAY)
