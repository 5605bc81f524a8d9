"""Which id tags may charge. Deny by default; comparison without case, as OCPP's CiString demands (OCPP 1.6 §7.15)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from chargemon_edge.ocpp.v16.messages import AuthorizationStatus


class IdTag(msgspec.Struct, frozen=True, kw_only=True):
    """One known id tag."""

    id_tag: str
    blocked: bool = False
    expiry_utc_ms: int | None = None
    parent_id_tag: str | None = None


class AuthorisationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Who may charge."""

    accept_unknown: bool = False
    """True: every tag that is not listed may charge (a private site without card control)."""
    id_tags: tuple[IdTag, ...] = ()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The answer about one tag, in OCPP's words (IdTagInfo, OCPP 1.6 §7.8)."""

    status: AuthorizationStatus
    expiry_utc_ms: int | None = None
    parent_id_tag: str | None = None


class Authorisation:
    """Answers for every tag."""

    def __init__(self, settings: AuthorisationSettings) -> None:
        self._accept_unknown = settings.accept_unknown
        self._known = _by_folded_tag(settings.id_tags)

    def verdict(self, id_tag: str, now_utc_ms: int) -> Verdict:
        """What to answer a charge point that asks about *id_tag* now."""
        known = self._known.get(id_tag.strip().casefold())
        if known is None:
            return Verdict(status="Accepted" if self._accept_unknown else "Invalid")
        status: AuthorizationStatus = "Accepted"
        if known.blocked:
            status = "Blocked"
        elif known.expiry_utc_ms is not None and known.expiry_utc_ms <= now_utc_ms:
            status = "Expired"
        return Verdict(status=status, expiry_utc_ms=known.expiry_utc_ms, parent_id_tag=known.parent_id_tag)


def _by_folded_tag(id_tags: Sequence[IdTag]) -> dict[str, IdTag]:
    return {tag.id_tag.strip().casefold(): tag for tag in id_tags}
