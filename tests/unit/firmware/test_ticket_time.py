"""Tickets are good for as long as they were said to be, also when our time is put right meanwhile."""

from __future__ import annotations

import pytest

from chargemon_edge.control.present import Present
from chargemon_edge.firmware.settings import FilesSettings
from chargemon_edge.firmware.tickets import Tickets
from chargemon_edge.firmware.transfers import Transfers
from chargemon_edge.site.clock_facts import ClockCorrected
from chargemon_edge.site.facts import Moment
from chargemon_edge.site.picture import SitePicture
from tests.unit.control.fakes import FakeJournal, two_chargers
from tests.unit.store.site_facts import StandingClock

YEAR_MS = 365 * 86_400_000


async def test_a_correction_of_our_time_neither_ends_nor_prolongs_a_ticket() -> None:
    clock = StandingClock()
    present = Present(two_chargers(), SitePicture(started=clock.now))
    tickets = Tickets(present, FakeJournal(), clock, ())
    since_ms = clock.now.utc_ms
    issued = await tickets.issue(
        "CP1", "HTTP", address="10.0.0.1", image_id=None, purpose="diagnostics", good_for_s=3_600, by="a test"
    )
    assert not isinstance(issued, Exception)
    token, ticket = issued
    transfers = Transfers(FilesSettings(), tickets, present, FakeJournal(), clock)
    running = transfers.begin(ticket, 0)
    clock.move(60)
    before_ms = clock.now.utc_ms

    clock.now = Moment(clock.now.mono_s, before_ms + YEAR_MS)
    present.apply(
        (
            ClockCorrected(
                at=clock.now,
                boot="",
                by_ms=YEAR_MS,
                offset_ms=0,
                source="chrony",
                doubted_since_utc_ms=since_ms,
                before_utc_ms=before_ms,
            ),
        )
    )

    assert tickets.find(token) is not None
    clock.move(3_500)
    assert tickets.find(token) is not None
    transfers.moved(running, 1, None)
    clock.move(41)
    assert tickets.find(token) is None
    with pytest.raises(TimeoutError):
        transfers.moved(running, 1, None)
