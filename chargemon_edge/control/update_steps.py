"""One charge point's way to new firmware, as a table: what each report means at each step, and how long a step lasts.

Three rules. Only a boot with the expected version is a success, whatever the charge point reports, and it is one at
every step, even after another verdict. Steps lead forward only: a late or repeated report moves nothing and restarts no
clock, so that every update ends. Every step has a time-out, and its verdict says where the charge point was last heard
of.

| step | the charge point | its time-out means |
| --- | --- | --- |
| waiting | has not been asked (again) yet | it was never connected and idle: not reached |
| asked | is being asked | nobody knows whether it was: counts as accepted |
| accepted | has taken the request | nothing happened: never began |
| downloading | says so | the download hangs |
| downloaded | has the file, or has found its signature good | it never installed |
| installing | says so; it may be gone meanwhile | stuck; or gone, if it has no link |
| silent | says Idle in the midst of it: it has given up, or is restarting | the installation failed |
| installed | says so, and is still linked | it is asked for its version |
| rebooting | has no link since, or said that it restarts | never came back; with a link it is asked |
| settling | has booted with another version since it has the file | it runs the old version |
| confirming | is asked for its version by TriggerMessage | not confirmed |
"""

from __future__ import annotations

import enum
from typing import Final

from chargemon_edge.site.rollout import Patience


class Step(enum.Enum):
    """Where an update stands; the verdicts are its ends."""

    WAITING = "waiting"
    ASKED = "asked"
    ACCEPTED = "accepted"
    DOWNLOADING = "downloading"
    DOWNLOADED = "downloaded"
    INSTALLING = "installing"
    SILENT = "silent"
    INSTALLED = "installed"
    REBOOTING = "rebooting"
    SETTLING = "settling"
    CONFIRMING = "confirming"

    SUCCEEDED = "succeeded"
    ALREADY = "already"
    CANCELLED = "cancelled"
    NOT_REACHED = "not reached"
    NOT_OFFERED = "not offered"
    REFUSED = "refused"
    NEVER_BEGAN = "never began"
    DOWNLOAD_FAILED = "download failed"
    DOWNLOAD_HANGS = "download hangs"
    BAD_IMAGE = "bad image"
    NEVER_INSTALLED = "never installed"
    INSTALL_FAILED = "installation failed"
    STUCK = "stuck in installing"
    OLD_VERSION = "old version"
    NOT_CONFIRMED = "not confirmed"
    NEVER_CAME_BACK = "never came back"


class Event(enum.Enum):
    """What moves an update."""

    ASKS = "the charge point is being asked"
    ACCEPTED = "it accepted"
    REFUSED = "it refused"
    UNANSWERED = "it did not answer"
    UNSENT = "nothing was sent"
    NO_WAY = "no protocol that both sides know"
    SCHEDULED = "it reports a pause or a later time"
    DOWNLOADS = "it reports Downloading"
    HAS_IT = "it reports Downloaded or a good signature"
    INSTALLS = "it reports Installing"
    SAYS_INSTALLED = "it reports Installed"
    REBOOTS = "it reports InstallRebooting"
    DOWNLOAD_FAILED = "it reports DownloadFailed"
    INSTALL_FAILED = "it reports InstallationFailed"
    BAD_IMAGE = "it reports a bad signature or a bad image"
    IDLE = "it reports Idle"
    TELLS_IDLE = "asked for it, it reports Idle"
    BOOTED_EXPECTED = "it states the expected version"
    BOOTED_OTHER = "it booted with another version"
    TELLS_OTHER = "asked for it, it states another version"
    LINK_LOST = "its link is gone"
    OVERDUE = "the time-out passed, and it is linked"
    OVERDUE_AWAY = "the time-out passed, and it has no link"
    RESTARTED = "the daemon was restarted"
    CANCELLED = "the campaign was cancelled"


