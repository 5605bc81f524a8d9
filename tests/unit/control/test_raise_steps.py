"""The raise as a table: what can never happen in it, whatever a charge point answers."""

from __future__ import annotations

import itertools

import pytest

from chargemon_edge.control.raise_steps import ENDED, FIRST, OPEN_TO_BOTH, TRANSITIONS, Event, Step, advance


@pytest.mark.parametrize(("target", "first"), list(FIRST.items()))
def test_the_way_that_everything_goes_well(target: int, first: Step) -> None:
    steps = [first]
    while steps[-1] not in ENDED:
        steps.append(advance(steps[-1], Event.CAME if steps[-1] is Step.RECONNECT else Event.ACCEPTED))

    assert steps == [first, Step.SETTINGS, Step.PROFILE, Step.RESET, Step.RECONNECT, Step.DONE]


@pytest.mark.demand("S11")
def test_the_old_way_is_closed_by_nothing_but_the_charge_points_coming() -> None:
    """Done stands for a closed old way: only a login on the new one leads there."""
    assert {event for (_, event), after in TRANSITIONS.items() if after is Step.DONE} == {Event.CAME}


def test_a_charge_point_that_may_have_been_told_finds_the_new_way_open_for_ever() -> None:
    """Once the profile may have been taken nothing leads to failed, which closes the new way."""
    for (step, event), after in TRANSITIONS.items():
        if step in OPEN_TO_BOTH and not (step is Step.PROFILE and event is Event.REFUSED):
            assert after in OPEN_TO_BOTH | {Step.DONE}, (step, event)


def test_what_fails_before_leaves_the_old_way_alone() -> None:
    for step, event in itertools.product(Step, (Event.REFUSED, Event.UNANSWERED, Event.RESTARTED)):
        if step not in OPEN_TO_BOTH | ENDED:
            assert advance(step, event) is Step.FAILED


def test_nothing_happens_after_the_end() -> None:
    for step, event in itertools.product(ENDED, Event):
        with pytest.raises(KeyError):
            advance(step, event)


def test_a_restart_of_ours_is_survived_in_every_step() -> None:
    assert all((step, Event.RESTARTED) in TRANSITIONS for step in Step if step not in ENDED)
