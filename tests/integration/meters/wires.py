"""The other end of the wire: a pyModbusTCP meter in a thread, a raw server for bad manners, and a poll under test."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import Any, ParamSpec, TypeVar

from pyModbusTCP.server import DataBank, DataHandler, ModbusServer

from chargemon_edge.meters.poll import MeterPoll
from chargemon_edge.meters.settings import MeterSettings
from chargemon_edge.sim.virtual_loop import run_virtually
from chargemon_edge.site.facts import Fact, MeterLost, MeterRead

F = TypeVar("F", bound=Fact)
P = ParamSpec("P")


class Meter(DataHandler):  # type: ignore[misc]  # the library has no types
    """An SDM630's memory that moves a little at every read, as three live phases do."""

    def __init__(self) -> None:
        super().__init__(DataBank())
        self.reset()

    def reset(self) -> None:
        """A healthy meter again."""
        self.current_a = (10.0, 5.5, 0.0)
        self.power_w = (2_300.0, -1_200.0, 0.0)
        self.little = False
        self.moving = True
        self.delay_s = 0.0
        # Exception code to answer with, for reads that begin at or above the address
        self.exception = 0
        self.exception_from = 0
        self.reads = 0

    def read_i_regs(self, address: int, count: int, srv_info: Any) -> Any:
        """What the library calls in its thread for function code 4."""
        if self.delay_s:
            time.sleep(self.delay_s)
        if self.exception and address >= self.exception_from:
            return DataHandler.Return(exp_code=self.exception)
        self.reads += self.moving
        values = [0.0] * 40
        values[0:3] = [230.0 + math.sin(self.reads + phase) for phase in range(3)]
        values[3:6] = self.current_a
        values[6:9] = self.power_w
        values[26] = sum(self.power_w)
        values[35] = 50.0
        words: list[int] = []
        for value in values:
            high, low = struct.unpack(">HH", struct.pack(">f", value))
            words += (low, high) if self.little else (high, low)
        return DataHandler.Return(exp_code=0, data=words[address : address + count])


class MeterServer:
    """That meter on a free port of the loopback interface."""

    def __init__(self) -> None:
        self.meter = Meter()
        self.port = 0
        self._server: Any = None

    def start(self) -> None:
        """Listen; after :meth:`stop` on the same port."""
        self._server = ModbusServer("127.0.0.1", self.port, no_block=True, data_hdl=self.meter)
        self._server.start()
        self.port = self._server._service.server_address[1]

    def stop(self) -> None:
        """Stop listening; connections end with their next request."""
        self._server.stop()


@contextlib.contextmanager
def meter_server() -> Iterator[MeterServer]:
    """A running one."""
    server = MeterServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


class Answering:
    """A raw TCP server: *answer* gets each request frame and its number and says which bytes go back, if any."""

    def __init__(self, answer: Callable[[bytes, int], Awaitable[bytes]]) -> None:
        self.connections = 0
        self.requests: list[tuple[float, bytes]] = []
        self.ended = asyncio.Event()
        self.port = 0
        self._answer = answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        try:
            while True:
                frame = await reader.readexactly(12)
                self.requests.append((asyncio.get_running_loop().time(), frame))
                back = await self._answer(frame, len(self.requests))
                if back == b"close":
                    break
                writer.write(back)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.ended.set()
            writer.close()


@contextlib.asynccontextmanager
async def answering(answer: Callable[[bytes, int], Awaitable[bytes]]) -> AsyncIterator[Answering]:
    """A running one; every connection is ended with it."""
    far_end = Answering(answer)
    tasks: set[asyncio.Task[None]] = set()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(far_end.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    far_end.port = server.sockets[0].getsockname()[1]
    try:
        yield far_end
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def frame_for(request: bytes, *, current_a: float = 10.0, transaction_id: int | None = None) -> bytes:
    """The right answer to *request*, with *current_a* on each phase."""
    values = [230.0] * 3 + [current_a] * 3 + [230.0 * current_a] * 3 + [0.0] * 31
    values[26], values[35] = 690.0 * current_a, 50.0
    start, count = struct.unpack(">HH", request[8:12])
    data = struct.pack(">40f", *values)[2 * start : 2 * (start + count)]
    tid = int.from_bytes(request[:2], "big") if transaction_id is None else transaction_id
    return struct.pack(">HHHBBB", tid, 0, 3 + len(data), request[6], request[7], len(data)) + data


class LoopClock:
    """The running loop's time on both clocks, be it real or virtual."""

    def monotonic_s(self) -> float:
        """Seconds."""
        return asyncio.get_running_loop().time()

    def utc_ms(self) -> int:
        """Milliseconds."""
        return round(1000 * self.monotonic_s())


def virtually(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an asynchronous test in virtual time: for far ends that live on the same loop."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        run_virtually(test(*args, **kwargs))

    return run


class Watched:
    """A poll that runs, and what it reported."""

    def __init__(self, settings: MeterSettings) -> None:
        self.facts: list[Fact] = []
        self.poll = MeterPoll(settings, LoopClock(), self.facts.append)

    def of(self, kind: type[F]) -> list[F]:
        """The facts of that kind, oldest first."""
        return [fact for fact in self.facts if isinstance(fact, kind)]

    async def until(self, condition: Callable[[], bool], within_s: float = 8.0) -> None:
        """Wait for the far end's threads; the wait ends as soon as *condition* holds."""
        async with asyncio.timeout(within_s):
            while not condition():
                await asyncio.sleep(0.005)

    async def reads(self, more: int = 1) -> MeterRead:
        """Wait for so many more readings; the newest one."""
        wanted = len(self.of(MeterRead)) + more
        await self.until(lambda: len(self.of(MeterRead)) >= wanted)
        return self.of(MeterRead)[-1]

    async def losses(self, count: int) -> MeterLost:
        """Wait until the meter was lost that often; the newest loss."""
        await self.until(lambda: len(self.of(MeterLost)) >= count)
        return self.of(MeterLost)[-1]


@contextlib.asynccontextmanager
async def watched(port: int, **changes: Any) -> AsyncIterator[Watched]:
    """A poll of the meter at *port* with times that suit a test."""
    given: dict[str, Any] = {
        "name": "grid",
        "circuit": "main",
        "host": "127.0.0.1",
        "port": port,
        "model": "eastron-sdm630",
        "poll_s": 0.03,
        "timeout_s": 0.2,
        "lost_after_s": 0.3,
        "frozen_after_s": 1.5,
    }
    one = Watched(MeterSettings(**{**given, **changes}))
    task = asyncio.create_task(one.poll.run())
    try:
        yield one
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        # Let the closed socket's last callback run
        await asyncio.sleep(0)
