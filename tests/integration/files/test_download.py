"""An image on its way to a charge point over HTTP: the bytes that arrive are the bytes that were added."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
from pathlib import Path

import pytest

from chargemon_edge.site.file_facts import FileProgressed, TicketEnded, TransferEnded
from tests.integration.files.depot import content, curl, depot

SIZE = 300_000


async def test_what_arrives_is_what_was_added_and_the_address_opens_once(tmp_path: Path) -> None:
    octets = content(SIZE)
    async with depot(tmp_path) as house:
        offer = await house.offer(await house.add(octets))

        assert offer.url.startswith("http://127.0.0.1:")
        assert offer.url.endswith("/image_v2.bin")
        head = await curl("--head", offer.url)
        first = await curl("--include", offer.url)
        await house.until(lambda: bool(house.told(TicketEnded)))
        second = await curl(offer.url)

    assert f"Content-Length: {SIZE}".encode() in head.output
    headers, _, body = first.output.partition(b"\r\n\r\n")
    assert hashlib.sha256(body).digest() == hashlib.sha256(octets).digest()
    assert f'Etag: "{hashlib.sha256(octets).hexdigest()[:32]}"'.encode() in headers
    assert b"Accept-Ranges: bytes" in headers
    assert second.status == 404
    assert [(fact.end, fact.charge_point) for fact in house.told(TicketEnded)] == [("fetched", "CP1")]


async def test_a_download_that_broke_off_goes_on_where_it_was(tmp_path: Path) -> None:
    # curl takes its first gulps at any speed
    size = 100 * SIZE
    octets = content(size)
    target = tmp_path / "fetched"
    async with depot(tmp_path) as house:
        offer = await house.offer(await house.add(octets))
        broken = await curl("--limit-rate", "1M", "--max-time", "0.8", "--output", str(target), offer.url)
        had = target.stat().st_size
        assert not house.told(TicketEnded)
        rest = await curl("--continue-at", "-", "--output", str(target), offer.url)
        await house.until(lambda: bool(house.told(TicketEnded)))

    assert broken.code == 28
    assert 0 < had < size
    assert (rest.code, rest.status) == (0, 206)
    assert target.read_bytes() == octets
    transfers = house.told(TransferEnded)
    assert [fact.whole for fact in transfers] == [False, True]
    assert transfers[1].first_byte == had
    assert [fact.end for fact in house.told(TicketEnded)] == ["fetched"]
    assert house.told(FileProgressed)[-1].size_bytes == size


async def test_parts_make_a_whole_in_any_order(tmp_path: Path) -> None:
    octets = content(SIZE)
    async with depot(tmp_path) as house:
        offer = await house.offer(await house.add(octets))
        last = await curl("--range", "-100000", offer.url)
        middle = await curl("--range", "100000-199999", offer.url)
        assert not house.told(TicketEnded)
        first = await curl("--range", "0-99999", offer.url)
        await house.until(lambda: bool(house.told(TicketEnded)))

    assert first.output + middle.output + last.output == octets
    assert [fact.end for fact in house.told(TicketEnded)] == ["fetched"]


async def test_conditions_are_kept(tmp_path: Path) -> None:
    octets = content(1000)
    async with depot(tmp_path) as house:
        image = await house.add(octets)
        offer = await house.offer(image)
        tag = f'"{image.sha256[:32]}"'

        assert (await curl("--header", f"If-None-Match: {tag}", offer.url)).status == 304
        assert (await curl("--header", 'If-Match: "other"', offer.url)).status == 412
        assert (await curl("--range", "1000-", offer.url)).status == 416
        assert (await curl("--range", "0-99", "--header", f"If-Range: {tag}", offer.url)).status == 206
        assert (await curl("--data", "x", offer.url)).status == 405
        changed = await curl("--range", "0-99", "--header", 'If-Range: "other"', offer.url)
    assert (changed.status, changed.output) == (200, octets)


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda url: url.replace("/firmware/", "/uploads/"),
        lambda url: url.replace("/firmware/", "/firmware/x"),
        lambda url: url[:-20] + "A" * 20,
        lambda url: url.rpartition("/")[0].rpartition("/")[0] + "/" + "A" * 32 + "/image_v2.bin",
        lambda url: url.rpartition("/firmware/")[0] + "/firmware/../../../../etc/passwd",
        lambda url: url.rpartition("/firmware/")[0] + "/firmware/",
        lambda url: url.rpartition("/firmware/")[0] + "/uploads/%2e%2e/%2e%2e/etc/passwd",
    ],
)
async def test_a_guessed_address_opens_nothing(tmp_path: Path, spoilt: object) -> None:
    assert callable(spoilt)
    async with depot(tmp_path) as house:
        offer = await house.offer(await house.add(content(1000)))
        url = spoilt(offer.url)
        refused = await curl("--path-as-is", url)
        fetched = await curl(offer.url)

    # what stands behind the token is only what the file is called
    assert refused.status == (200 if url.startswith(offer.url.rpartition("/")[0] + "/") else 404)
    assert fetched.status == (404 if refused.status == 200 else 200)


async def test_an_address_is_over_when_its_time_is(tmp_path: Path) -> None:
    async with depot(tmp_path) as house:
        offer = await house.offer(await house.add(content(1000)), good_for_s=0.05)
        await asyncio.sleep(0.06)
        assert (await curl(offer.url)).status == 404


async def test_an_address_is_of_use_to_its_charge_point_only(tmp_path: Path) -> None:
    async with depot(tmp_path) as house:
        image = await house.add(content(1000))
        offer = await house.offer(image)
        elsewhere = await curl("--interface", "127.0.0.2", offer.url)
        assert elsewhere.status == 404
        other = await house.offer(image)
        assert (await curl(offer.url)).status == 404
        assert (await curl(other.url)).status == 200


async def test_fifty_at_once_all_get_it_whole(tmp_path: Path) -> None:
    octets = content(2_000_000)
    names = tuple(f"CP{number}" for number in range(1, 51))
    async with depot(tmp_path, "bandwidth_kb_s = 0", identities=names) as house, contextlib.AsyncExitStack() as links:
        image = await house.add(octets)
        for name in names[1:]:
            await links.enter_async_context(house.laboratory.connected(name))
        urls = [(await house.offer(image, name)).url for name in names]
        fetched = await asyncio.gather(*(curl(url) for url in urls))
        await house.until(lambda: len(house.told(TicketEnded)) == 50)

    assert [one.status for one in fetched] == [200] * 50
    assert {hashlib.sha256(one.output).hexdigest() for one in fetched} == {hashlib.sha256(octets).hexdigest()}


async def test_within_tls_too(tmp_path: Path) -> None:
    octets = content(SIZE)
    async with depot(tmp_path, profile=2, tls=True) as house:
        offer = await house.offer(await house.add(octets))
        assert offer.url.startswith("https://")
        roots = tmp_path / "roots.pem"
        roots.write_text("".join(house.laboratory.roots()))
        fetched = await curl("--cacert", str(roots), offer.url)
        await house.until(lambda: bool(house.told(TicketEnded)))

    assert (fetched.code, fetched.status) == (0, 200)
    assert fetched.output == octets
    assert [fact.end for fact in house.told(TicketEnded)] == ["fetched"]


async def test_the_cap_holds_over_all(tmp_path: Path) -> None:
    """Two of 300 kB at 1000 kB/s together take the time of 600 kB, not of 300."""
    async with depot(tmp_path, "bandwidth_kb_s = 1000", identities=("CP1", "CP2")) as house:
        image = await house.add(content(SIZE))
        async with house.laboratory.connected("CP2"):
            urls = [(await house.offer(image, name)).url for name in ("CP1", "CP2")]
            loop = asyncio.get_running_loop()
            began_s = loop.time()
            await asyncio.gather(*(curl(url) for url in urls))
            took_s = loop.time() - began_s

    # the last pieces may go out ahead of their time
    assert took_s >= 0.6 - 0.05 - 2 * 50_000 / 1_000_000


async def test_a_reader_that_stands_still_is_cut_and_may_go_on(tmp_path: Path) -> None:
    octets = content(20_000_000)
    async with depot(tmp_path, "stall_s = 1\nbandwidth_kb_s = 0") as house:
        offer = await house.offer(await house.add(octets))
        path = offer.url.partition("//")[2].partition("/")[2]
        host, _, port = offer.url.split("/")[2].partition(":")
        with socket.create_connection((host, int(port))) as idle:
            # and reads nothing
            idle.sendall(f"GET /{path} HTTP/1.1\r\nHost: box\r\n\r\n".encode())
            await house.until(lambda: bool(house.told(TransferEnded)))
        rest = await curl(offer.url)
        await house.until(lambda: len(house.told(TransferEnded)) == 2)

    ended = house.told(TransferEnded)
    assert [fact.whole for fact in ended] == [False, True]
    assert "nothing moved" in ended[0].detail
    assert rest.output == octets
