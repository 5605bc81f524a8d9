"""Carries campaigns out: asks charge points in their turn, hears what becomes of it, and gives each its verdict.

What a charge point reports is only noted when it comes; everything is judged at this loop's own pace, by the tables of
:mod:`.update_steps` and :mod:`.campaign_rules`. Nothing is asked before it is on disk that it will be, so that a daemon
that is killed at any moment asks nobody twice, and goes on where it was.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections import deque
from collections.abc import Callable, Collection
from functools import partial

from msgspec.structs import replace

from chargemon_edge.control.campaign_rules import SHORT_PAUSE_S, Decision, decide, hindrance
from chargemon_edge.control.campaigns import Campaigns
from chargemon_edge.control.ports import (
    ChargePoints,
    Clock,
    FileOffer,
    FirmwareFiles,
    Journal,
    NotOffered,
    QuirksOf,
    moment,
)
from chargemon_edge.control.present import Present
from chargemon_edge.control.reservations import Reservations
from chargemon_edge.control.update_questions import UpdateQuestions
from chargemon_edge.control.update_request import UpdateRequest
from chargemon_edge.control.update_steps import (
    FAILED,
    MAY_BE_GONE,
    REPORTS,
    TRIED_AGAIN,
    UNDER_WAY,
    VERDICTS,
    Event,
    Step,
    advance,
    patience_s,
    waits_for_car,
)
from chargemon_edge.site import facts
from chargemon_edge.site.cards import HOLDING
from chargemon_edge.site.facts import Fact, Moment
from chargemon_edge.site.file_facts import FileProgressed, TicketEnded
from chargemon_edge.site.operation_facts import FirmwareStatusReported
from chargemon_edge.site.rollout import OPEN, Campaign, CampaignState, Update, matches_version
from chargemon_edge.site.rollout_facts import CampaignRecorded, UpdateRecorded

log = logging.getLogger(__name__)

_HEARD = (
    FirmwareStatusReported,
    FileProgressed,
    TicketEnded,
    facts.ChargePointBooted,
    facts.LinkClosed,
    facts.LinkOpened,
)
# these may let somebody have a turn
_OCCASIONS = (facts.StatusReported, facts.TransactionStopped, CampaignRecorded)
# a charge point that reconnects without a boot is asked how things stand, but not before it had time to say so itself
_SETTLE_S = 20.0
# nor so late that there is no time left to answer
_SETTLE_SHARE = 4
# after a disk that did not take a record, or a charge point that could not be sent the request
_AGAIN_MS = round(SHORT_PAUSE_S * 1000)
_LOOK_S = 600.0
# reports come in bursts: one look at all campaigns for what comes within this time
_GATHER_S = 0.1

Place = tuple[int, str]
"""Campaign and charge point."""


def minute_of_day(utc_ms: int) -> int:
    """Of the machine's own zone."""
    local = datetime.datetime.fromtimestamp(utc_ms / 1000, datetime.UTC).astimezone()
    return local.hour * 60 + local.minute


