"""Time jumps only when there is nothing to do, and never past bytes on their way."""

from __future__ import annotations

import asyncio
import time

import pytest

from chargemon_edge.sim.virtual_loop import FastLoop, TimeStandsStillError, VirtualTimeLoop, run_virtually


def test_a_long_sleep_takes_no_real_time() -> None:
    async def main() -> float:
        before = asyncio.get_running_loop().time()
        await asyncio.sleep(86_400)
        return asyncio.get_running_loop().time() - before

    began = time.monotonic()

    assert run_virtually(main()) == pytest.approx(86_400)
    assert time.monotonic() - began < 5


def test_timers_fire_in_order_each_at_its_own_time() -> None:
    async def main() -> list[tuple[str, float]]:
        loop = asyncio.get_running_loop()
        start = loop.time()
        seen: list[tuple[str, float]] = []

        def fire(name: str) -> None:
            seen.append((name, round(loop.time() - start, 6)))

        for name, delay in (("c", 3.0), ("a", 1.0), ("b", 2.0)):
            loop.call_later(delay, fire, name)
        await asyncio.sleep(10)
        return seen

    assert run_virtually(main()) == [("a", 1.0), ("b", 2.0), ("c", 3.0)]


def test_an_echo_over_loopback_takes_no_virtual_time() -> None:
    async def main() -> set[float]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(100):
                writer.write(data)
            writer.close()

        loop = asyncio.get_running_loop()
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        ticking = loop.create_task(_tick_every_millisecond())
        times = set()
        for _ in range(500):
            before = loop.time()
            writer.write(b"question")
            await reader.readexactly(8)
            times.add(loop.time() - before)
            await asyncio.sleep(0.01)
        ticking.cancel()
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return times

    assert run_virtually(main()) == {0.0}


async def _tick_every_millisecond() -> None:
    while True:
        await asyncio.sleep(0.001)


def test_time_waits_for_a_job_in_a_thread() -> None:
    async def main() -> tuple[str, float]:
        loop = asyncio.get_running_loop()
        before = loop.time()
        loop.call_later(3_600, lambda: None)

        def job() -> str:
            time.sleep(0.05)
            return "done"

        result = await asyncio.to_thread(job)
        return result, loop.time() - before

    assert run_virtually(main()) == ("done", 0.0)


def test_waiting_for_what_cannot_come_is_an_error_not_a_hang() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeStandsStillError, match="waits for ever"):
        _run_and_drop(main)


def test_polling_without_end_is_an_error_not_a_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chargemon_edge.sim.virtual_loop._STILL_PASSES_MAX", 1_000)

    async def main() -> None:
        while True:
            await asyncio.sleep(0)

    with pytest.raises(TimeStandsStillError, match="without time moving"):
        _run_and_drop(main)


def _run_and_drop(main: object) -> None:
    """Run on a loop that will break: no tidying up, which would break again."""
    loop = VirtualTimeLoop()
    task = loop.create_task(main())  # type: ignore[operator]  # a coroutine function; its exact type says nothing here
    try:
        loop.run_until_complete(task)
    finally:
        task.cancel()
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        loop.close()


def test_a_fast_loop_is_as_much_faster_as_asked() -> None:
    async def main() -> float:
        before = asyncio.get_running_loop().time()
        await asyncio.sleep(10)
        return asyncio.get_running_loop().time() - before

    began = time.monotonic()
    with asyncio.Runner(loop_factory=lambda: FastLoop(200)) as runner:
        passed = runner.run(main())

    assert passed >= 10
    assert 0.04 < time.monotonic() - began < 2
