"""Files for and from charge points: images that were added, files that were offered, fetched and delivered, as facts.

A ticket is the right of one charge point to fetch or deliver one file at one address for a while. The address holds a
token that is known to nobody but the charge point; what is kept of it is its digest.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from chargemon_edge.site.facts import Fact
from chargemon_edge.site.file_protocol import FileProtocol
from chargemon_edge.site.image import Image

TicketEnd = Literal["fetched", "delivered", "expired", "withdrawn"]


class ImageAdded(Fact, frozen=True, kw_only=True, gc=False):
    """The library holds one image more."""

    image: Image


class ImageRemoved(Fact, frozen=True, kw_only=True, gc=False):
    """It holds it no more."""

    image_id: str
    by: str


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """The right to one file."""

    ticket_id: str
    charge_point: str
    digest: bytes
    """SHA-256 of the token."""
    protocol: FileProtocol
    address: str
    """The charge point's, when it was issued."""
    image_id: str | None = None
    """To fetch this image; None: to deliver a file."""
    purpose: str = ""
    """Of a file to deliver: ``Diagnostics``, ``DiagnosticsLog`` or ``SecurityLog``."""
    issued_utc_ms: int
    expires_utc_ms: int
    by: str


class TicketIssued(Fact, frozen=True, kw_only=True, gc=False):
    """A charge point may fetch or deliver a file."""

    ticket: Ticket


class TicketEnded(Fact, frozen=True, kw_only=True, gc=False):
    """Its address opens nothing any more. ``fetched``: every byte has arrived, by TCP's own account."""

    ticket_id: str
    charge_point: str
    end: TicketEnd


class FileProgressed(Fact, frozen=True, kw_only=True, gc=False):
    """A transfer goes on. Told now and then, never recorded."""

    ticket_id: str
    charge_point: str
    bytes_done: int
    size_bytes: int | None
    """None: the charge point has not said how much it will deliver."""


class TransferEnded(Fact, frozen=True, kw_only=True, gc=False):
    """One request of a charge point for a file is over: the first, a repeat, or one that goes on from the middle."""

    ticket_id: str
    charge_point: str
    first_byte: int
    bytes_moved: int
    whole: bool
    """All that was asked for came over."""
    detail: str
    """In words."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a charge point has delivered. On disk it is called by its number alone."""

    number: int
    charge_point: str
    purpose: str
    file_name: str
    """As the charge point called it, without anything that is more than a name. For people."""
    size_bytes: int
    sha256: str
    received_utc_ms: int


class FileDelivered(Fact, frozen=True, kw_only=True, gc=False):
    """A charge point's file lies here, whole."""

    delivery: Delivery
    ticket_id: str


class DeliveryRemoved(Fact, frozen=True, kw_only=True, gc=False):
    """It does no more: removed by a person, or by the bounds on age and room."""

    number: int
    charge_point: str
    by: str
