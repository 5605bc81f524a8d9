"""Files over FTP, for chargers that know nothing else; curl and Python's ftplib are what they have."""

from __future__ import annotations

import asyncio
import contextlib
import ftplib
import io
import os
import socket
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargemon_edge.site.file_facts import FileDelivered, TicketEnded, TransferEnded
from tests.integration.files.depot import Depot, content, curl, depot, free_port

SIZE = 3_000_000
# more of them in the long run
EXAMPLES = int(os.environ.get("CHARGEMON_EXAMPLES", "4"))
LINES = [
    line.encode()
    for line in (
        "PASV",
        "EPSV",
        "EPSV ALL",
        "CWD ..",
        "CWD /firmware",
        "REST 99999999999",
        "RETR x",
        "STOR x",
        "SIZE x",
        "FEAT",
    )
]


def ftp(more: str = "") -> str:
    """Lines of ``[files]``."""
    return f"ftp_port = {free_port()}\nbandwidth_kb_s = 0\n{more}"


async def test_curl_fetches_goes_on_and_cannot_fetch_twice(tmp_path: Path) -> None:
    octets = content(5 * SIZE)
    target = tmp_path / "fetched"
    async with depot(tmp_path, ftp()) as house:
        offer = await house.offer(await house.add(octets), protocol="FTP")
        assert offer.url.startswith("ftp://127.0.0.1:")
        broken = await curl("--limit-rate", "1M", "--max-time", "0.8", "--output", str(target), offer.url)
        await house.until(lambda: bool(house.told(TransferEnded)))
        had = target.stat().st_size
        rest = await curl("--continue-at", "-", "--output", str(target), offer.url)
        again = await curl(offer.url)

    assert broken.code == 28
    assert 0 < had < 5 * SIZE
    assert rest.code == 0
    assert target.read_bytes() == octets
    assert [(fact.first_byte, fact.whole) for fact in house.told(TransferEnded)] == [(0, False), (had, True)]
    assert [fact.end for fact in house.told(TicketEnded)] == ["fetched"]
    assert again.code != 0


async def test_curl_delivers(tmp_path: Path) -> None:
    octets = content(SIZE)
    sent = tmp_path / "log.tar"
    sent.write_bytes(octets)
    async with depot(tmp_path, ftp()) as house:
        offer = await house.offer_upload(protocol="FTP", purpose="SecurityLog")
        sending = await curl("--upload-file", str(sent), offer.url)
        (delivered,) = house.told(FileDelivered)
        found = house.desk.delivery(delivered.delivery.number)
        assert found is not None
        assert found[1].read_bytes() == octets

    assert sending.code == 0
    assert (delivered.delivery.file_name, delivered.delivery.purpose) == ("log.tar", "SecurityLog")


@pytest.mark.parametrize("scheme", ["ftps", "auth"])
async def test_within_tls(tmp_path: Path, scheme: str) -> None:
    octets = content(SIZE)
    lines = ftp(f"ftps_port = {free_port()}")
    async with depot(tmp_path, lines, profile=2, tls=True) as house:
        roots = tmp_path / "roots.pem"
        roots.write_text("".join(house.laboratory.roots()))
        offer = await house.offer(await house.add(octets), protocol="FTPS" if scheme == "ftps" else "FTP")
        more = () if scheme == "ftps" else ("--ssl-reqd",)
        fetched = await curl("--cacert", str(roots), *more, offer.url)
        await house.until(lambda: bool(house.told(TicketEnded)))
        upload = await house.offer_upload(protocol="FTPS" if scheme == "ftps" else "FTP")
        sent = tmp_path / "log"
        sent.write_bytes(octets)
        sending = await curl("--cacert", str(roots), *more, "--upload-file", str(sent), upload.url)

    assert (fetched.code, fetched.output == octets) == (0, True)
    assert sending.code == 0
    assert house.told(FileDelivered)[0].delivery.size_bytes == SIZE


async def test_an_endless_file_stops_at_the_limit(tmp_path: Path) -> None:
    async with depot(tmp_path, ftp("upload_max_mb = 1")) as house:
        offer = await house.offer_upload(protocol="FTP")
        endless = await curl("--upload-file", "/dev/zero", f"{offer.url}x")
        assert list((tmp_path / "files" / "deliveries").iterdir()) == []

    assert endless.code != 0
    assert not house.told(FileDelivered)


