"""OCPP 1.6's Reservation profile: keep a connector, or any one of a charge point, for an id tag (§5.1, §5.13)."""

from __future__ import annotations

from typing import ClassVar, Literal

from chargemon_edge.ocpp.v16.types import CiString20, ConnectorId, Integer, Pairs, Request, Response


class CancelReservationRequest(Request, frozen=True, kw_only=True):
    """Give it free again (§5.1, §6.5)."""

    action: ClassVar[str] = "CancelReservation"
    reservation_id: Integer


class CancelReservationResponse(Response, frozen=True, kw_only=True):
    """§6.6; Rejected: there is no reservation with this id."""

    status: Literal["Accepted", "Rejected"]


class ReserveNowRequest(Request, frozen=True, kw_only=True):
    """Reserve a connector, or with 0 any one of them, until *expiry_date* (§5.13, §6.37).

    An id that the charge point knows already replaces that reservation.
    """

    action: ClassVar[str] = "ReserveNow"
    connector_id: ConnectorId
    expiry_date: str
    id_tag: CiString20
    parent_id_tag: CiString20 | None = None
    reservation_id: Integer


class ReserveNowResponse(Response, frozen=True, kw_only=True):
    """§6.38"""

    status: Literal["Accepted", "Faulted", "Occupied", "Rejected", "Unavailable"]


FROM_CHARGE_POINT: Pairs = ()
TO_CHARGE_POINT: Pairs = (
    (CancelReservationRequest, CancelReservationResponse),
    (ReserveNowRequest, ReserveNowResponse),
)
