"""One fact of each kind about files for and from charge points."""

from __future__ import annotations

from typing import Any

from chargemon_edge.site import file_facts as facts
from chargemon_edge.site.facts import Fact, Moment
from chargemon_edge.site.image import Image

UTC_MS = 1_800_000_000_000
AT = Moment(1000.0, UTC_MS)


def image(**changes: Any) -> Image:
    members: dict[str, Any] = {
        "sha256": "0123456789abcdef" * 4,
        "size_bytes": 1_048_576,
        "file_name": "pulsar-5.2.bin",
        "vendor": "Wallbox*",
        "models": ("Pulsar*", "Copper*"),
        "version": "5.2.0",
        "from_versions": ">= 4, < 5.2",
        "signature": "c2lnbmF0dXJl",
        "signing_certificate": "-----BEGIN CERTIFICATE-----\n",
        "added_utc_ms": UTC_MS,
        "added_by": "command line",
    }
    return Image(**{**members, **changes})


def ticket(ticket_id: str = "00aa11bb22cc33dd", **changes: Any) -> facts.Ticket:
    members: dict[str, Any] = {
        "charge_point": "CP1",
        "digest": bytes(range(32)),
        "protocol": "HTTP",
        "address": "192.0.2.10",
        "image_id": "0123456789abcdef",
        "issued_utc_ms": UTC_MS,
        "expires_utc_ms": UTC_MS + 3_600_000,
        "by": "command line",
    }
    return facts.Ticket(ticket_id=ticket_id, **{**members, **changes})


def delivery(number: int = 1, **changes: Any) -> facts.Delivery:
    members: dict[str, Any] = {
        "charge_point": "CP1",
        "purpose": "Diagnostics",
        "file_name": "diagnostics.tar.gz",
        "size_bytes": 20_000,
        "sha256": "ab" * 32,
        "received_utc_ms": UTC_MS,
    }
    return facts.Delivery(number=number, **{**members, **changes})


FILES: tuple[Fact, ...] = (
    facts.ImageAdded(at=AT, image=image()),
    facts.ImageRemoved(at=AT, image_id="fedcba9876543210", by="command line"),
    facts.TicketIssued(at=AT, ticket=ticket()),
    facts.TicketEnded(at=AT, ticket_id="ffffffffffffffff", charge_point="CP1", end="expired"),
    facts.FileProgressed(at=AT, ticket_id="00aa11bb22cc33dd", charge_point="CP1", bytes_done=1, size_bytes=2),
    facts.TransferEnded(
        at=AT,
        ticket_id="00aa11bb22cc33dd",
        charge_point="CP1",
        first_byte=0,
        bytes_moved=65_536,
        whole=False,
        detail="the charge point left",
    ),
    facts.FileDelivered(at=AT, delivery=delivery(), ticket_id="11aa22bb33cc44dd"),
    facts.DeliveryRemoved(at=AT, number=99, charge_point="CP1", by="command line"),
)
