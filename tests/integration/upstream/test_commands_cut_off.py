"""A command while the daemon dies, at every step of its way: the right verdict, and at most one effect.

The way is: on disk, acknowledged to the broker, on disk that it begins, sent to the charge point, on disk what came of
it, said. The daemon stops for good at the step; whatever was not on disk by then is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chargemon_edge.control.ports import Answered, Journal
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.sim.daemon import LoopClock
from chargemon_edge.site.facts import Fact, TransactionStarted, TransactionStopped
from chargemon_edge.site.upstream_facts import CommandBegun, CommandEnded, CommandTaken
from tests.integration.upstream.broker_double import BrokerDouble, broker_double
from tests.integration.upstream.running import Running, running, settings
from tests.integration.upstream.test_broker_double import EPOCH_S, PATIENT_S, fast
from tests.waiting import until

COMMAND = {"id": "command-1", "op": "reset", "tgt": {"cp": "YARD"}, "args": {"type": "Soft"}}


class CutJournal:
    """The disk until the daemon dies: with the first fact of *kind*, just before it is durable or just after."""

    def __init__(self, journal: Journal, kind: type[Fact], *, durable: bool) -> None:
        self._journal = journal
        self._kind = kind
        self._durable = durable
        self.is_dead = False

    def commit(self, new: Sequence[Fact], done: Callable[[Exception | None], None]) -> None:
        if self.is_dead:
            return
        if any(isinstance(fact, self._kind) for fact in new):
            self.is_dead = True
            if self._durable:
                # nobody lives to hear of it
                self._journal.commit(new, lambda _error: None)
            return
        self._journal.commit(new, done)

    def record(self, new: Iterable[Fact]) -> None:
        if not self.is_dead:
            self._journal.record(new)

    def find_start(
        self, charge_point: str, connector: int, id_tag: str, started_text: str, meter_start_wh: int
    ) -> TransactionStarted | None:
        return self._journal.find_start(charge_point, connector, id_tag, started_text, meter_start_wh)

    def find_transaction(self, transaction_id: int) -> tuple[TransactionStarted, TransactionStopped | None] | None:
        return self._journal.find_transaction(transaction_id)


@asynccontextmanager
async def site_on(
    broker: BrokerDouble, directory: Path, around: Callable[[Journal], Journal] = lambda journal: journal
) -> AsyncIterator[Running]:
    upstream = settings(broker.port, commands=("reset",), keepalive_s=60, telemetry=False)
    async with running(directory, upstream, clock=LoopClock(EPOCH_S), around=around) as site:
        site.charge_points.answers["Reset"] = Answered(response=m.ResetResponse(status="Accepted"), sent_mono_s=0.0)
        await until(lambda: site.uplink.standings()[0].connected, PATIENT_S)
        yield site


def said(broker: BrokerDouble) -> list[str]:
    return [message.body["state"] for message in broker.on("/res")]


@pytest.mark.parametrize(
    ("kind", "durable", "effects", "state"),
    [
        (CommandTaken, False, (0, 1), "done"),
        (CommandTaken, True, (0, 1), "done"),
        (CommandBegun, False, (0, 1), "done"),
        (CommandBegun, True, (0, 0), "unknown"),
        (CommandEnded, False, (1, 0), "unknown"),
        (CommandEnded, True, (1, 0), "done"),
    ],
    ids=["before it is taken", "taken", "before it begins", "begun", "before its end", "ended"],
)
def test_at_every_step(tmp_path: Path, kind: type[Fact], durable: bool, effects: tuple[int, int], state: str) -> None:
    @fast
    async def run(folder: Path) -> None:
        cuts: list[CutJournal] = []

        def cut(journal: Journal) -> Journal:
            cuts.append(CutJournal(journal, kind, durable=durable))
            return cuts[-1]

        async with broker_double() as broker:
            async with site_on(broker, folder, cut) as site:
                broker.say("cm/v1/hof-7/in/cmd", COMMAND)
                await until(lambda: cuts[0].is_dead, PATIENT_S)
                await asyncio.sleep(2.0)
                assert "done" not in said(broker)
            first = len(site.charge_points.asked)
            acknowledged = not broker.sessions["cm-hof-7"].unacknowledged
            async with site_on(broker, folder) as site:
                if acknowledged:
                    await until(lambda: state in said(broker) or (durable and kind is CommandEnded), PATIENT_S)
                # whoever asks again hears the same
                broker.messages.clear()
                broker.say("cm/v1/hof-7/in/cmd", COMMAND)
                await until(lambda: state in said(broker), PATIENT_S)
                await asyncio.sleep(5.0)
            second = len(site.charge_points.asked)

        assert (first, second) == effects
        # not before it was on disk
        assert acknowledged is not (kind is CommandTaken)
        assert said(broker)[-1] == state

    run(tmp_path)


@fast
async def test_an_acknowledgement_that_is_lost_repeats_nothing(tmp_path: Path) -> None:
    async with broker_double() as broker:
        broker.knobs.hears_acknowledgements = False
        async with site_on(broker, tmp_path) as site:
            broker.say("cm/v1/hof-7/in/cmd", COMMAND)
            await until(lambda: "done" in said(broker), PATIENT_S)
            assert len(site.charge_points.asked) == 1
        broker.messages.clear()
        broker.knobs.hears_acknowledgements = True
        async with site_on(broker, tmp_path) as site:
            await until(lambda: "done" in said(broker), PATIENT_S)
            assert site.charge_points.asked == []
            await until(lambda: not broker.sessions["cm-hof-7"].unacknowledged, PATIENT_S)
