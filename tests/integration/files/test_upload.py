"""A charge point's file on its way here over HTTP: kept whole within bounds, or not at all."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import socket
import struct
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from chargemon_edge.site.file_facts import FileDelivered, TicketEnded, TransferEnded
from tests.integration.files.depot import Depot, content, curl, depot


def kept(house: Depot) -> list[bytes]:
    """What lies here, oldest first."""
    found = [house.desk.delivery(one.number) for one in reversed(house.desk.deliveries())]
    return [one[1].read_bytes() for one in found if one is not None]


@pytest.mark.parametrize("way", ["put", "post", "form", "chunked", "expect"])
async def test_every_way_of_sending_a_file_is_taken(tmp_path: Path, way: str) -> None:
    octets = content(700_000)
    sent = tmp_path / "diag.zip"
    sent.write_bytes(octets)
    async with depot(tmp_path) as house:
        offer = await house.offer_upload()
        assert offer.url.endswith("/")
        arguments = {
            "put": ("--upload-file", str(sent), "--header", "Expect:", offer.url),
            "post": ("--data-binary", f"@{sent}", "--header", "Expect:", f"{offer.url}diag.zip"),
            "form": ("--form", "note=hello", "--form", f"file=@{sent}", offer.url.rstrip("/")),
            "chunked": ("--upload-file", str(sent), "--header", "Transfer-Encoding: chunked", offer.url),
            "expect": ("--upload-file", str(sent), "--header", "Expect: 100-continue", offer.url),
        }[way]
        sending = await curl(*arguments)
        again = await curl(*arguments)
        assert kept(house) == [octets]

    assert (sending.code, sending.status) == (0, 200)
    assert again.status == 404
    (delivered,) = house.told(FileDelivered)
    assert (delivered.delivery.file_name, delivered.delivery.purpose) == ("diag.zip", "Diagnostics")
    assert delivered.delivery.sha256 == hashlib.sha256(octets).hexdigest()
    assert [fact.end for fact in house.told(TicketEnded)] == ["delivered"]


async def test_what_is_packed_stays_packed(tmp_path: Path) -> None:
    packed = gzip.compress(b"\0" * 10_000_000)
    sent = tmp_path / "bomb.gz"
    sent.write_bytes(packed)
    async with depot(tmp_path, "upload_max_mb = 1\nuploads_max_mb = 1") as house:
        offer = await house.offer_upload()
        sending = await curl("--upload-file", str(sent), "--header", "Content-Encoding: gzip", offer.url)
        assert kept(house) == [packed]

    assert sending.status == 200


async def test_an_endless_file_stops_at_the_limit(tmp_path: Path) -> None:
    async with depot(tmp_path, "upload_max_mb = 1\nuploads_max_mb = 2\nbandwidth_kb_s = 0") as house:
        offer = await house.offer_upload()
        announced = tmp_path / "large"
        announced.write_bytes(b"x" * 1_000_001)
        told_at_once = await curl("--upload-file", str(announced), offer.url)
        endless = await curl("--upload-file", "/dev/zero", "--header", "Transfer-Encoding: chunked", offer.url)
        ends = house.told(TransferEnded)
        files = list((tmp_path / "files" / "deliveries").iterdir())
        # and the address still takes one that is small enough
        announced.write_bytes(b"x")
        fine = await curl("--upload-file", str(announced), offer.url)

    assert told_at_once.status == 413
    assert endless.status == 413
    assert [fact.bytes_moved <= 1_000_000 + 2 * 65_536 for fact in ends] == [True]
    assert files == []
    assert fine.status == 200


async def test_a_file_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    async with depot(tmp_path) as house:
        offer = await house.offer_upload()
        address = urlsplit(offer.url)
        head = f"PUT {address.path} HTTP/1.1\r\nHost: box\r\nContent-Length: 1000000\r\n\r\n"
        with socket.create_connection((address.hostname or "", address.port or 0)) as charger:
            charger.sendall(head.encode() + b"x" * 300_000)
            await house.until(lambda: any(one.running for one in house.desk.transfers()))
            charger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await house.until(lambda: bool(house.told(TransferEnded)))
        await house.until(lambda: not list((tmp_path / "files" / "deliveries").iterdir()))

    assert not house.told(FileDelivered)


async def test_names_are_names_and_nothing_else(tmp_path: Path) -> None:
    sent = tmp_path / "x"
    names = ["../../../../etc/cron.d/x", "a\\b\\c.log", "%2e%2e%2fpasswd", "=cmd|' /C calc'!A0", "<script>", "." * 300]
    async with depot(tmp_path) as house:
        for name in names:
            sent.write_bytes(name.encode())
            offer = await house.offer_upload()
            form = await curl("--form", f'file=@{sent};filename="{name}"', offer.url)
            assert form.status == 200
        offer = await house.offer_upload()
        path = await curl("--path-as-is", "--data-binary", "x", f"{offer.url}../../../etc/%2e%2e%2f%00passwd")
        shown = [one.file_name for one in reversed(house.desk.deliveries())]
        there = sorted(one.name for one in (tmp_path / "files" / "deliveries").iterdir())

    assert path.status == 200
    assert (shown[0], shown[-1]) == ("x", "passwd")
    assert all(
        name and set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-")
        for name in shown
    )
    assert there == [str(number) for number in range(1, len(names) + 2)]


async def test_the_oldest_make_room(tmp_path: Path) -> None:
    sent = tmp_path / "x"
    async with depot(tmp_path, "upload_max_mb = 1\nuploads_max_mb = 1") as house:
        for size in (400_000, 500_000, 300_000):
            sent.write_bytes(content(size))
            assert (await curl("--upload-file", str(sent), (await house.offer_upload()).url)).status == 200
        await house.until(lambda: len(house.desk.deliveries()) == 2)
        assert [one.size_bytes for one in house.desk.deliveries()] == [300_000, 500_000]


async def test_a_form_without_a_file_an_empty_file_and_a_part_are_refused(tmp_path: Path) -> None:
    async with depot(tmp_path) as house:
        url = (await house.offer_upload()).url
        assert (await curl("--form", "note=hello", url)).status == 400
        assert (await curl("--data", "", url)).status == 400
        assert (await curl("--data", "x", "--header", "Content-Range: bytes 0-0/2", url)).status == 400
        assert (await curl(url)).status == 405
        broken = "multipart/form-data; boundary=x"
        assert (await curl("--data", "no form", "--header", f"Content-Type: {broken}", url)).status == 400
        assert (await curl("--data", "x", url)).status == 200


async def test_an_upload_that_stands_still_is_cut(tmp_path: Path) -> None:
    async with depot(tmp_path, "stall_s = 1") as house:
        offer = await house.offer_upload()
        address = urlsplit(offer.url)
        head = f"PUT {address.path} HTTP/1.1\r\nHost: box\r\nContent-Length: 1000\r\n\r\nx"
        with socket.create_connection((address.hostname or "", address.port or 0)) as charger:
            charger.sendall(head.encode())
            await house.until(lambda: bool(house.told(TransferEnded)))
            charger.settimeout(2)
            answer = await asyncio.to_thread(charger.recv, 100)

    assert answer.startswith(b"HTTP/1.1 408")
