"""What a charge point's configuration keys say of its local list and its authorisation cache. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from chargemon_edge.ocpp.local_list import SEND_MAX, Limits

KEYS = (
    "SupportedFeatureProfiles",
    "LocalAuthListEnabled",
    "LocalAuthListMaxLength",
    "SendLocalListMaxLength",
    "AuthorizationCacheEnabled",
)
"""What is asked of it (§9)."""

_PROFILE = "localauthlistmanagement"


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    """What it can do with lists."""

    supported: bool = True
    """False: it names its feature profiles, and local lists are not among them. Silence is no denial."""
    enabled: bool = True
    """False: it supports lists and has them switched off."""
    cache: bool = False
    """It answers from a cache; without the key there is none."""
    limits: Limits = Limits()


def abilities(keys: Mapping[str, str | None]) -> Abilities:
    """By the keys it told; their names without regard to case, numbers and truths as charge points write them."""
    told = {key.strip().casefold(): (value or "").strip() for key, value in keys.items()}
    profiles = told.get("supportedfeatureprofiles")
    enabled = told.get("localauthlistenabled")
    named = profiles is None or _PROFILE in profiles.casefold().replace(" ", "")
    return Abilities(
        supported=named or enabled is not None,
        enabled=enabled is None or _is_true(enabled),
        cache=_is_true(told.get("authorizationcacheenabled", "")),
        limits=Limits(
            entries_max=_count(told.get("localauthlistmaxlength")),
            send_max=_count(told.get("sendlocallistmaxlength")) or SEND_MAX,
        ),
    )


def _is_true(value: str) -> bool:
    return value.casefold() in ("true", "1")


def _count(value: str | None) -> int | None:
    """A positive number; what cannot be one says nothing."""
    if value is None or not value.isascii() or not value.isdigit() or len(value) > 9:
        return None
    return int(value) or None
