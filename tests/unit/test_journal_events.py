"""Whoever watches a journal relies on its events: they are documented as they are, and none is another one's double."""

from chargemon_edge.journald import message_id
from tests.unit import journal_events


def test_the_documented_events_are_those_of_the_code() -> None:
    document = journal_events.DOCUMENT.read_text()

    assert journal_events.written(document) == document, "try: make events"


def test_every_event_has_a_name_and_a_message_id_of_its_own() -> None:
    lines = journal_events.lines()
    events = {line.event for line in lines}

    assert len(lines) > 90
    assert [line.template for line in lines if not line.event] == []
    assert len({message_id(event) for event in events}) == len(events)


def test_message_ids_of_known_events_never_change() -> None:
    """Stored journals and monitors look for them."""
    assert message_id("link-opened") == "a69dc5544e7d58d2842ab76791c75c9b"
    assert message_id("transaction-stopped") == "61edb37f4e7f55eea9c3332d6b6c4bcc"
