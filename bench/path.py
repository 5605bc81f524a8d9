"""Where a message's processor time goes: every kind of message through the real rooms, one room more at a time.

No sockets and no second process: the bytes of each frame are put where the event loop would put them, and what is
written is caught at the transport. So the kernel and the loop's own work per socket are not in these figures
(:mod:`bench.messages` has them), and what a change adds to a message shows undisturbed. The rungs:

*wire*: bytes to message and back. *link*: OCPP-J, types, the recorder, and the way back, with answers that are ready
made. *requests*: what the request means, the picture and its followers, without a disk. *store*: the shipped whole, on
the loop; *writer* is what its thread takes beside that.

All charge points send the same step of their session at once, as a hundred in a closed loop nearly do. Processor time
of the threads counts, not the time that passes; the reference is a plain ``json.loads`` of the same frames.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import logging
import os
import re
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

from bench import daemon
from bench.figures import Figure, show
from bench.load import frame
from bench.session import TRANSACTION_ID_PLACE, messages
from chargemon_edge import log
from chargemon_edge.balancing.regulator import Regulator
from chargemon_edge.clock import SystemClock
from chargemon_edge.config import Settings, load_file
from chargemon_edge.control.balance import Balance
from chargemon_edge.control.cards import Cards
from chargemon_edge.control.charger_models import ChargerModels
from chargemon_edge.control.commissioning import Commissioning
from chargemon_edge.control.configuration_memory import ConfigurationMemory
from chargemon_edge.control.contact import Contact
from chargemon_edge.control.ports import Journal, LinkEnds, Ordinary, Reception, Refusal, Restored, moment
from chargemon_edge.control.present import Present
from chargemon_edge.control.requests import Requests
from chargemon_edge.csms.connection import Connection
from chargemon_edge.csms.directory import Directory
from chargemon_edge.csms.outgoing import Outgoing
from chargemon_edge.csms.recorder import Recorder
from chargemon_edge.csms.wire import Wire
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.ocpp.v16.repeated_values import MeasuredValues
from chargemon_edge.site.facts import Fact, TransactionStarted, TransactionStopped
from chargemon_edge.site.picture import SitePicture
from chargemon_edge.store.journal import open_store

_TRANSACTION_ID = re.compile(rb'"transactionId":(-?\d+)')
_BUFFER_BYTES = 65_536


class Socket:
    """What a wire knows as its transport: takes bytes and keeps the last."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        """It is sent."""
        self.written.append(data)

    def set_write_buffer_limits(self, high: int) -> None:
        """Never reached here."""

    def pause_reading(self) -> None:
        raise AssertionError("the site of the benchmark has no rate limits")

    def abort(self) -> None:
        """It is closed."""

    close = abort


class Rung:
    """As many links as there are charge points, with some of the rooms behind them."""

    def __init__(self, settings: Settings) -> None:
        self.sockets = [Socket() for _ in settings.chargers.charge_points]
        self.wires: list[Wire] = []
        self._settings = settings
        self._buffer = bytearray(_BUFFER_BYTES)
        self._outgoing = Outgoing()
        self._clock = SystemClock()

    def receive(self, index: int, data: bytes) -> None:
        """The event loop has read *data* from that charge point's socket."""
        wire = self.wires[index]
        wire.get_buffer(-1)[: len(data)] = data
        wire.buffer_updated(len(data))

    def close(self) -> None:
        """End every link."""
        for wire in self.wires:
            wire.end("done", None)
            wire.connection_lost(None)


