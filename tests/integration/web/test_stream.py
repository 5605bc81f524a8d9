"""The live stream: in order, at its own pace, never held up by a listener that reads nothing."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import msgspec
from aiohttp import web

from chargemon_edge.control.present import Present
from chargemon_edge.site.facts import Moment
from chargemon_edge.site.units import same_on_all
from chargemon_edge.web.shapes import SiteView
from chargemon_edge.web.stream import Stream
from tests.integration.web.running import ExampleClock, Running, running
from tests.unit.web.example import SITE, meter_read, picture


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[Running, aiohttp.ClientResponse]]:
    """A running server and one listener."""
    async with (
        running() as site,
        aiohttp.ClientSession(site.url) as browser,
        browser.get("/api/v1/events") as answer,
    ):
        yield site, answer


async def events(answer: aiohttp.ClientResponse) -> AsyncIterator[tuple[int, SiteView]]:
    """Each snapshot with its number."""
    number = -1
    async for line in answer.content:
        if line.startswith(b"id: "):
            number = int(line[4:])
        if line.startswith(b"data: "):
            yield number, msgspec.json.decode(line[6:], type=SiteView)


def read_meter(site: Running, current_ma: int) -> None:
    """A new sample now."""
    now = Moment(site.clock.monotonic_s(), site.clock.utc_ms())
    site.present.apply([meter_read(same_on_all(current_ma), now)])


async def test_a_change_is_sent_at_once_and_in_order() -> None:
    async with listening() as (site, answer):
        stream = events(answer)
        first, view = await anext(stream)
        assert answer.content_type == "text/event-stream"
        assert (first, view.version) == (site.present.version, site.present.version)
        for current_ma in (10_000, 20_000):
            read_meter(site, current_ma)
            began_s = site.clock.monotonic_s()
            number, view = await anext(stream)

            assert site.clock.monotonic_s() - began_s < 1.0
            assert number == view.version == site.present.version > first
            assert view.circuits[0].measured_ma == same_on_all(current_ma)
            first = number


async def test_many_changes_make_at_most_two_snapshots_a_second() -> None:
    async with listening() as (site, answer):
        stream = events(answer)
        await anext(stream)
        seen = [0]

        async def count() -> None:
            async for number, _view in stream:
                seen.append(number)

        counting = asyncio.create_task(count())
        for current_ma in range(0, 65_000, 500):
            read_meter(site, current_ma)
            await asyncio.sleep(0.01)
        counting.cancel()
        await asyncio.gather(counting, return_exceptions=True)

    assert 2 <= len(seen) - 1 <= 4
    assert seen == sorted(seen)


async def test_a_quiet_site_still_gives_a_sign_of_life() -> None:
    async with listening() as (site, answer):
        stream = events(answer)
        await anext(stream)
        began_s = site.clock.monotonic_s()
        await asyncio.wait_for(anext(stream), 3)

    assert site.clock.monotonic_s() - began_s > 1.5


async def test_the_listener_too_many_is_told_so_and_a_place_becomes_free() -> None:
    async with running(streams_max=2) as site, aiohttp.ClientSession(site.url) as browser:
        first = await browser.get("/api/v1/events")
        second = await browser.get("/api/v1/events")
        async with browser.get("/api/v1/events") as third:
            assert third.status == 503
            assert third.content_type == "application/problem+json"
        first.close()
        for _ in range(50):
            read_meter(site, 1_000)
            async with browser.get("/api/v1/events") as fourth:
                if fourth.status == 200:
                    break
            await asyncio.sleep(0.1)
        second.close()

    assert fourth.status == 200


async def test_stopping_ends_every_stream_at_once() -> None:
    async with running() as site, aiohttp.ClientSession(site.url) as browser:
        answers = [await browser.get("/api/v1/events") for _ in range(5)]
        await asyncio.sleep(0.1)
        began_s = site.clock.monotonic_s()
        await site.server.stop()
        took_s = site.clock.monotonic_s() - began_s
        for answer in answers:
            answer.close()

    assert took_s < 0.5


async def test_a_listener_that_reads_nothing_is_dropped_and_holds_nobody_up() -> None:
    clock = ExampleClock()
    present = Present(SITE, picture())
    # large enough that the kernel cannot swallow it for the one that does not read
    stream = Stream(present, clock, lambda: b"x" * 4_000_000, 5, stalled_s=0.3)
    application = web.Application()
    application.router.add_get("/", stream.serve)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listener).start()
    port = listener.getsockname()[1]
    loop = asyncio.get_running_loop()
    deaf = socket.socket()
    deaf.setblocking(False)
    await loop.sock_connect(deaf, ("127.0.0.1", port))
    await loop.sock_sendall(deaf, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    try:
        async with (
            aiohttp.ClientSession() as browser,
            browser.get(f"http://127.0.0.1:{port}/", read_bufsize=2**23) as good,
        ):
            sizes = [len(await good.content.readuntil(b"\n\n")) for _ in range(2)]
            for _ in range(40):
                if stream.listeners == 1:
                    break
                await asyncio.sleep(0.05)

            assert stream.listeners == 1
            assert sizes[1] > 4_000_000
    finally:
        await stream.stop()
        await runner.cleanup()
        deaf.close()