REPORTS: Final[dict[str, Event]] = {
    "DownloadScheduled": Event.SCHEDULED,
    "DownloadPaused": Event.SCHEDULED,
    "Downloading": Event.DOWNLOADS,
    "Downloaded": Event.HAS_IT,
    "SignatureVerified": Event.HAS_IT,
    "InstallScheduled": Event.HAS_IT,
    "Installing": Event.INSTALLS,
    "Installed": Event.SAYS_INSTALLED,
    "InstallRebooting": Event.REBOOTS,
    "DownloadFailed": Event.DOWNLOAD_FAILED,
    "InstallationFailed": Event.INSTALL_FAILED,
    "InvalidSignature": Event.BAD_IMAGE,
    "InstallVerificationFailed": Event.BAD_IMAGE,
    "Idle": Event.IDLE,
}
"""By the status of a FirmwareStatusNotification (OCPP 1.6 §7.25), or of the security extension's."""

_S, _E = Step, Event

PATIENCE: Final[dict[Step, str]] = {
    _S.WAITING: "turn_s",
    _S.ASKED: "answer_s",
    _S.ACCEPTED: "begin_s",
    _S.DOWNLOADING: "download_s",
    _S.DOWNLOADED: "begin_install_s",
    _S.INSTALLING: "install_s",
    _S.SILENT: "confirm_s",
    _S.INSTALLED: "boot_s",
    _S.REBOOTING: "boot_s",
    _S.SETTLING: "boot_s",
    _S.CONFIRMING: "confirm_s",
}
"""The time-out of each step, as a member of :class:`chargemon_edge.site.rollout.Patience`."""

UNDER_WAY: Final = frozenset(PATIENCE) - {_S.WAITING}
"""From the request on until the verdict."""
VERDICTS: Final = frozenset(Step) - frozenset(PATIENCE)
GOOD: Final = frozenset((_S.SUCCEEDED, _S.ALREADY))
UNTRIED: Final = frozenset((_S.CANCELLED, _S.NOT_REACHED, _S.NOT_OFFERED))
"""Verdicts that say nothing of the image: the charge point never tried it."""
FAILED: Final = VERDICTS - GOOD - UNTRIED
TRIED_AGAIN: Final = frozenset((_S.NEVER_BEGAN, _S.DOWNLOAD_FAILED, _S.DOWNLOAD_HANGS))
"""Verdicts of an attempt that may be repeated: nothing was written over the old firmware yet."""
REPORTING: Final = frozenset((_S.DOWNLOADING, _S.DOWNLOADED, _S.INSTALLING))
"""Steps at which its answer to a TriggerMessage of its status says something."""
MAY_BE_GONE: Final = frozenset((_S.DOWNLOADED, _S.INSTALLING, _S.SILENT, _S.INSTALLED, _S.REBOOTING))
"""A link that is lost at these comes back with firmware that may have forgotten every limit."""

_BEFORE_FILE = (_S.ASKED, _S.ACCEPTED, _S.DOWNLOADING)
_BEFORE_INSTALL = (*_BEFORE_FILE, _S.DOWNLOADED)
_BEFORE_BOOT = (*_BEFORE_INSTALL, _S.INSTALLING, _S.SILENT)

