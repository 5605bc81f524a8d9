"""How many at once, for how long, over a restart: what a charge point meets when it is not the only one."""

from __future__ import annotations

import asyncio
import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

from chargemon_edge.site.file_facts import TicketEnded, TransferEnded
from tests.integration.files.depot import Depot, content, curl, depot

SIZE = 20_000_000


def begun(url: str) -> socket.socket:
    """A download whose reader takes no more than the kernel does by itself."""
    address = urlsplit(url)
    one = socket.create_connection((address.hostname or "", address.port or 0))
    one.sendall(f"GET {address.path} HTTP/1.1\r\nHost: box\r\n\r\n".encode())
    return one


async def running(house: Depot, count: int) -> None:
    """Wait until so many transfers have moved something."""
    await house.until(lambda: sum(one.running and one.bytes_done > 0 for one in house.desk.transfers()) >= count)


async def test_one_too_many_is_told_to_come_back(tmp_path: Path) -> None:
    async with depot(tmp_path, "max_transfers = 1\nbandwidth_kb_s = 0", identities=("CP1", "CP2")) as house:
        image = await house.add(content(SIZE))
        async with house.laboratory.connected("CP2"):
            other = await house.offer(image, "CP2")
            with begun((await house.offer(image)).url):
                await running(house, 1)
                refused = await curl("--include", other.url)
                authorized = await house.charge_point.call("Authorize", idTag="TAG-VALID")
            await house.until(lambda: bool(house.told(TransferEnded)))
            taken = await curl("--output", "/dev/null", other.url)

    assert refused.status == 503
    assert b"Retry-After: 60" in refused.output
    assert authorized["idTagInfo"]["status"] == "Accepted"
    assert taken.status == 200


async def test_sockets_that_ask_for_nothing_here_are_bounded_and_let_go(tmp_path: Path) -> None:
    async with depot(tmp_path, "max_transfers = 1") as house:
        port = house.laboratory.addresses.chargers[1]
        strangers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(60)]
        for _, writer in strangers:
            # a body that never comes
            writer.write(b"PUT /uploads/x HTTP/1.1\r\nHost: box\r\nContent-Length: 1000\r\n\r\n")
        async with asyncio.timeout(10):
            answers = await asyncio.gather(*(reader.read() for reader, _ in strangers))
        for _, writer in strangers:
            writer.close()
        image = await house.add(content(1000))
        fetched = await curl((await house.offer(image)).url)

    statuses = {int(re.findall(rb"HTTP/1.1 (\d+)", answer)[0]) for answer in answers}
    assert statuses == {404, 503}
    assert fetched.status == 200


async def test_who_comes_again_and_again_cuts_its_own_oldest(tmp_path: Path) -> None:
    async with depot(tmp_path, "bandwidth_kb_s = 0") as house:
        offer = await house.offer(await house.add(content(SIZE)))
        sockets = [begun(offer.url) for _ in range(5)]
        await house.until(lambda: bool(house.told(TransferEnded)))
        ended = house.told(TransferEnded)
        for one in sockets:
            one.close()
        await house.until(lambda: len(house.told(TransferEnded)) == 5)

    assert [fact.detail for fact in ended] == ["the daemon stops, or a newer request takes its place"]


async def test_a_withdrawn_address_is_cut_at_once(tmp_path: Path) -> None:
    async with depot(tmp_path, "bandwidth_kb_s = 0") as house:
        offer = await house.offer(await house.add(content(SIZE)))
        with begun(offer.url):
            await running(house, 1)
            house.desk.withdraw(offer.ticket_id)
            await house.until(lambda: bool(house.told(TransferEnded)))

    assert [fact.end for fact in house.told(TicketEnded)] == ["withdrawn"]


async def test_a_download_goes_on_after_a_restart_of_the_daemon(tmp_path: Path) -> None:
    octets = content(SIZE)
    target = tmp_path / "fetched"
    async with depot(tmp_path, "bandwidth_kb_s = 5000") as before:
        offer = await before.offer(await before.add(octets))
        fetching = asyncio.create_task(curl("--output", str(target), offer.url))
        await running(before, 1)
        await asyncio.sleep(0.5)
    broken = await fetching
    had = target.stat().st_size
    async with depot(tmp_path) as after:
        port = after.laboratory.addresses.chargers[1]
        url = re.sub(r":\d+/", f":{port}/", offer.url, count=1)
        rest = await curl("--continue-at", "-", "--output", str(target), url)
        await after.until(lambda: bool(after.told(TicketEnded)))
        again = await curl(url)

    assert broken.code != 0
    assert 0 < had < SIZE
    assert rest.status == 206
    assert target.read_bytes() == octets
    assert [fact.end for fact in after.told(TicketEnded)] == ["fetched"]
    assert again.status == 404
