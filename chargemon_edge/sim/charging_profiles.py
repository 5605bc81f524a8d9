"""The charging profiles that a simulated charger holds, and the limit they give at an instant (OCPP 1.6 §3.13). Pure.

Our own reading of the specification on plain JSON values: it must not share code with what composes the profiles.
"""

from __future__ import annotations

import datetime
from typing import Any

import msgspec

from chargemon_edge.site.units import NOMINAL_VOLTAGE_V

_FOREVER = float("inf")
_RECURRENCE_S = {"Daily": 86_400.0, "Weekly": 604_800.0}

MAX = "ChargePointMaxProfile"
DEFAULT = "TxDefaultProfile"
TRANSACTION = "TxProfile"


class HeldProfile(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One profile, read."""

    profile_id: int
    connector: int
    stack_level: int
    purpose: str
    transaction_id: int | None
    kind: str
    recurrence_s: float | None
    valid_from_s: float
    valid_to_s: float
    start_s: float | None
    duration_s: float
    periods: tuple[tuple[float, float], ...]
    """(seconds after the schedule's start, amperes)."""


class ProfileError(ValueError):
    """The profile cannot be read."""


def read_profile(connector: int, profile: dict[str, Any], phases: int = 3) -> HeldProfile:
    """Read csChargingProfiles as it stands in SetChargingProfile, for a charger of *phases*; raises ProfileError."""
    try:
        schedule = profile["chargingSchedule"]
        watts = schedule["chargingRateUnit"] == "W"
        periods = tuple(
            (float(period["startPeriod"]), _amperes(period, watts, phases))
            for period in schedule["chargingSchedulePeriod"]
        )
        if not periods or periods[0][0] != 0 or list(periods) != sorted(periods):
            raise ProfileError("periods must begin at 0 and rise")
        return HeldProfile(
            profile_id=profile["chargingProfileId"],
            connector=connector,
            stack_level=profile["stackLevel"],
            purpose=profile["chargingProfilePurpose"],
            transaction_id=profile.get("transactionId"),
            kind=profile["chargingProfileKind"],
            recurrence_s=_RECURRENCE_S.get(profile.get("recurrencyKind", "")),
            valid_from_s=_seconds(profile.get("validFrom"), -_FOREVER),
            valid_to_s=_seconds(profile.get("validTo"), _FOREVER),
            start_s=None if "startSchedule" not in schedule else _seconds(schedule["startSchedule"], 0.0),
            duration_s=float(schedule.get("duration", _FOREVER)),
            periods=periods,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ProfileError(f"missing or wrong member: {error}") from error


def _amperes(period: dict[str, Any], watts: bool, phases: int) -> float:
    limit = float(period["limit"])
    return limit / (NOMINAL_VOLTAGE_V * period.get("numberPhases", phases)) if watts else limit


def _seconds(text: str | None, otherwise: float) -> float:
    return otherwise if text is None else datetime.datetime.fromisoformat(text).timestamp()


class ProfileStore:
    """All profiles of one charger."""

    def __init__(self) -> None:
        self.held: list[HeldProfile] = []

    def put(self, profile: HeldProfile) -> None:
        """Take it in place of the one with its id, or with its connector, purpose and stack level."""
        self.held = [one for one in self.held if not _same_place(one, profile)]
        self.held.append(profile)

    def clear(
        self, profile_id: int | None, connector: int | None, purpose: str | None, stack_level: int | None
    ) -> bool:
        """Drop what matches all that is given (an id alone decides); whether anything did."""
        kept = [one for one in self.held if not _matches(one, profile_id, connector, purpose, stack_level)]
        gone = len(kept) < len(self.held)
        self.held = kept
        return gone

    def end_transaction(self, connector: int) -> None:
        """A TxProfile ends with its transaction."""
        self.held = [one for one in self.held if one.purpose != TRANSACTION or one.connector != connector]

    def limit_a(self, connector: int, now_s: float, started_s: float | None) -> tuple[float | None, float]:
        """What the charger may offer on *connector* at UTC *now_s*, and until when that cannot change by itself.

        *started_s* is the start of the running transaction, None without one. None: no profile rules.
        """
        until_s = _FOREVER
        limit_a: float | None = None
        ladder = [
            [one for one in self.held if one.purpose == TRANSACTION and one.connector == connector],
            [one for one in self.held if one.purpose == DEFAULT and one.connector in (connector, 0)],
        ]
        for purpose in ladder if started_s is not None else ladder[1:]:
            limit_a, until_s = _strongest(purpose, now_s, started_s, until_s)
            if limit_a is not None:
                break
        installation_a, until_s = _strongest([one for one in self.held if one.purpose == MAX], now_s, None, until_s)
        if installation_a is not None:
            limit_a = installation_a if limit_a is None else min(limit_a, installation_a)
        return limit_a, until_s


def _same_place(one: HeldProfile, other: HeldProfile) -> bool:
    if one.profile_id == other.profile_id:
        return True
    place = (one.connector, one.purpose, one.stack_level)
    return place == (other.connector, other.purpose, other.stack_level)


def _matches(
    one: HeldProfile, profile_id: int | None, connector: int | None, purpose: str | None, stack_level: int | None
) -> bool:
    if profile_id is not None:
        return one.profile_id == profile_id
    return (
        (connector is None or one.connector == connector)
        and (purpose is None or one.purpose == purpose)
        and (stack_level is None or one.stack_level == stack_level)
    )


def _strongest(
    profiles: list[HeldProfile], now_s: float, started_s: float | None, until_s: float
) -> tuple[float | None, float]:
    # the highest stack level whose schedule rules now; lower levels only where it leaves a gap
    for profile in sorted(profiles, key=lambda one: -one.stack_level):
        limit_a, profile_until_s = _ruling(profile, now_s, started_s)
        until_s = min(until_s, profile_until_s)
        if limit_a is not None:
            return limit_a, until_s
    return None, until_s


def _ruling(profile: HeldProfile, now_s: float, started_s: float | None) -> tuple[float | None, float]:
    if now_s < profile.valid_from_s:
        return None, profile.valid_from_s
    if now_s >= profile.valid_to_s:
        return None, _FOREVER
    start_s = profile.start_s if profile.kind != "Relative" else started_s
    if start_s is None:
        start_s = started_s
    if start_s is None:
        return None, _FOREVER
    repeats_s = profile.recurrence_s if profile.kind == "Recurring" else None
    if repeats_s is not None and now_s >= start_s:
        start_s += (now_s - start_s) // repeats_s * repeats_s
    elapsed_s = now_s - start_s
    if elapsed_s < 0:
        return None, start_s
    end_s = min(start_s + profile.duration_s, profile.valid_to_s, start_s + (repeats_s or _FOREVER))
    if elapsed_s >= profile.duration_s:
        return None, start_s + repeats_s if repeats_s is not None else _FOREVER
    limit_a = profile.periods[0][1]
    for begins_s, period_a in profile.periods:
        if begins_s > elapsed_s:
            return limit_a, min(end_s, start_s + begins_s)
        limit_a = period_a
    return limit_a, end_s
