"""Charge points that present a card each fifth of a second, whatever else goes on: how long does the answer take?

A process of its own: it connects the first COUNT charge points of the benchmark, prints ``connected``, and for each
line ``go SECONDS`` on standard input prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import websockets
from websockets.asyncio.client import ClientConnection
from websockets.typing import Subprotocol

from bench.processes import PASSWORD
from bench.session import ID_TAG

EVERY_S = 0.2


@asynccontextmanager
async def _linked(port: int, number: int) -> AsyncIterator[ClientConnection]:
    identity = f"BENCH{number:04d}"
    login = base64.b64encode(f"{identity}:{PASSWORD}".encode()).decode()
    async with websockets.connect(
        f"ws://127.0.0.1:{port}/ocpp/{identity}",
        subprotocols=[Subprotocol("ocpp1.6")],
        additional_headers={"Authorization": f"Basic {login}"},
        compression=None,
    ) as link:
        yield link


async def _present(link: ClientConnection, until_s: float, took_s: list[float]) -> None:
    number = 0
    while time.monotonic() < until_s:
        number += 1
        sent_s = time.monotonic()
        await link.send(json.dumps([2, f"a{number}", "Authorize", {"idTag": ID_TAG}]))
        # what the central system asks meanwhile is not answered: the charge points are quiet ones
        while json.loads(await link.recv())[0] != 3:
            pass
        took_s.append(time.monotonic() - sent_s)
        await asyncio.sleep(max(0.0, sent_s + EVERY_S - time.monotonic()))


async def _main(port: int, count: int) -> None:
    async with AsyncExitStack() as stack:
        links = [await stack.enter_async_context(_linked(port, number)) for number in range(count)]
        print("connected", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            until_s = time.monotonic() + float(line.split()[1])
            took_s: list[float] = []
            await asyncio.gather(*(_present(link, until_s, took_s) for link in links))
            took_s.sort()
            answer = {
                "answers": len(took_s),
                "p50_ms": 1000 * took_s[len(took_s) // 2],
                "p99_ms": 1000 * took_s[len(took_s) * 99 // 100],
            }
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), int(sys.argv[2])))
