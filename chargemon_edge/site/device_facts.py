"""What charge points hold by themselves and we only know from asking: their configuration keys."""

from __future__ import annotations

import msgspec

from chargemon_edge.site.facts import Fact


class KeyRead(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One configuration key as it was read."""

    key: str
    value: str | None
    """None: the charge point gave none, or it is a secret and was not kept."""
    readonly: bool


class ConfigurationRead(Fact, frozen=True, kw_only=True, gc=False):
    """GetConfiguration was answered (OCPP 1.6 §5.8)."""

    charge_point: str
    keys: tuple[KeyRead, ...]
    unknown: tuple[str, ...] = ()
    """Of those that were asked for by name."""
    whole: bool
    """Every key was asked for: what is not in it, the charge point does not have."""


class KeyWritten(Fact, frozen=True, kw_only=True, gc=False):
    """ChangeConfiguration was sent (OCPP 1.6 §5.3), or more became known about one that was."""

    charge_point: str
    key: str
    value: str
    """Empty for a secret."""
    outcome: str
    """The charge point's status or error code, ``no answer``, ``not kept`` (it reads back differently) or
    ``restarted`` (the charge point restarted right after)."""
    firmware: str | None = None
    """The firmware that it was tried on."""
    by_person: bool = False
    """An operation, not the daemon: from then on the daemon leaves that key alone."""


class ConfigurationPaused(Fact, frozen=True, kw_only=True, gc=False):
    """The daemon writes nothing more to a charge point for a while."""

    charge_point: str
    reason: str
    until_utc_ms: int
