"""Facts about files for and from charge points → rows of the site's file. No event tells a token or its digest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from chargemon_edge.site import file_facts as facts
from chargemon_edge.site.facts import Fact
from chargemon_edge.store.event import event
from chargemon_edge.store.security_event import security_event
from chargemon_edge.store.statement import Statement

_IMAGE = (
    "INSERT INTO firmware_image (sha256, image_id, size_bytes, file_name, vendor, models, version, from_versions, "
    "signature, signing_certificate, added_utc_ms, added_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT DO NOTHING"
)
_IMAGE_GONE = "DELETE FROM firmware_image WHERE image_id = ?"
_TICKET = (
    "INSERT INTO file_ticket (ticket_id, charge_point, digest, protocol, address, image_id, purpose, issued_utc_ms, "
    "expires_utc_ms, issued_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_TICKET_ENDED = "DELETE FROM file_ticket WHERE ticket_id = ?"
_DELIVERY = (
    "INSERT INTO delivery (number, charge_point, purpose, file_name, size_bytes, sha256, received_utc_ms) "
    "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_DELIVERY_GONE = "DELETE FROM delivery WHERE number = ?"


def _image_added(fact: facts.ImageAdded) -> tuple[Statement, ...]:
    image = fact.image
    row = (
        image.sha256,
        image.image_id,
        image.size_bytes,
        image.file_name,
        image.vendor,
        msgspec.json.encode(image.models).decode(),
        image.version,
        image.from_versions,
        image.signature,
        image.signing_certificate,
        image.added_utc_ms,
        image.added_by,
    )
    told = event(
        fact,
        None,
        image_id=image.image_id,
        vendor=image.vendor,
        version=image.version,
        signed=image.signature is not None,
        by=image.added_by,
    )
    detail = f"{image.vendor} {image.version}, SHA-256 {image.sha256}"
    return (Statement(_IMAGE, row), *security_event(fact, "firmware image added", image.added_by, detail), told)


def _image_removed(fact: facts.ImageRemoved) -> tuple[Statement, ...]:
    noted = security_event(fact, "firmware image removed", fact.by, fact.image_id)
    return (Statement(_IMAGE_GONE, (fact.image_id,)), *noted, event(fact, None, image_id=fact.image_id, by=fact.by))


def _ticket_issued(fact: facts.TicketIssued) -> tuple[Statement, ...]:
    ticket = fact.ticket
    row = (
        ticket.ticket_id,
        ticket.charge_point,
        ticket.digest,
        ticket.protocol,
        ticket.address,
        ticket.image_id,
        ticket.purpose,
        ticket.issued_utc_ms,
        ticket.expires_utc_ms,
        ticket.by,
    )
    told = event(
        fact,
        ticket.charge_point,
        ticket_id=ticket.ticket_id,
        protocol=ticket.protocol,
        image_id=ticket.image_id,
        purpose=ticket.purpose or None,
        by=ticket.by,
    )
    return (Statement(_TICKET, row), told)


def _ticket_ended(fact: facts.TicketEnded) -> tuple[Statement, ...]:
    told = event(fact, fact.charge_point, ticket_id=fact.ticket_id, end=fact.end)
    return (Statement(_TICKET_ENDED, (fact.ticket_id,)), told)


def _transfer_ended(fact: facts.TransferEnded) -> tuple[Statement, ...]:
    return (
        event(
            fact,
            fact.charge_point,
            ticket_id=fact.ticket_id,
            first_byte=fact.first_byte,
            bytes_moved=fact.bytes_moved,
            whole=fact.whole,
            detail=fact.detail,
        ),
    )


def _delivered(fact: facts.FileDelivered) -> tuple[Statement, ...]:
    one = fact.delivery
    row = (one.number, one.charge_point, one.purpose, one.file_name, one.size_bytes, one.sha256, one.received_utc_ms)
    told = event(
        fact,
        one.charge_point,
        number=one.number,
        purpose=one.purpose,
        file_name=one.file_name,
        size_bytes=one.size_bytes,
        ticket_id=fact.ticket_id,
    )
    return (Statement(_DELIVERY, row), told)


def _delivery_removed(fact: facts.DeliveryRemoved) -> tuple[Statement, ...]:
    told = event(fact, fact.charge_point, number=fact.number, by=fact.by)
    return (Statement(_DELIVERY_GONE, (fact.number,)), told)


ROWS: dict[type[Fact], Callable[[Any], tuple[Statement, ...]]] = {
    facts.ImageAdded: _image_added,
    facts.ImageRemoved: _image_removed,
    facts.TicketIssued: _ticket_issued,
    facts.TicketEnded: _ticket_ended,
    facts.TransferEnded: _transfer_ended,
    facts.FileDelivered: _delivered,
    facts.DeliveryRemoved: _delivery_removed,
}

# a ticket may end, and a delivery go, in the group that made it; an image goes only once it was durable, and before the
# same one comes again
STATEMENTS: tuple[str, ...] = (_IMAGE_GONE, _IMAGE, _TICKET, _TICKET_ENDED, _DELIVERY, _DELIVERY_GONE)
"""This file's SQL, in the order in which a group is written."""
