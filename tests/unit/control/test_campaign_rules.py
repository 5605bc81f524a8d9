"""Whom a campaign asks next, and when it stops."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from chargemon_edge.control.campaign_rules import Decision, decide, hindrance, tally, wave_of
from chargemon_edge.control.update_steps import Step
from chargemon_edge.site.picture import ChargePointPicture, ConnectorPicture
from chargemon_edge.site.rollout import Campaign, CampaignState, Rules, Update

UTC_MS = 1_800_000_000_000


def campaign(*steps: Step, rules: Rules | None = None) -> tuple[Campaign, list[Update]]:
    rules = rules or Rules(canaries=1, wave=2, at_once=2)
    made = Campaign(number=1, image="i", version="2.0", rules=rules, by="test", made_utc_ms=UTC_MS)
    updates = [
        Update(
            campaign=1,
            charge_point=f"CP{place}",
            place=place,
            wave=wave_of(place, rules),
            step=step.value,
            since_utc_ms=0 if step is Step.WAITING else UTC_MS,
        )
        for place, step in enumerate(steps)
    ]
    return made, updates


def ask(
    made: tuple[Campaign, list[Update]],
    *,
    later_s: float = 0.0,
    minute: int = 0,
    hindered: Mapping[str, str] | None = None,
) -> Decision:
    return decide(
        made[0],
        made[1],
        utc_ms=UTC_MS + round(later_s * 1000),
        minute=minute,
        hindrance=lambda identity: (hindered or {}).get(identity),
    )


def started(decision: Decision) -> list[str]:
    return [one.charge_point for one in decision.start]


W, D, OK, BAD = Step.WAITING, Step.DOWNLOADING, Step.SUCCEEDED, Step.OLD_VERSION


def test_the_canary_comes_alone_and_the_others_wait_for_it() -> None:
    assert started(ask(campaign(W, W, W, W))) == ["CP0"]
    assert [one.charge_point for one in ask(campaign(W, W, W, W)).opened] == ["CP0"]
    assert started(ask(campaign(D, W, W, W))) == []
    assert started(ask(campaign(OK, W, W, W))) == ["CP1", "CP2"]


def test_a_canary_that_fails_or_was_never_reached_stops_everything() -> None:
    for step in (BAD, Step.NOT_REACHED, Step.NOT_OFFERED):
        decision = ask(campaign(step, W, W))
        assert decision.state is CampaignState.STOPPED
        assert decision.why == f"canary CP0: {step.value}"


def test_who_resumes_has_seen_what_failed() -> None:
    made, updates = campaign(BAD, W, W)

    assert started(ask((replace(made, forgiven=1), updates))) == ["CP1", "CP2"]


def test_a_wave_waits_for_the_last_of_the_one_before_and_for_the_pause() -> None:
    rules = Rules(canaries=0, wave=2, at_once=5, pause_s=600)

    assert started(ask(campaign(OK, D, W, W, rules=rules))) == []
    early = ask(campaign(OK, OK, W, W, rules=rules), later_s=100)
    assert (started(early), early.look_again_s) == ([], 500)
    assert started(ask(campaign(OK, OK, W, W, rules=rules), later_s=600)) == ["CP2", "CP3"]


def test_no_more_than_so_many_at_once() -> None:
    rules = Rules(canaries=0, wave=0, at_once=3)

    assert started(ask(campaign(D, D, W, W, W, rules=rules))) == ["CP2"]
    assert started(ask(campaign(D, D, D, W, rules=rules))) == []


def test_who_cannot_be_asked_now_does_not_hold_up_the_next() -> None:
    rules = Rules(canaries=0, wave=0, at_once=1)

    decision = ask(campaign(W, W, rules=rules), hindered={"CP0": "a transaction runs on connector 1"})
    assert started(decision) == ["CP1"]
    decision = ask(campaign(W, OK, rules=rules), hindered={"CP0": "not connected"})
    assert (started(decision), decision.why) == ([], "CP0: not connected")


def test_an_attempt_that_is_repeated_comes_after_its_pause_and_after_the_first_attempts() -> None:
    made, updates = campaign(W, W, rules=Rules(canaries=0, at_once=1))
    updates[0] = replace(updates[0], attempt=1, since_utc_ms=UTC_MS, not_before_utc_ms=UTC_MS + 60_000)

    assert started(ask((made, updates))) == ["CP1"]
    updates[1] = replace(updates[1], step=OK.value)
    assert ask((made, updates)).look_again_s == 60
    assert started(ask((made, updates), later_s=60)) == ["CP0"]


def test_a_clock_that_was_set_back_lengthens_no_pause() -> None:
    made, updates = campaign(OK, OK, W, rules=Rules(canaries=0, wave=2, pause_s=60))
    assert started(ask((made, updates), later_s=-86_400)) == ["CP2"]

    made, updates = campaign(W, rules=Rules(canaries=0))
    updates[0] = replace(updates[0], attempt=1, since_utc_ms=UTC_MS, not_before_utc_ms=UTC_MS + 600_000)
    assert started(ask((made, updates), later_s=-86_400)) == ["CP0"]


def test_failures_stop_it_and_untried_ones_do_not() -> None:
    rules = Rules(canaries=0, wave=0, stop_after=2)

    assert ask(campaign(BAD, Step.NOT_REACHED, W, rules=rules)).state is None
    stopped = ask(campaign(BAD, Step.STUCK, W, rules=rules))
    assert (stopped.state, stopped.why) == (CampaignState.STOPPED, "2 failed")


def test_it_asks_in_its_window_only_also_over_midnight() -> None:
    rules = Rules(canaries=0, window=(22 * 60, 5 * 60))

    assert [bool(started(ask(campaign(W, rules=rules), minute=hour * 60))) for hour in (21, 22, 0, 4, 5)] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert ask(campaign(W, rules=rules), minute=600).look_again_s == 60


def test_it_waits_for_its_time() -> None:
    rules = Rules(canaries=0, not_before_utc_ms=UTC_MS + 30_000)

    assert ask(campaign(W, rules=rules)).look_again_s == 30
    assert started(ask(campaign(W, rules=rules), later_s=30)) == ["CP0"]


def test_it_is_finished_with_the_last_verdict_also_while_it_is_paused() -> None:
    made, updates = campaign(OK, OK, BAD)

    for state in (CampaignState.RUNNING, CampaignState.PAUSED, CampaignState.STOPPED):
        decision = ask((replace(made, state=state), updates))
        assert (decision.state, decision.why) == (CampaignState.FINISHED, "2 succeeded, 1 old version")
    assert ask((replace(made, state=CampaignState.CANCELLED), updates)) == Decision()


def test_nobody_is_asked_while_it_stands() -> None:
    made, updates = campaign(OK, W)

    for state in (CampaignState.PAUSED, CampaignState.STOPPED, CampaignState.CANCELLED):
        assert ask((replace(made, state=state), updates)) == Decision()


def test_what_hinders_a_charge_point() -> None:
    def entry(status: str | None, updating: str | None = None) -> ChargePointPicture:
        return ChargePointPicture(linked=True, updating=updating, connectors={1: ConnectorPicture(status=status)})

    assert hindrance(None, only_idle=True) == hindrance(ChargePointPicture(), only_idle=False) == "not connected"
    assert hindrance(entry("Available"), only_idle=True) is None
    assert hindrance(entry("Preparing"), only_idle=True) == "connector 1 is Preparing"
    assert hindrance(entry("Charging"), only_idle=False) is None
    assert hindrance(entry("Available", "firmware update of campaign 3"), only_idle=False) is not None


def test_a_tally_is_in_the_order_of_the_table() -> None:
    assert tally(campaign(OK, BAD, OK, W)[1]) == "1 waiting, 2 succeeded, 1 old version"
