"""The table of an update: forward only, a time-out everywhere, and success by nothing but a boot."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargemon_edge.control.update_steps import (
    FAILED,
    GOOD,
    PATIENCE,
    REPORTS,
    TRANSITIONS,
    UNDER_WAY,
    UNTRIED,
    VERDICTS,
    Event,
    Step,
    advance,
    patience_s,
)
from chargemon_edge.ocpp.v16.types import FirmwareStatus
from chargemon_edge.site.rollout import Patience, matches_version

GOOD_ORDER = ("Downloading", "Downloaded", "Installing", "Installed")


def after(*events: Event | str, first: Step = Step.ASKED) -> Step:
    step = first
    for event in events:
        step = advance(step, REPORTS[event] if isinstance(event, str) else event)
    return step


def test_every_status_of_the_protocol_means_something() -> None:
    assert set(REPORTS) == set(FirmwareStatus.__args__)  # type: ignore[attr-defined]  # a Literal has them


def test_the_good_order_ends_with_the_boot() -> None:
    assert after(Event.ACCEPTED, *GOOD_ORDER) is Step.INSTALLED
    assert after(Event.ACCEPTED, *GOOD_ORDER, Event.LINK_LOST, Event.BOOTED_EXPECTED) is Step.SUCCEEDED


@pytest.mark.parametrize(
    ("events", "verdict"),
    [
        ((Event.ACCEPTED, Event.OVERDUE), Step.NEVER_BEGAN),
        ((Event.UNANSWERED, Event.OVERDUE), Step.NEVER_BEGAN),
        ((Event.REFUSED,), Step.REFUSED),
        ((Event.ACCEPTED, "Downloading", "DownloadFailed"), Step.DOWNLOAD_FAILED),
        ((Event.ACCEPTED, "Downloading", Event.OVERDUE), Step.DOWNLOAD_HANGS),
        ((Event.ACCEPTED, "Downloading", Event.RESTARTED, Event.TELLS_IDLE), Step.DOWNLOAD_FAILED),
        ((Event.ACCEPTED, "Downloading", "Downloaded", Event.OVERDUE), Step.NEVER_INSTALLED),
        ((Event.ACCEPTED, "Downloading", "Downloaded", "Installing", "InstallationFailed"), Step.INSTALL_FAILED),
        ((Event.ACCEPTED, "Downloading", "Downloaded", "InvalidSignature"), Step.BAD_IMAGE),
        ((Event.ACCEPTED, "Downloading", "Downloaded", "Installing", Event.OVERDUE), Step.STUCK),
        ((Event.ACCEPTED, "Downloading", "Downloaded", "Installing", Event.OVERDUE_AWAY), Step.NEVER_CAME_BACK),
        ((Event.ACCEPTED, "Installing", Event.TELLS_IDLE, Event.OVERDUE), Step.INSTALL_FAILED),
        ((Event.ACCEPTED, *GOOD_ORDER, Event.LINK_LOST, Event.OVERDUE_AWAY), Step.NEVER_CAME_BACK),
        ((Event.ACCEPTED, *GOOD_ORDER, Event.LINK_LOST, Event.BOOTED_OTHER, Event.OVERDUE), Step.OLD_VERSION),
        # it reconnected without a boot, and tells when it is asked
        ((Event.ACCEPTED, *GOOD_ORDER, Event.OVERDUE, Event.TELLS_OTHER), Step.OLD_VERSION),
        ((Event.ACCEPTED, *GOOD_ORDER, Event.OVERDUE, Event.OVERDUE), Step.NOT_CONFIRMED),
        ((Event.ACCEPTED, *GOOD_ORDER, Event.OVERDUE, Event.BOOTED_EXPECTED), Step.SUCCEEDED),
    ],
)
def test_each_way_to_go_wrong_has_its_verdict(events: tuple[Event | str, ...], verdict: Step) -> None:
    assert after(*events) is verdict


def test_reports_that_come_again_after_the_boot_change_nothing() -> None:
    assert after(Event.ACCEPTED, *GOOD_ORDER, Event.BOOTED_EXPECTED, "Installed", "Idle") is Step.SUCCEEDED
    assert after(Event.ACCEPTED, *GOOD_ORDER, Event.LINK_LOST, Event.BOOTED_OTHER, "Installed") is Step.SETTLING


def test_a_boot_before_it_says_that_it_installed_is_not_yet_a_verdict() -> None:
    assert after(Event.ACCEPTED, "Downloading", Event.BOOTED_OTHER) is Step.DOWNLOADING
    both = (Event.ACCEPTED, "Downloading", "Downloaded", "Installing", Event.BOOTED_OTHER)
    assert after(*both) is Step.SETTLING
    assert after(*both, "Installed", Event.BOOTED_EXPECTED) is Step.SUCCEEDED
    assert after(*both, "InstallationFailed") is Step.INSTALL_FAILED
    # whatever it reported before that boot was missed
    assert after(*both, Event.TELLS_IDLE, Event.OVERDUE) is Step.OLD_VERSION


def test_a_second_boot_may_still_bring_the_version() -> None:
    both = (Event.LINK_LOST, Event.BOOTED_OTHER, Event.LINK_LOST, Event.BOOTED_EXPECTED)

    assert after(Event.ACCEPTED, *GOOD_ORDER, *both) is Step.SUCCEEDED


def test_only_a_boot_succeeds() -> None:
    assert {event for (_, event), step in TRANSITIONS.items() if step in GOOD} == {Event.BOOTED_EXPECTED}


def test_every_step_has_a_time_out_that_leads_on_with_and_without_a_link() -> None:
    for step, event in itertools.product(PATIENCE, (Event.OVERDUE, Event.OVERDUE_AWAY)):
        assert advance(step, event) is not step
        assert patience_s(step, Patience()) is not None
    assert all(patience_s(step, Patience()) is None for step in VERDICTS)


def test_a_verdict_is_overtaken_by_nothing_but_the_expected_version() -> None:
    for step, event in itertools.product(VERDICTS, Event):
        expected = Step.SUCCEEDED if step in FAILED and event is Event.BOOTED_EXPECTED else step
        assert advance(step, event) is expected


def test_verdicts_are_of_one_kind_each() -> None:
    assert GOOD | FAILED | UNTRIED == VERDICTS
    assert not GOOD & UNTRIED
    assert {step for step in TRANSITIONS.values() if step in VERDICTS} == VERDICTS


@settings(max_examples=200)
@given(events=st.lists(st.sampled_from(sorted(Event, key=lambda event: event.name)), max_size=60))
def test_steps_lead_forward_only_so_that_every_update_ends(events: list[Event]) -> None:
    step = Step.ASKED
    taken = [step]
    # WAITING is another attempt, which the campaign counts
    for event in (one for one in events if one is not Event.UNSENT):
        following = advance(step, event)
        if following is not step:
            taken.append(following)
        step = following

    assert len(set(taken)) == len(taken)
    for _ in UNDER_WAY:
        step = advance(step, Event.OVERDUE)
    assert step in VERDICTS


def test_a_version_is_the_same_whatever_its_blanks_and_case() -> None:
    assert matches_version(" v2.0B ", "V2.0b")
    assert not matches_version("2.0", "2.0.1")
    assert not matches_version(None, "2.0")
