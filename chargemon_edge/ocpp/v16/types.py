"""The types that OCPP 1.6's messages share, with the specification's constraints inside them (§7).

Statuses and kinds that a message means to choose from are literals; what real chargers spell in their own way
(measurand, unit, phase, context, format, location, error code) is plain text, read by :mod:`.metering` and control.
Decoding checks every constraint, building a message in Python checks none: that is the type checker's part.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""JSON knows no width; ours is the database's."""
NotNegative = Annotated[int, Meta(ge=0, le=2**63 - 1)]
ConnectorId = NotNegative
"""Where we name a connector; 0 is the charge point itself. What a charger names is any integer: its starts, stops and
values must not be lost for an odd number, and control knows which connectors exist."""
OutletId = Annotated[int, Meta(ge=1, le=2**63 - 1)]
"""A connector that must be a real outlet."""
CiString20 = Annotated[str, Meta(max_length=20)]
CiString25 = Annotated[str, Meta(max_length=25)]
CiString50 = Annotated[str, Meta(max_length=50)]
CiString255 = Annotated[str, Meta(max_length=255)]
CiString500 = Annotated[str, Meta(max_length=500)]

AuthorizationStatus = Literal["Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"]
AvailabilityType = Literal["Inoperative", "Operative"]
ChargePointStatus = Literal[
    "Available",
    "Preparing",
    "Charging",
    "SuspendedEVSE",
    "SuspendedEV",
    "Finishing",
    "Reserved",
    "Unavailable",
    "Faulted",
]
ChargingProfileKind = Literal["Absolute", "Recurring", "Relative"]
ChargingProfilePurpose = Literal["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]
ChargingRateUnit = Literal["A", "W"]
Reason = Literal[
    "EmergencyStop",
    "EVDisconnected",
    "HardReset",
    "Local",
    "Other",
    "PowerLoss",
    "Reboot",
    "Remote",
    "SoftReset",
    "UnlockCommand",
    "DeAuthorized",
]
FirmwareStatus = Literal[
    "Downloaded",
    "DownloadFailed",
    "Downloading",
    "DownloadScheduled",
    "DownloadPaused",
    "Idle",
    "InstallationFailed",
    "Installing",
    "Installed",
    "InstallRebooting",
    "InstallScheduled",
    "InstallVerificationFailed",
    "InvalidSignature",
    "SignatureVerified",
]
"""OCPP 1.6's seven (§7.25) and what the security extension adds to them."""
RecurrencyKind = Literal["Daily", "Weekly"]
RegistrationStatus = Literal["Accepted", "Pending", "Rejected"]
ResetType = Literal["Hard", "Soft"]


class Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, gc=False):
    """What every message and part of one has: wire names in camelCase, absent members left out, no cycles."""


class Request(Part, frozen=True, kw_only=True):
    """A CALL's payload; *action* is its name on the wire."""

    action: ClassVar[str]


class Response(Part, frozen=True, kw_only=True):
    """A CALLRESULT's payload."""


Pairs = tuple[tuple[type[Request], type[Response]], ...]
"""One row per action: its request and its response."""


class IdTagInfo(Part, frozen=True, kw_only=True):
    """What an id tag may do (§7.27)."""

    expiry_date: str | None = None
    parent_id_tag: CiString20 | None = None
    status: AuthorizationStatus


class SampledValue(Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One number of a meter, as text (§7.43); what is absent has the specification's default."""

    value: str
    context: str | None = None
    format: str | None = None
    measurand: str | None = None
    phase: str | None = None
    location: str | None = None
    unit: str | None = None


class MeterValue(Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Numbers taken at one time (§7.33)."""

    timestamp: str
    sampled_value: tuple[SampledValue, ...]


class ChargingSchedulePeriod(Part, frozen=True, kw_only=True):
    """From *start_period* seconds after the schedule's start on, at most *limit* (§7.14)."""

    start_period: NotNegative
    limit: Annotated[float, Meta(ge=0)]
    """Amperes per phase or watts over all phases; at most one decimal. Always a float: written as ``6.0``."""
    number_phases: Annotated[int, Meta(ge=1, le=3)] | None = None


class ChargingSchedule(Part, frozen=True, kw_only=True):
    """Limits over time (§7.13)."""

    duration: NotNegative | None = None
    start_schedule: str | None = None
    charging_rate_unit: ChargingRateUnit
    charging_schedule_period: tuple[ChargingSchedulePeriod, ...]
    min_charging_rate: Annotated[float, Meta(ge=0)] | None = None


class ChargingProfile(Part, frozen=True, kw_only=True):
    """A schedule and what it is for (§7.8)."""

    charging_profile_id: Integer
    transaction_id: Integer | None = None
    stack_level: NotNegative
    charging_profile_purpose: ChargingProfilePurpose
    charging_profile_kind: ChargingProfileKind
    recurrency_kind: RecurrencyKind | None = None
    valid_from: str | None = None
    valid_to: str | None = None
    charging_schedule: ChargingSchedule


class KeyValue(Part, frozen=True, kw_only=True):
    """One configuration key of a charge point (§7.29). Only charge points send it, and some write more than the
    50 and 500 characters allowed: the frame's size is limit enough."""

    key: str
    readonly: bool
    value: str | None = None
