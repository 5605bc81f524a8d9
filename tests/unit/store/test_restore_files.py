"""What is on disk of files comes back as it was; what has ended or gone does not."""

from __future__ import annotations

import sqlite3

from chargemon_edge.site import file_facts as facts
from chargemon_edge.site.facts import Fact
from chargemon_edge.store.restore_files import restore_files
from chargemon_edge.store.rows import ROWS
from tests.unit.store.file_samples import AT, delivery, image, ticket


def write(site: sqlite3.Connection, *new: Fact) -> None:
    for fact in new:
        for statement in ROWS[type(fact)](fact):
            site.execute(statement.sql, statement.parameters)


def test_everything_comes_back(site: sqlite3.Connection) -> None:
    unsigned = image(sha256="f" * 64, signature=None, signing_certificate=None, added_utc_ms=1)
    upload = ticket("ee", digest=b"\1" * 32, image_id=None, purpose="SecurityLog")
    write(site, facts.ImageAdded(at=AT, image=unsigned), facts.ImageAdded(at=AT, image=image()))
    write(site, facts.TicketIssued(at=AT, ticket=ticket()), facts.TicketIssued(at=AT, ticket=upload))
    write(site, facts.FileDelivered(at=AT, delivery=delivery(7), ticket_id="ee"))

    found = restore_files(site)
    assert found.images == (image(), unsigned)
    assert set(found.tickets) == {ticket(), upload}
    assert found.deliveries == (delivery(7),)
    assert found.next_delivery == 8


def test_what_has_ended_is_gone_and_no_number_comes_twice(site: sqlite3.Connection) -> None:
    write(site, facts.ImageAdded(at=AT, image=image()), facts.TicketIssued(at=AT, ticket=ticket()))
    write(site, facts.FileDelivered(at=AT, delivery=delivery(7), ticket_id="ee"))
    write(site, facts.ImageRemoved(at=AT, image_id=image().image_id, by="operator"))
    write(site, facts.TicketEnded(at=AT, ticket_id=ticket().ticket_id, charge_point="CP1", end="fetched"))
    write(site, facts.DeliveryRemoved(at=AT, number=7, charge_point="CP1", by="age"))

    found = restore_files(site)
    assert (found.images, found.tickets, found.deliveries) == ((), (), ())
    assert found.next_delivery == 8


def test_the_digest_of_a_token_is_in_no_event(site: sqlite3.Connection) -> None:
    write(site, facts.TicketIssued(at=AT, ticket=ticket()))

    (body,) = site.execute("SELECT body FROM event").fetchone()
    assert ticket().digest.hex() not in body
    assert "digest" not in body