class Rollout:
    """One loop for all campaigns. Lives on the event loop; look after it with :meth:`run`."""

    def __init__(
        self,
        *,
        present: Present,
        campaigns: Campaigns,
        request: UpdateRequest,
        charge_points: ChargePoints,
        files: FirmwareFiles,
        reservations: Reservations,
        models: QuirksOf,
        journal: Journal,
        clock: Clock,
        minute: Callable[[int], int] = minute_of_day,
    ) -> None:
        """*minute*: of the site's day, by UTC in milliseconds."""
        self.campaigns = campaigns
        self._present = present
        self._request = request
        self._charge_points = charge_points
        self._files = files
        self._reservations = reservations
        self._journal = journal
        self._clock = clock
        self._minute = minute
        self._wake = asyncio.Event()
        # what charge points of campaigns did, not yet judged
        self._heard: deque[Fact] = deque()
        # when each step has lasted long enough
        self._due_s: dict[Place, float] = {}
        # who is being asked at this moment
        self._asking: set[Place] = set()
        self._questions = UpdateQuestions(present, charge_points, clock, models, self._step)
        # why nobody has a turn, as it was logged last
        self._why: dict[int, str] = {}
        present.follow(self._followed, _HEARD)
        present.follow(self._occasion, _OCCASIONS)
        present.follow(self._stepped, (UpdateRecorded,))

    async def run(self) -> None:
        """Carry campaigns out, until cancelled."""
        self._take_up()
        async with asyncio.TaskGroup() as work:
            while True:
                self._wake.clear()
                wait_s = self._look(work)
                try:
                    async with asyncio.timeout(wait_s):
                        await self._wake.wait()
                        await asyncio.sleep(_GATHER_S)
                except TimeoutError:
                    pass  # a step has lasted long enough, or somebody's time has come

    # ------------------------------------------------------------ what comes in

    def _followed(self, fact: Fact) -> None:
        assert isinstance(fact, _HEARD)
        if self.campaigns.newest(fact.charge_point) is not None:
            self._heard.append(fact)
            self._wake.set()

    def _occasion(self, _fact: Fact) -> None:
        if self.campaigns.open():
            self._wake.set()

    def _stepped(self, fact: Fact) -> None:
        """Each step has its time, from when it was taken; one whose wave has not begun has none."""
        assert isinstance(fact, UpdateRecorded)
        update = fact.update
        place = (update.campaign, update.charge_point)
        campaign = self.campaigns.find(update.campaign)
        may_last_s = None if campaign is None else patience_s(Step(update.step), campaign.rules.patience)
        if may_last_s is None or update.since_utc_ms == 0:
            self._due_s.pop(place, None)
        else:
            self._due_s[place] = fact.at.mono_s + _left_s(update, may_last_s, fact.at)
        self._wake.set()

    def _take_up(self) -> None:
        """After a restart of ours nobody knows what was missed: whoever is under way gets time to come and tell."""
        now = moment(self._clock)
        for campaign in self.campaigns.all():
            patience = campaign.rules.patience
            for update in self.campaigns.updates(campaign.number):
                step = Step(update.step)
                whole_s = patience_s(step, patience)
                if whole_s is None or update.since_utc_ms == 0:
                    continue
                if step in UNDER_WAY:
                    log.info("firmware update taken up cp=%s campaign=%d step=%r", *_names(update), update.step)
                left_s = max(_left_s(update, whole_s, now), patience.confirm_s)
                self._due_s[campaign.number, update.charge_point] = now.mono_s + left_s
                self._move(update, Event.RESTARTED, "the daemon was restarted")
                if step in UNDER_WAY and self._charge_points.linked(update.charge_point):
                    self._heard.append(facts.LinkOpened(at=now, charge_point=update.charge_point, remote=""))

    # ------------------------------------------------------------ the loop's own work

    def _look(self, work: asyncio.TaskGroup) -> float:
        """Judge what came and what did not; ask whoever's turn it is. Returns in how many seconds to look again."""
        while self._heard:
            self._hear(self._heard.popleft(), work)
        self._judge_overdue(work)
        again_s = [_LOOK_S]
        for campaign in self.campaigns.open():
            decision = self._decide(campaign)
            if decision.look_again_s is not None:
                again_s.append(decision.look_again_s)
            self._carry_out(campaign, decision, work)
        now_s = self._clock.monotonic_s()
        again_s += [due_s - now_s for due_s in self._due_s.values()]
        return max(0.0, min(again_s))

    def _hear(self, fact: Fact, work: asyncio.TaskGroup) -> None:
        assert isinstance(fact, _HEARD)
        update = self.campaigns.newest(fact.charge_point)
        if update is None:
            return
        if isinstance(fact, FirmwareStatusReported):
            if fact.request_id is None or fact.request_id == update.request_id:
                self._report(update, fact)
        elif isinstance(fact, FileProgressed):
            self._move(update, Event.DOWNLOADS, "it fetches the file")
        elif isinstance(fact, TicketEnded):
            if fact.end == "fetched" and fact.ticket_id == update.ticket_id:
                self._move(update, Event.HAS_IT, "it has fetched the file")
        elif isinstance(fact, facts.ChargePointBooted):
            self._booted(update, fact)
        elif isinstance(fact, facts.LinkClosed):
            if Step(update.step) in MAY_BE_GONE:
                self._doubt_limits(update)
            self._move(update, Event.LINK_LOST, "its link is gone")
        elif Step(update.step) in UNDER_WAY:
            campaign = self.campaigns.find(update.campaign)
            assert campaign is not None
            settle_s = min(_SETTLE_S, campaign.rules.patience.confirm_s / _SETTLE_SHARE)
            self._questions.ask(update.charge_point, work, settle_s)

    def _report(self, update: Update, fact: FirmwareStatusReported) -> None:
        event = REPORTS.get(fact.status)
        if event is Event.IDLE and self._questions.asked(fact.charge_point):
            event = Event.TELLS_IDLE
        if event is not None:
            self._move(update, event, f"it reported {fact.status}")

    def _booted(self, update: Update, fact: facts.ChargePointBooted) -> None:
        campaign = self.campaigns.find(update.campaign)
        assert campaign is not None
        stated = f"it stated version {fact.firmware_version!r}"
        if matches_version(fact.firmware_version, campaign.version):
            late = " after its verdict" if Step(update.step) in FAILED else ""
            self._move(update, Event.BOOTED_EXPECTED, stated + late)
        else:
            asked = self._questions.asked(fact.charge_point)
            self._move(update, Event.TELLS_OTHER if asked else Event.BOOTED_OTHER, stated)

    def _judge_overdue(self, work: asyncio.TaskGroup) -> None:
        now_s = self._clock.monotonic_s()
        for place in [place for place, due_s in self._due_s.items() if due_s <= now_s]:
            update = self.campaigns.update(*place)
            campaign = self.campaigns.find(place[0])
            del self._due_s[place]
            if update is None or campaign is None:
                continue
            step = Step(update.step)
            entry = self._present.charge_point(update.charge_point)
            charging = entry is not None and any(one.transaction is not None for one in entry.connectors.values())
            if (waits_for_car(step) and charging) or (
                step is Step.WAITING and campaign.state is not CampaignState.RUNNING
            ):
                self._due_s[place] = now_s + (patience_s(step, campaign.rules.patience) or 0.0)
                continue
            linked = self._charge_points.linked(update.charge_point)
            self._move(update, Event.OVERDUE if linked else Event.OVERDUE_AWAY, f"too long at {step.value}")
            after = self.campaigns.update(*place)
            if after is not None and Step(after.step) is Step.CONFIRMING:
                self._questions.ask(update.charge_point, work, 0.0)

    def _decide(self, campaign: Campaign) -> Decision:
        updates = [
            # on its way to the disk, and then to the charge point
            replace(one, step=Step.ASKED.value) if (one.campaign, one.charge_point) in self._asking else one
            for one in self.campaigns.updates(campaign.number)
        ]
        utc_ms = self._clock.utc_ms()
        return decide(
            campaign,
            updates,
            utc_ms=utc_ms,
            minute=self._minute(utc_ms),
            hindrance=partial(self._hindrance, only_idle=campaign.rules.only_idle, reserved=self._reserved()),
        )

    def _hindrance(self, charge_point: str, *, only_idle: bool, reserved: Collection[str]) -> str | None:
        found = hindrance(self._present.charge_point(charge_point), only_idle=only_idle)
        if found is None and only_idle and charge_point in reserved:
            return "it is reserved"
        return found

    def _reserved(self) -> Collection[str]:
        return {one.charge_point for one in self._reservations.all() if one.state in HOLDING}

    def _carry_out(self, campaign: Campaign, decision: Decision, work: asyncio.TaskGroup) -> None:
        if decision.state is not None:
            level = logging.INFO if decision.state is CampaignState.FINISHED else logging.ERROR
            log.log(
                level, "campaign halted number=%d state=%s why=%r", campaign.number, decision.state.value, decision.why
            )
            self.campaigns.note_state(replace(campaign, state=decision.state, why=decision.why), "this system")
            return
        if decision.why != self._why.get(campaign.number, ""):
            self._why[campaign.number] = decision.why
            log.info("campaign waits number=%d why=%r", campaign.number, decision.why)
        utc_ms = self._clock.utc_ms()
        self.campaigns.note_all(replace(one, since_utc_ms=utc_ms) for one in decision.opened)
        for one in decision.start:
            update = self.campaigns.update(one.campaign, one.charge_point)
            assert update is not None
            boot = self._boot(one.charge_point)
            if boot is not None and matches_version(boot.firmware_version, campaign.version):
                self._move(update, Event.BOOTED_EXPECTED, f"it stated version {boot.firmware_version!r} before")
                continue
            place = (one.campaign, one.charge_point)
            self._asking.add(place)
            work.create_task(self._ask(campaign, update))

    # ------------------------------------------------------------ asking

    async def _ask(self, campaign: Campaign, update: Update) -> None:
        place = (update.campaign, update.charge_point)
        image = self._files.image(campaign.image)
        try:
            offer = None if image is None else await self._offer(campaign, update)
            asked = None if offer is None else await self._asked(update, offer)
        finally:
            self._asking.discard(place)
            self._wake.set()
        if image is None:
            self._move(update, Event.NO_WAY, "the library has no such image any more")
        if image is None or offer is None or asked is None:
            return
        reply = await self._request.send(
            update.charge_point,
            offer.url,
            image,
            asked.request_id or 0,
            by=f"campaign {campaign.number}",
            within_s=campaign.rules.patience.answer_s,
        )
        now = self.campaigns.update(*place)
        assert now is not None
        if reply.event is Event.UNSENT and Step(now.step) is Step.ASKED:
            # its turn has lasted since it came, not since now
            self._later(replace(update, ticket_id=now.ticket_id), reply.detail)
        else:
            self._move(now, reply.event, reply.detail)
        self._wake.set()

    async def _offer(self, campaign: Campaign, update: Update) -> FileOffer | None:
        """An address for it; None: there is none, now or ever, or it is not its turn any more."""
        patience = campaign.rules.patience
        offer = await self._files.offer_image(
            update.charge_point,
            campaign.image,
            good_for_s=patience.answer_s + patience.begin_s + patience.download_s,
            by=f"campaign {campaign.number}",
        )
        if not self._still(update, Step.WAITING, offer):
            return None
        if isinstance(offer, FileOffer):
            return offer
        if self._files.protocols(update.charge_point):
            self._later(update, offer.reason)
        else:
            self._move(update, Event.NO_WAY, offer.reason)
        return None

    async def _asked(self, update: Update, offer: FileOffer) -> Update | None:
        """It will be asked, and that is on disk; None: it will not."""
        boot = self._boot(update.charge_point)
        asked = replace(
            update,
            step=advance(Step(update.step), Event.ASKS).value,
            since_utc_ms=self._clock.utc_ms(),
            attempt=update.attempt + 1,
            request_id=self._request.take_request_id(),
            ticket_id=offer.ticket_id,
            from_version=None if boot is None else boot.firmware_version,
            detail="",
        )
        error = await self.campaigns.make_durable(asked)
        if error is not None:
            self._later(update, f"the disk did not take it: {error}")
            return None
        return asked if self._still(update, Step.ASKED, offer) else None

    def _still(self, update: Update, step: Step, offer: FileOffer | NotOffered) -> bool:
        """Whether it is where it was: somebody may have cancelled the campaign while the disk was waited for."""
        now = self.campaigns.update(update.campaign, update.charge_point)
        if now is not None and Step(now.step) is step:
            return True
        if isinstance(offer, FileOffer):
            self._files.withdraw(offer.ticket_id)
        return False

    def _later(self, update: Update, detail: str) -> None:
        now = self.campaigns.update(update.campaign, update.charge_point)
        if now is None or Step(now.step) not in (Step.WAITING, Step.ASKED):
            return
        self.campaigns.note(replace(update, not_before_utc_ms=self._clock.utc_ms() + _AGAIN_MS, detail=detail))

    # ------------------------------------------------------------ writing down

    def _move(self, update: Update, event: Event, detail: str) -> None:
        """Go where the table says; nothing happens where *event* means nothing."""
        before = Step(update.step)
        after = advance(before, event)
        if after is before:
            return
        campaign = self.campaigns.find(update.campaign)
        assert campaign is not None
        utc_ms = self._clock.utc_ms()
        moved = replace(update, step=after.value, since_utc_ms=utc_ms, detail=detail)
        if after in TRIED_AGAIN and update.attempt < campaign.rules.attempts and campaign.state in OPEN:
            moved = replace(
                moved,
                step=Step.WAITING.value,
                not_before_utc_ms=utc_ms + round(campaign.rules.retry_s * 1000),
                detail=f"{after.value} at attempt {update.attempt}: {detail}",
            )
        self.campaigns.note(moved)
        _tell(moved, campaign.version)
        if Step(moved.step) in VERDICTS and moved.ticket_id is not None:
            self._files.withdraw(moved.ticket_id)

    def _doubt_limits(self, update: Update) -> None:
        """New firmware may come up without the profiles that the old one held: its whole range counts until it has
        taken them again."""
        charge_point = self._present.site.charge_point_by_identity.get(update.charge_point)
        if charge_point is None:
            return
        at = moment(self._clock)
        new = [
            facts.ProfilesInDoubt(
                at=at,
                charge_point=update.charge_point,
                connector=connector.number,
                reason=f"gone in the midst of a firmware update (campaign {update.campaign})",
            )
            for connector in charge_point.connectors
        ]
        self._journal.record(new)
        self._present.apply(new)

    def _step(self, charge_point: str) -> Step | None:
        update = self.campaigns.newest(charge_point)
        return None if update is None else Step(update.step)

    def _boot(self, charge_point: str) -> facts.ChargePointBooted | None:
        entry = self._present.charge_point(charge_point)
        return None if entry is None else entry.boot


def _left_s(update: Update, may_last_s: float, at: Moment) -> float:
    """How long its step may last yet; the wall clock may have been set meanwhile."""
    return min(max(0.0, may_last_s - (at.utc_ms - update.since_utc_ms) / 1000), may_last_s)


def _names(update: Update) -> tuple[str, int]:
    return update.charge_point, update.campaign


def _tell(update: Update, version: str) -> None:
    step = Step(update.step)
    log.log(
        logging.WARNING if step in FAILED else logging.INFO,
        "firmware update cp=%s campaign=%d step=%r version=%r attempt=%d detail=%r",
        *_names(update),
        update.step,
        version,
        update.attempt,
        update.detail,
    )
