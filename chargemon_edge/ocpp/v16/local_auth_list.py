"""OCPP 1.6's Local Authorization List Management profile: id tags that a charge point keeps itself (§3.5, §5.15)."""

from __future__ import annotations

from typing import ClassVar, Literal

from chargemon_edge.ocpp.v16.types import CiString20, IdTagInfo, Integer, Pairs, Part, Request, Response

UpdateType = Literal["Differential", "Full"]


class AuthorizationData(Part, frozen=True, kw_only=True):
    """One id tag of a list (§7.1); in a differential one without *id_tag_info* it is to be taken out."""

    id_tag: CiString20
    id_tag_info: IdTagInfo | None = None


class GetLocalListVersionRequest(Request, frozen=True, kw_only=True):
    """Which list do you have? (§5.10, §6.27)"""

    action: ClassVar[str] = "GetLocalListVersion"


class GetLocalListVersionResponse(Response, frozen=True, kw_only=True):
    """§6.28; 0: the list is empty, -1: local lists are not supported."""

    list_version: Integer


class SendLocalListRequest(Request, frozen=True, kw_only=True):
    """The whole list, or what changes in it, which makes it *list_version* (§5.15, §6.41)."""

    action: ClassVar[str] = "SendLocalList"
    list_version: Integer
    local_authorization_list: tuple[AuthorizationData, ...] | None = None
    update_type: UpdateType


class SendLocalListResponse(Response, frozen=True, kw_only=True):
    """§6.42"""

    status: Literal["Accepted", "Failed", "NotSupported", "VersionMismatch"]


FROM_CHARGE_POINT: Pairs = ()
TO_CHARGE_POINT: Pairs = (
    (GetLocalListVersionRequest, GetLocalListVersionResponse),
    (SendLocalListRequest, SendLocalListResponse),
)
