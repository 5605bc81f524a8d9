"""The raise of one charge point's security profile by one, as a table: what is asked of it, and what each answer means.

Two rules. The old way is closed by nothing but the charge point's own login on the new one. The new way is opened
before the charge point is told to take it, and then only a person closes it: one that was told may come at any time.

| step | is | goes on when |
| --- | --- | --- |
| key (to 1) | a new AuthorizationKey is sent | it is accepted |
| root (to 2) | our server's root is installed | it is accepted, or chargers know it anyway |
| certificate (to 3) | the charge point asks for a certificate and gets it | it is accepted |
| settings | whatever the model needs besides, such as its central system's address | each is accepted |
| profile | SecurityProfile is set | it is accepted, or not answered: then it may have been taken |
| reset | a hard reset | in any case: the charge point may be gone before it answers |
| reconnect | it comes the new way | it does; after some time without it is overdue, and still awaited |
"""

from __future__ import annotations

import enum


class Step(enum.Enum):
    """Where a raise stands."""

    KEY = "key"
    ROOT = "root"
    CERTIFICATE = "certificate"
    SETTINGS = "settings"
    PROFILE = "profile"
    RESET = "reset"
    RECONNECT = "reconnect"
    OVERDUE = "overdue"
    DONE = "done"
    FAILED = "failed"


class Event(enum.Enum):
    """What has come of a step."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    CAME = "came"
    RESTARTED = "restarted"


FIRST = {1: Step.KEY, 2: Step.ROOT, 3: Step.CERTIFICATE}
"""By the profile that is aimed at."""

_PREPARING = (Step.KEY, Step.ROOT, Step.CERTIFICATE, Step.SETTINGS)
OPEN_TO_BOTH = frozenset((Step.PROFILE, Step.RESET, Step.RECONNECT, Step.OVERDUE))
"""In these the charge point may come either way."""
ENDED = frozenset((Step.DONE, Step.FAILED))

TRANSITIONS: dict[tuple[Step, Event], Step] = {
    **{(step, Event.ACCEPTED): Step.SETTINGS for step in (Step.KEY, Step.ROOT, Step.CERTIFICATE)},
    (Step.SETTINGS, Event.ACCEPTED): Step.PROFILE,
    **{(step, event): Step.FAILED for step in _PREPARING for event in (Event.REFUSED, Event.UNANSWERED)},
    # nothing was told to the charge point yet that would make it come another way
    **{(step, Event.RESTARTED): Step.FAILED for step in _PREPARING},
    (Step.PROFILE, Event.ACCEPTED): Step.RESET,
    (Step.PROFILE, Event.REFUSED): Step.FAILED,
    (Step.PROFILE, Event.UNANSWERED): Step.RECONNECT,
    **{(Step.RESET, event): Step.RECONNECT for event in (Event.ACCEPTED, Event.REFUSED, Event.UNANSWERED)},
    (Step.RECONNECT, Event.UNANSWERED): Step.OVERDUE,
    (Step.OVERDUE, Event.UNANSWERED): Step.OVERDUE,
    # it may have been told: both ways stay open
    **{(step, Event.RESTARTED): Step.RECONNECT for step in OPEN_TO_BOTH},
    **{(step, Event.CAME): Step.DONE for step in OPEN_TO_BOTH},
}


def advance(step: Step, event: Event) -> Step:
    """The step after *event*; KeyError for an event that cannot happen in *step*."""
    return TRANSITIONS[step, event]
