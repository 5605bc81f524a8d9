"""Whom a campaign asks next, and when it stops. Pure: looks at what became of its charge points, and asks nobody.

A wave begins when every charge point of the one before has its verdict; the canaries, which are the first one, must all
have succeeded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from chargemon_edge.control.update_steps import FAILED, GOOD, UNDER_WAY, VERDICTS, Step
from chargemon_edge.site.picture import ChargePointPicture
from chargemon_edge.site.rollout import OPEN, Campaign, CampaignState, Rules, Update

SHORT_PAUSE_S = 60.0
"""After a request that could not be sent."""
_BUSY = frozenset({"Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing", "Reserved"})


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What to do now."""

    start: tuple[Update, ...] = ()
    """To be asked, each now."""
    opened: tuple[Update, ...] = ()
    """Their wave begins."""
    state: CampaignState | None = None
    """The campaign's new state; None: it stays."""
    why: str = ""
    """Of the new state, or what is waited for."""
    look_again_s: float | None = None
    """When time alone will change this; None: not before something happens."""


def wave_of(place: int, rules: Rules) -> int:
    """The wave of the charge point whose turn is *place*. With no canaries the first wave is 1."""
    if place < rules.canaries:
        return 0
    return 1 if rules.wave == 0 else 1 + (place - rules.canaries) // rules.wave


def failures(updates: Sequence[Update]) -> int:
    """How many charge points tried the image and did not come to run it."""
    return sum(Step(one.step) in FAILED for one in updates)


def decide(
    campaign: Campaign,
    updates: Sequence[Update],
    *,
    utc_ms: int,
    minute: int,
    hindrance: Callable[[str], str | None],
) -> Decision:
    """What to do now. *updates*: all of the campaign; *minute*: of the site's day; *hindrance*: why a charge point
    cannot be asked now, in words, or None."""
    if campaign.state not in OPEN:
        return Decision()
    unfinished = [one for one in updates if Step(one.step) not in VERDICTS]
    if not unfinished:
        return Decision(state=CampaignState.FINISHED, why=tally(updates))
    if campaign.state is not CampaignState.RUNNING:
        return Decision()
    if (stop := _reason_to_stop(campaign, updates)) is not None:
        return Decision(state=CampaignState.STOPPED, why=stop)
    rules = campaign.rules
    if (wait_s := _until_allowed_s(rules, utc_ms, minute)) > 0:
        return Decision(why="its time has not come", look_again_s=wait_s)
    wave = min(one.wave for one in unfinished)
    members = [one for one in unfinished if one.wave == wave]
    ended_ms = max((one.since_utc_ms for one in updates if one.wave < wave), default=None)
    rest_s = 0.0 if ended_ms is None else _rest_s(ended_ms + round(rules.pause_s * 1000), utc_ms, rules.pause_s)
    if rest_s > 0:
        return Decision(why=f"wave {wave} waits for its pause", look_again_s=rest_s)
    return _from_wave(rules, updates, members, utc_ms, hindrance)


def _from_wave(
    rules: Rules,
    updates: Sequence[Update],
    members: Sequence[Update],
    utc_ms: int,
    hindrance: Callable[[str], str | None],
) -> Decision:
    opened = tuple(one for one in members if one.since_utc_ms == 0)
    waiting = [one for one in members if Step(one.step) is Step.WAITING]
    free = rules.at_once - sum(Step(one.step) in UNDER_WAY for one in updates)
    start: list[Update] = []
    why = ""
    look_again_s: float | None = None
    for one in sorted(waiting, key=lambda update: (update.attempt, update.place)):
        pause_s = _rest_s(one.not_before_utc_ms, utc_ms, max(rules.retry_s, SHORT_PAUSE_S))
        if pause_s > 0:
            look_again_s = pause_s if look_again_s is None else min(pause_s, look_again_s)
            continue
        if len(start) >= free:
            break
        hindered = hindrance(one.charge_point)
        if hindered is None:
            start.append(one)
        else:
            why = f"{one.charge_point}: {hindered}"
    return Decision(start=tuple(start), opened=opened, why=why, look_again_s=look_again_s)


def _rest_s(until_utc_ms: int, utc_ms: int, pause_s: float) -> float:
    """What is left of a pause of *pause_s*; nothing, if the wall clock was set back meanwhile."""
    left_s = (until_utc_ms - utc_ms) / 1000
    return left_s if 0 < left_s <= pause_s else 0.0


def _reason_to_stop(campaign: Campaign, updates: Sequence[Update]) -> str | None:
    for one in updates:
        step = Step(one.step)
        if one.wave == 0 and step in VERDICTS and step not in GOOD and campaign.forgiven is None:
            return f"canary {one.charge_point}: {step.value}"
    count = failures(updates)
    if count - (campaign.forgiven or 0) >= campaign.rules.stop_after:
        return f"{count} failed"
    return None


def _until_allowed_s(rules: Rules, utc_ms: int, minute: int) -> float:
    """How long until charge points may be asked; looks again within a minute, since clocks are set."""
    if rules.not_before_utc_ms is not None and utc_ms < rules.not_before_utc_ms:
        return min(60.0, (rules.not_before_utc_ms - utc_ms) / 1000)
    if rules.window is None:
        return 0.0
    begin, end = rules.window
    inside = begin <= minute < end if begin < end else minute >= begin or minute < end
    return 0.0 if inside else 60.0


def hindrance(entry: ChargePointPicture | None, *, only_idle: bool) -> str | None:
    """Why a charge point cannot be asked now, as far as the picture shows; None: it can."""
    if entry is None or not entry.linked:
        return "not connected"
    if entry.updating is not None:
        return f"{entry.updating} is under way"
    if only_idle:
        for number, connector in sorted(entry.connectors.items()):
            if connector.transaction is not None:
                return f"a transaction runs on connector {number}"
            if connector.status in _BUSY:
                return f"connector {number} is {connector.status}"
    return None


def tally(updates: Sequence[Update]) -> str:
    """How many came to which end, in words: ``24 succeeded, 1 bad image``."""
    counts: dict[str, int] = {}
    for one in updates:
        counts[one.step] = counts.get(one.step, 0) + 1
    order = [step.value for step in Step]
    return ", ".join(f"{counts[step]} {step}" for step in order if step in counts)