async def test_there_is_nothing_to_see_and_nothing_else_to_do(tmp_path: Path) -> None:
    async with depot(tmp_path, ftp()) as house:
        image = await house.add(content(1000))
        offer = await house.offer(image, protocol="FTP")
        upload = await house.offer_upload(protocol="FTP")
        address = urlsplit(offer.url)

        def look_around() -> dict[str, str]:
            answers = {}
            with ftplib.FTP() as session:
                session.connect(address.hostname or "", address.port or 0)
                session.login("anybody", "anything")
                for line in (
                    "PORT 127,0,0,1,0,22",
                    "EPRT |1|127.0.0.1|22|",
                    "SITE EXEC id",
                    "DELE " + address.path,
                    "MKD /firmware/x",
                    "APPE " + urlsplit(upload.url).path + "x",
                    "CWD /etc",
                    "CWD " + address.path.rpartition("/")[0] + "/../../../etc",
                    "RETR /etc/passwd",
                    "RETR /firmware/../../etc/passwd",
                    "STOR " + address.path,
                    "RETR " + urlsplit(upload.url).path + "x",
                    "SIZE /firmware/" + "A" * 32 + "/x",
                    "REST 5x",
                ):
                    try:
                        answers[line] = session.sendcmd(line)
                    except ftplib.Error as refused:
                        answers[line] = str(refused)
                listing = session.sendcmd("PWD")
                with pytest.raises(ftplib.Error):
                    session.nlst()
                answers["PWD"] = listing
            return answers

        answers = await asyncio.to_thread(look_around)

    assert {answer[0] for line, answer in answers.items() if line != "PWD"} == {"5"}
    assert answers["PWD"].startswith("257")


async def test_somebody_elses_data_connection_gets_nothing(tmp_path: Path) -> None:
    octets = content(1000)
    async with depot(tmp_path, ftp()) as house:
        offer = await house.offer(await house.add(octets), protocol="FTP")
        address = urlsplit(offer.url)

        def fetch() -> tuple[bytes, bytes]:
            with ftplib.FTP() as session:
                session.connect(address.hostname or "", address.port or 0)
                session.login()
                session.sendcmd("TYPE I")
                host, port = session.makepasv()
                with socket.create_connection((host, port), timeout=5, source_address=("127.0.0.2", 0)) as thief:
                    stolen = _received(thief)
                taken = io.BytesIO()
                session.retrbinary(f"RETR {address.path}", taken.write)
                return stolen, taken.getvalue()

        stolen, taken = await asyncio.to_thread(fetch)

    assert stolen == b""
    assert taken == octets


def _received(thief: socket.socket) -> bytes:
    try:
        return thief.recv(10)
    except ConnectionError:
        return b""


async def test_commands_sent_ahead_of_tls_do_not_count(tmp_path: Path) -> None:
    async with depot(tmp_path, ftp(), profile=2, tls=True) as house:
        offer = await house.offer(await house.add(content(10)), protocol="FTP")
        address = urlsplit(offer.url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        await reader.readline()
        writer.write(b"AUTH TLS\r\nPWD\r\n")
        async with asyncio.timeout(5):
            answer = await reader.read()
        writer.close()

    assert b"257" not in answer


async def test_a_session_that_tries_paths_out_is_ended(tmp_path: Path) -> None:
    async with depot(tmp_path, ftp()) as house:
        offer = await house.offer(await house.add(content(10)), protocol="FTP")
        address = urlsplit(offer.url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(b"".join(b"RETR /firmware/%032d/x\r\n" % number for number in range(40)))
        async with asyncio.timeout(5):
            answer = await reader.read()
        writer.close()

    assert answer.count(b"550 ") == 20
    assert b"421 " in answer


@given(st.lists(st.binary(max_size=60) | st.sampled_from(LINES), min_size=1, max_size=30))
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_said_costs_one_session_at_most(lines: list[bytes]) -> None:
    async def talk(house: Depot, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readline()
        writer.write(b"".join(line.replace(b"\n", b"") + b"\r\n" for line in lines) + b"QUIT\r\n")
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionError):
                await reader.read()
        writer.close()
        image = await house.add(content(10))
        fetched = await curl((await house.offer(image, protocol="FTP")).url)
        assert fetched.output == content(10)

    async def run() -> None:
        port = free_port()
        with tempfile.TemporaryDirectory() as folder:
            async with depot(Path(folder), f"ftp_port = {port}") as house:
                await talk(house, port)

    asyncio.run(run())