TRANSITIONS: Final[dict[tuple[Step, Event], Step]] = {
    (_S.WAITING, _E.ASKS): _S.ASKED,
    (_S.WAITING, _E.NO_WAY): _S.NOT_OFFERED,
    (_S.WAITING, _E.CANCELLED): _S.CANCELLED,
    (_S.WAITING, _E.BOOTED_EXPECTED): _S.ALREADY,
    **{(_S.WAITING, one): _S.NOT_REACHED for one in (_E.OVERDUE, _E.OVERDUE_AWAY)},
    # what becomes of the request
    (_S.ASKED, _E.ACCEPTED): _S.ACCEPTED,
    (_S.ASKED, _E.UNSENT): _S.WAITING,
    **{(step, _E.REFUSED): _S.REFUSED for step in (_S.ASKED, _S.ACCEPTED)},
    (_S.ASKED, _E.UNANSWERED): _S.ACCEPTED,
    (_S.ASKED, _E.RESTARTED): _S.ACCEPTED,
    **{(_S.ASKED, one): _S.ACCEPTED for one in (_E.OVERDUE, _E.OVERDUE_AWAY)},
    # forward, whatever was left out
    **{(step, _E.DOWNLOADS): _S.DOWNLOADING for step in (_S.ASKED, _S.ACCEPTED)},
    **{(step, _E.HAS_IT): _S.DOWNLOADED for step in _BEFORE_FILE},
    **{(step, _E.INSTALLS): _S.INSTALLING for step in _BEFORE_INSTALL},
    **{(step, _E.SAYS_INSTALLED): _S.INSTALLED for step in _BEFORE_BOOT},
    **{(step, _E.REBOOTS): _S.REBOOTING for step in (*_BEFORE_BOOT, _S.INSTALLED)},
    **{(step, _E.DOWNLOAD_FAILED): _S.DOWNLOAD_FAILED for step in _BEFORE_INSTALL},
    **{(step, _E.INSTALL_FAILED): _S.INSTALL_FAILED for step in UNDER_WAY},
    **{(step, _E.BAD_IMAGE): _S.BAD_IMAGE for step in UNDER_WAY},
    # whatever it reported while nobody heard it: now nothing goes on any more
    (_S.DOWNLOADING, _E.TELLS_IDLE): _S.DOWNLOAD_FAILED,
    **{(step, _E.TELLS_IDLE): _S.SILENT for step in (_S.DOWNLOADED, _S.INSTALLING)},
    (_S.INSTALLING, _E.IDLE): _S.SILENT,
    # boots; a verdict too is overtaken by one with the expected version
    **{(step, _E.BOOTED_EXPECTED): _S.SUCCEEDED for step in UNDER_WAY | FAILED},
    # some restart once to install and once more when it is done; what it said in between may have been missed
    **{(step, _E.BOOTED_OTHER): _S.SETTLING for step in MAY_BE_GONE},
    **{(_S.CONFIRMING, one): _S.OLD_VERSION for one in (_E.BOOTED_OTHER, _E.TELLS_OTHER)},
    (_S.INSTALLED, _E.LINK_LOST): _S.REBOOTING,
    # time-outs with a link
    (_S.ACCEPTED, _E.OVERDUE): _S.NEVER_BEGAN,
    (_S.DOWNLOADING, _E.OVERDUE): _S.DOWNLOAD_HANGS,
    (_S.DOWNLOADED, _E.OVERDUE): _S.NEVER_INSTALLED,
    (_S.INSTALLING, _E.OVERDUE): _S.STUCK,
    (_S.SILENT, _E.OVERDUE): _S.INSTALL_FAILED,
    (_S.INSTALLED, _E.OVERDUE): _S.CONFIRMING,
    (_S.REBOOTING, _E.OVERDUE): _S.CONFIRMING,
    (_S.SETTLING, _E.OVERDUE): _S.OLD_VERSION,
    (_S.CONFIRMING, _E.OVERDUE): _S.NOT_CONFIRMED,
    # and without one; the old version was seen already in settling
    **{(step, _E.OVERDUE_AWAY): _S.NEVER_CAME_BACK for step in UNDER_WAY - {_S.ASKED, _S.SETTLING}},
    (_S.SETTLING, _E.OVERDUE_AWAY): _S.OLD_VERSION,
}


def advance(step: Step, event: Event) -> Step:
    """The step after *event*; the same one where the event means nothing."""
    return TRANSITIONS.get((step, event), step)


def waits_for_car(step: Step) -> bool:
    """Whether a running transaction is reason enough to be at *step* for longer: the clock begins anew."""
    return step in (Step.ACCEPTED, Step.DOWNLOADED, Step.SETTLING)


def patience_s(step: Step, patience: Patience) -> float | None:
    """How long *step* may last; None: it is a verdict."""
    name = PATIENCE.get(step)
    return None if name is None else float(getattr(patience, name))
