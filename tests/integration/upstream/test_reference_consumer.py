"""The consumer of ``examples/`` on a real mosquitto: it ends with everything, whatever it has missed."""

from __future__ import annotations

import asyncio
from pathlib import Path

from chargemon_edge.control.ports import moment
from chargemon_edge.site import facts
from tests.integration.upstream.archive import CONSUMER, Archive
from tests.integration.upstream.broker import Broker, listening
from tests.integration.upstream.running import Running, running, settings
from tests.waiting import until


class Story:
    """Transactions that start on a site, one after the other."""

    def __init__(self) -> None:
        self.told = 0

    async def go_on(self, site: Running, count: int) -> None:
        for _ in range(count - 1):
            self.told += 1
            site.happen(site.started(self.told))
        self.told += 1
        await site.commit(site.started(self.told))

    async def until_heard(self, site: Running, archive: Archive) -> None:
        """Go on until the archive listens."""
        before = self.told
        while all(event.d.get("transaction_id", 0) <= before for event in archive.events()[-1:]):
            await self.go_on(site, 1)
            await asyncio.sleep(0.2)


def test_it_is_short_enough_to_be_read() -> None:
    assert len(CONSUMER.read_text().splitlines()) <= 150


async def test_it_finds_what_it_has_missed(tmp_path: Path, broker: Broker) -> None:
    """Before it first came, while it was dead and the broker forgot, and the tail of an epoch."""
    archive, story = Archive(tmp_path, broker.port), Story()
    upstream = settings(broker.port)
    # the broker acknowledges all of these, and nobody stores them
    async with running(tmp_path, upstream) as site:
        await story.go_on(site, 60)
        await until(lambda: site.uplink.standings()[0].backlog == 0)
    with archive, listening(broker) as operator:
        async with running(tmp_path, upstream) as site:
            await until(lambda: site.uplink.standings()[0].connected)
            await story.go_on(site, 40)
            await story.until_heard(site, archive)
            await until(lambda: archive.count() == story.told + 2 and archive.is_complete(), 45)
            # dead, and the broker loses its session
            archive.kill()
            broker.stop()
            broker.forget()
            broker.start()
            await until(lambda: site.uplink.standings()[0].connected, 30)
            await story.go_on(site, 50)
            await until(lambda: site.uplink.standings()[0].backlog == 0, 30)
            assert archive.count() < story.told
            archive.start()
            await story.until_heard(site, archive)
            await until(lambda: archive.count() == story.told + 2 and archive.is_complete(), 45)
        assert operator.on("/ev/replay")

    events = archive.events()
    started = [event.d["transaction_id"] for event in events if event.kind == "tx.start"]
    assert started == list(range(1, story.told + 1))
    (first, second) = sorted({event.ep for event in events})
    last = story.told - 60 + 1
    assert [(event.ep, event.s) for event in events] == [
        *((first, s) for s in range(1, 62)),
        *((second, s) for s in range(1, last + 1)),
    ]
    assert archive.epochs() == [(first, 61, 61), (second, last, last)]
    assert archive.gaps() == []


async def test_what_is_not_sent_to_it_is_no_hole(tmp_path: Path, broker: Broker) -> None:
    upstream, story = settings(broker.port, events=("tx.*",)), Story()
    with Archive(tmp_path, broker.port) as archive:
        for _ in range(2):
            async with running(tmp_path, upstream) as site:
                await until(lambda: site.uplink.standings()[0].connected)
                gone = facts.LinkClosed(at=moment(site.clock), charge_point="YARD", reason="test")
                await site.commit(gone)
                await story.until_heard(site, archive)
                # the last numbers of an epoch, too
                await site.commit(gone, gone)
                await until(lambda: site.uplink.standings()[0].backlog == 0)
                await until(lambda: archive.count() >= story.told and archive.is_complete(), 45)
    assert {event.kind for event in archive.events()} == {"sys.start", "tx.start"}
    ((ep, done, last), _) = archive.epochs()
    assert done == last
    assert archive.gaps()[-1] == (ep, last - 1, last, "not sent to you")
