"""New firmware for many charge points: a campaign, and what has become of each charge point in it. Values only."""

from __future__ import annotations

import enum
from typing import Annotated, Final

import msgspec

Seconds = Annotated[float, msgspec.Meta(ge=0, le=60 * 86_400)]
Patient = Annotated[float, msgspec.Meta(ge=1, le=60 * 86_400)]
Number = Annotated[int, msgspec.Meta(ge=1, le=1_000)]
OrNone = Annotated[int, msgspec.Meta(ge=0, le=1_000)]
Minute = Annotated[int, msgspec.Meta(ge=0, le=24 * 60 - 1)]


class CampaignState(enum.Enum):
    """Where a campaign stands. What a charge point was asked for cannot be taken back: it goes on in any of these."""

    RUNNING = "running"
    PAUSED = "paused"
    """By a person: no further charge point is asked."""
    STOPPED = "stopped"
    """By itself, after failures: a person resumes it or cancels it."""
    CANCELLED = "cancelled"
    FINISHED = "finished"
    """Every charge point has its verdict."""


OPEN: Final = frozenset((CampaignState.RUNNING, CampaignState.PAUSED, CampaignState.STOPPED))
"""In these a campaign may still ask charge points."""


class Patience(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long each step of an update may take, in seconds (control/update_steps.py says which is which)."""

    turn_s: Patient = 7 * 86_400.0
    """Until a charge point whose wave has begun is connected and idle."""
    answer_s: Patient = 120.0
    """Until it answers the request."""
    begin_s: Patient = 900.0
    """Until it begins to download."""
    download_s: Patient = 3_600.0
    begin_install_s: Patient = 1_800.0
    """From the download to the installation; a running transaction stops this clock."""
    install_s: Patient = 1_800.0
    boot_s: Patient = 1_800.0
    """From ``Installed`` (or the restart) to the boot, and from a boot with the old version to another one. Some models
    need up to nineteen minutes before they dial again."""
    confirm_s: Patient = 300.0
    """Until it has told its version when it is asked; also what it is given after a restart of the daemon."""


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom a campaign asks, when, and how often."""

    canaries: OrNone = 1
    """So many charge points are the first wave, and every one of them must succeed."""
    wave: OrNone = 0
    """Charge points of each further wave; 0: all the others are one."""
    at_once: Number = 3
    """Charge points that are being updated at any one time."""
    pause_s: Seconds = 0.0
    """From the end of a wave to the beginning of the next."""
    only_idle: bool = True
    """Ask a charge point only while nothing is plugged in, charging or reserved there."""
    not_before_utc_ms: Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_000)] | None = None
    window: tuple[Minute, Minute] | None = None
    """Minutes of the site's day in which charge points are asked, the second excluded; may pass midnight."""
    attempts: Number = 2
    """How often a charge point is asked in all, when a download fails."""
    retry_s: Seconds = 600.0
    stop_after: Number = 2
    """Failures after which nobody else is asked until a person resumes."""
    patience: Patience = Patience()


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """One image for several charge points."""

    number: int
    image: str
    """The image's identifier in the library."""
    version: str
    """As the charge points state it when they boot with the image."""
    rules: Rules
    by: str
    made_utc_ms: int
    state: CampaignState = CampaignState.RUNNING
    why: str = ""
    """Of the state, in words."""
    forgiven: int | None = None
    """Failures that a person had seen when they resumed; None: nobody did, and every canary must succeed."""


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """One charge point of a campaign."""

    campaign: int
    charge_point: str
    place: int
    """Its turn, counted from 0."""
    wave: int
    """0: a canary, if there are any."""
    step: str = "waiting"
    """In the words of control/update_steps.py."""
    since_utc_ms: int = 0
    """Since when it is at that step; 0: its wave has not begun."""
    attempt: int = 0
    """How often it was asked."""
    not_before_utc_ms: int = 0
    request_id: int | None = None
    """Of a SignedUpdateFirmware."""
    ticket_id: str | None = None
    """Of the address that it was given."""
    from_version: str | None = None
    """What it stated before it was asked."""
    detail: str = ""
    """What the step or the verdict rests on, in words."""


class RestoredCampaigns(msgspec.Struct, frozen=True, kw_only=True):
    """What the disk knew, oldest first."""

    campaigns: tuple[Campaign, ...] = ()
    updates: tuple[Update, ...] = ()


def matches_version(stated: str | None, expected: str) -> bool:
    """Whether a charge point states that it runs *expected*: case and blanks around it do not count."""
    return stated is not None and stated.strip().casefold() == expected.strip().casefold()
