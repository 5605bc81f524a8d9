"""Rows → the library of firmware, the tickets that hold, and what was delivered. Reads only."""

from __future__ import annotations

import sqlite3

import msgspec

from chargemon_edge.control.ports import RestoredFiles
from chargemon_edge.site.file_facts import Delivery, Ticket
from chargemon_edge.site.image import Image


def restore_files(site: sqlite3.Connection) -> RestoredFiles:
    """What the disk knows of files; whether the files themselves are there, their keeper sees."""
    images = tuple(
        Image(
            sha256=row[0],
            size_bytes=row[1],
            file_name=row[2],
            vendor=row[3],
            models=msgspec.json.decode(row[4], type=tuple[str, ...]),
            version=row[5],
            from_versions=row[6],
            signature=row[7],
            signing_certificate=row[8],
            added_utc_ms=row[9],
            added_by=row[10],
        )
        for row in site.execute(
            "SELECT sha256, size_bytes, file_name, vendor, models, version, from_versions, signature, "
            "signing_certificate, added_utc_ms, added_by FROM firmware_image ORDER BY added_utc_ms DESC"
        )
    )
    tickets = tuple(
        Ticket(
            ticket_id=row[0],
            charge_point=row[1],
            digest=row[2],
            protocol=row[3],
            address=row[4],
            image_id=row[5],
            purpose=row[6],
            issued_utc_ms=row[7],
            expires_utc_ms=row[8],
            by=row[9],
        )
        for row in site.execute(
            "SELECT ticket_id, charge_point, digest, protocol, address, image_id, purpose, issued_utc_ms, "
            "expires_utc_ms, issued_by FROM file_ticket"
        )
    )
    deliveries = tuple(
        Delivery(
            number=row[0],
            charge_point=row[1],
            purpose=row[2],
            file_name=row[3],
            size_bytes=row[4],
            sha256=row[5],
            received_utc_ms=row[6],
        )
        for row in site.execute(
            "SELECT number, charge_point, purpose, file_name, size_bytes, sha256, received_utc_ms FROM delivery "
            "ORDER BY number"
        )
    )
    row = site.execute("SELECT seq FROM sqlite_sequence WHERE name = 'delivery'").fetchone()
    return RestoredFiles(
        images=images, tickets=tickets, deliveries=deliveries, next_delivery=1 if row is None else row[0] + 1
    )