class WireRung(Rung):
    """Frames, and an answer of constant bytes."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        for socket in self.sockets:
            self.wires.append(
                Wire(
                    cast("asyncio.Transport", socket),
                    _Echo(self, len(self.wires)),
                    settings=settings.chargers,
                    clock=self._clock,
                    buffer=self._buffer,
                    outgoing=self._outgoing,
                    name="bench",
                )
            )


class _Echo:
    def __init__(self, rung: Rung, index: int) -> None:
        self._rung = rung
        self._index = index

    def message(self, data: bytes, now_s: float) -> None:
        """A message came."""
        self._rung.wires[self._index].send(b'[3,"00000001",{"transactionId":1}]')

    def writable(self) -> None:
        """Never asked."""

    def ended(self, reason: str) -> None:
        """Closed."""

    def gone(self) -> None:
        """Closed."""


class LinkRung(Rung):
    """Links with whatever reception."""

    def __init__(self, settings: Settings, reception: Reception) -> None:
        super().__init__(settings)
        self._recorder = Recorder(self._clock)
        self._reception = reception
        for access, socket in zip(settings.chargers.charge_points, self.sockets, strict=True):
            connection = Connection(
                access,
                "127.0.0.1:1",
                cast("asyncio.Transport", socket),
                settings=settings.chargers,
                reception=reception,
                clock=self._clock,
                keeper=self,
                buffer=self._buffer,
                outgoing=self._outgoing,
                quirks=Ordinary().quirks(access.identity),
                tape=self._recorder.tape(access.identity),
                ends=LinkEnds(theirs="127.0.0.1", ours="127.0.0.1", profile=0),
            )
            self.wires.append(connection.wire)
            reception.link_opened(access.identity, connection.remote, known=True)

    def link_ended(self, connection: Connection, reason: str) -> None:
        """A link is closed."""
        self._reception.link_closed(connection.identity, reason)

    def socket_gone(self, connection: Connection) -> None:
        """So is its socket."""


class _ReadyMade:
    """A reception that knows every answer beforehand."""

    _ANSWERS: ClassVar[dict[type[m.Request], m.Response]] = {
        m.BootNotificationRequest: m.BootNotificationResponse(
            status="Accepted", current_time="2026-01-01T00:00:00.000Z", interval=300
        ),
        m.StatusNotificationRequest: m.StatusNotificationResponse(),
        m.AuthorizeRequest: m.AuthorizeResponse(id_tag_info=m.IdTagInfo(status="Accepted")),
        m.StartTransactionRequest: m.StartTransactionResponse(
            id_tag_info=m.IdTagInfo(status="Accepted"), transaction_id=1
        ),
        m.MeterValuesRequest: m.MeterValuesResponse(),
        MeasuredValues: m.MeterValuesResponse(),
        m.HeartbeatRequest: m.HeartbeatResponse(current_time="2026-01-01T00:00:00.000Z"),
        m.StopTransactionRequest: m.StopTransactionResponse(id_tag_info=m.IdTagInfo(status="Accepted")),
    }

    def requested(
        self, charge_point: str, request: m.Request, raw: bytes, reply: Callable[[m.Response | Refusal], None]
    ) -> None:
        """Answer at once."""
        reply(self._ANSWERS[type(request)])

    def link_opened(self, charge_point: str, remote: str, **_: Any) -> None:
        """Of no interest."""

    def link_closed(self, charge_point: str, reason: str) -> None:
        """Of no interest."""

    def noticed(self, event: str, source: str, detail: str) -> None:
        """Of no interest."""

    def commissioning(self) -> bool:
        """Nobody unknown comes."""
        return False


class _NoDisk:
    """A journal that keeps nothing."""

    def commit(self, new: Sequence[Fact], done: Callable[[Exception | None], None]) -> None:
        """As if it were durable already."""
        done(None)

    def record(self, new: Iterable[Fact]) -> None:
        """Forgotten."""

    def find_start(self, *_: object) -> TransactionStarted | None:
        """No start is a repeat."""
        return None

    def find_transaction(self, transaction_id: int) -> tuple[TransactionStarted, TransactionStopped | None] | None:
        """Nothing is known."""
        return None


def reception(settings: Settings, journal: Journal, restored: Restored) -> Reception:
    """Requests as :mod:`chargemon_edge.app` builds them, followers of the picture included."""
    clock = SystemClock()
    present = Present(settings.site, restored.picture)
    keys = ConfigurationMemory(present, restored.devices)
    models = ChargerModels(settings.catalogue, settings.models, present, keys)
    directory = Directory(clock)
    cards = Cards(settings.authorisation, present, directory, journal, clock, restored.cards, rules_of=models.tag_rules)
    Contact(present=present, charge_points=directory, journal=journal, clock=clock, models=models)
    Balance(
        present=present,
        regulator=Regulator(settings.site, settings.balancing),
        charge_points=directory,
        journal=journal,
        clock=clock,
        policy=settings.balancing,
        models=models,
    )
    return Requests(
        present=present,
        journal=journal,
        authorisation=cards.authorisation,
        commissioning=Commissioning(clock),
        clock=clock,
        next_transaction_id=restored.next_transaction_id,
        heartbeat_interval_s=settings.chargers.heartbeat_interval_s,
    )


class Spent:
    """Processor time by action."""

    def __init__(self) -> None:
        # per message: the loop's thread, and all others
        self.loop_us: dict[str, list[float]] = defaultdict(list)
        self.others_us: dict[str, list[float]] = defaultdict(list)

    def add(self, action: str, count: int, loop_s: float, all_s: float) -> None:
        """*count* messages took so long."""
        self.loop_us[action].append(1e6 * loop_s / count)
        self.others_us[action].append(1e6 * (all_s - loop_s) / count)

    def median(self, action: str) -> float:
        """On the loop."""
        return statistics.median(self.loop_us[action])

    def mix(self) -> float:
        """A message of the session, on the loop."""
        return sum(_weight(action) * self.median(action) for action in self.loop_us)

    def writer_us(self) -> float:
        """The same beside the loop; what is written behind falls wherever it does, so only the mean says something."""
        return statistics.fmean(us for all_us in self.others_us.values() for us in all_us)


def _weight(action: str) -> float:
    return _SESSION.count(action) / len(_SESSION)


_SESSION = [action for action, _ in messages(0)]


async def play(rung: Rung, sessions: range, spent: Spent) -> None:
    """Every charge point plays *sessions*, all of them the same step at once."""
    count = len(rung.sockets)
    transaction_ids = [b"0"] * count
    for session in sessions:
        for number, (action, payload) in enumerate(messages(session)):
            frames = [
                frame(
                    1, b'[2,"%08x","%b",%b]' % (number, action.encode(), payload.replace(TRANSACTION_ID_PLACE, own_id))
                )
                for own_id in transaction_ids
            ]
            for socket in rung.sockets:
                socket.written.clear()
            loop_s, all_s = time.thread_time(), time.process_time()
            for index, data in enumerate(frames):
                rung.receive(index, data)
            pause_s = 0.0
            while not all(socket.written for socket in rung.sockets):
                # what needs no disk is there by the next iteration
                await asyncio.sleep(pause_s)
                pause_s = 0.002
            spent.add(action, count, time.thread_time() - loop_s, time.process_time() - all_s)
            if action == "StartTransaction":
                found = [_TRANSACTION_ID.search(socket.written[0]) for socket in rung.sockets]
                transaction_ids = [b"0" if one is None else one[1] for one in found]


def reference(sessions: range, spent: Spent, count: int) -> None:
    """``json.loads`` of the same frames."""
    for session in sessions:
        for action, payload in messages(session):
            data = b'[2,"%08x","%b",%b]' % (session, action.encode(), payload)
            loop_s, all_s = time.thread_time(), time.process_time()
            for _ in range(count):
                json.loads(data)
            spent.add(action, count, time.thread_time() - loop_s, time.process_time() - all_s)


async def measure(folder: Path, count: int, rounds: int) -> dict[str, Spent]:
    """What each rung spends; the rungs take turns."""
    settings = load_file(daemon.write_config(folder, count=count))
    clock = SystemClock()
    nothing = Restored(picture=SitePicture(started=moment(clock)), next_transaction_id=1)
    with contextlib.ExitStack() as undo:
        store = open_store(settings.store, clock, inline=False)
        undo.callback(store.close)
        rungs = {
            "wire": WireRung(settings),
            "link": LinkRung(settings, _ReadyMade()),
            "requests": LinkRung(settings, reception(settings, cast("Journal", _NoDisk()), nothing)),
            "store": LinkRung(settings, reception(settings, store.journal, store.restored)),
        }
        for rung in rungs.values():
            undo.callback(rung.close)
        spent = {name: Spent() for name in ("json.loads", *rungs)}
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        for rung in rungs.values():
            await play(rung, range(1), Spent())
        for number in range(1, rounds + 1):
            sessions = range(number, number + 1)
            reference(sessions, spent["json.loads"], count)
            for name, rung in rungs.items():
                await play(rung, sessions, spent[name])
    return spent


def _table(spent: dict[str, Spent]) -> Iterator[str]:
    yield f"  {'us of processor time per message':<34}" + "".join(f"{name:>12}" for name in spent)
    for action in dict.fromkeys(_SESSION):
        yield f"  {action:<34}" + "".join(f"{one.median(action):>12.2f}" for one in spent.values())
    yield f"  {'a message of the session':<34}" + "".join(f"{one.mix():>12.2f}" for one in spent.values())


def main() -> list[Figure]:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="charge points (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=40, help="sessions of each (default: %(default)s)")
    arguments = parser.parse_args()
    print(f"path: {arguments.count} charge points, {arguments.rounds} sessions of 20 messages on each rung")
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as nowhere:
        # lines are put into words and written as ever, but nobody reads them
        log.configure("INFO")
        for handler in logging.getLogger().handlers:
            assert isinstance(handler, logging.StreamHandler)
            handler.setStream(nowhere)
        spent = asyncio.run(measure(Path(folder), arguments.count, arguments.rounds))
        log.configure("WARNING")
    print("\n".join(_table(spent)))
    whole = spent["store"]
    figures = [
        Figure("the whole path on the loop: CPU per message", whole.mix(), "µs"),
        Figure("  the writer beside it", whole.writer_us(), "µs"),
        Figure("the whole path / json.loads of the same", whole.mix() / spent["json.loads"].mix(), "×"),
    ]
    show(figures)
    return figures


if __name__ == "__main__":
    main()
