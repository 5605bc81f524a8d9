"""A disk that is really full: the charge point is told, and nothing else is hurt. Needs root, to mount a small one."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from chargemon_edge.site.file_facts import FileDelivered
from tests.certification.laboratory import VALID
from tests.integration.files.depot import content, curl, depot, free_port

MB = 1_000_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Of 12 MB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a disk takes root")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={12 * MB}", "tmpfs", str(place)], check=False)
    if mounted.returncode != 0:
        pytest.skip("no disk can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


async def test_files_never_take_what_the_records_need(small_disk: Path, tmp_path: Path) -> None:
    """Records and files on one disk: it fills, each way of delivering says so, and a transaction is still recorded."""
    sent = tmp_path / "large"
    sent.write_bytes(content(10 * MB))
    lines = f"bandwidth_kb_s = 0\nftp_port = {free_port()}"
    async with depot(small_disk, lines, store="reserve_kb = 64\nfree_min_percent = 40") as house:
        # what is already there may be fetched
        image = await house.add(content(2 * MB))
        offer = await house.offer(image)
        by_put = await curl("--upload-file", str(sent), (await house.offer_upload()).url)
        by_ftp = await curl("--upload-file", str(sent), (await house.offer_upload(protocol="FTP")).url)
        with pytest.raises(AssertionError, match="no room"):
            await house.add(content(10 * MB, seed=2))
        free = os.statvfs(small_disk)
        started = await house.charge_point.call(
            "StartTransaction", connectorId=1, idTag=VALID, meterStart=0, timestamp="2027-01-01T00:00:00Z"
        )
        fetched = await curl(offer.url)
        left = [one.name for one in (small_disk / "files" / "deliveries").iterdir()]

    assert by_put.status == 507
    assert by_ftp.code != 0
    assert left == []
    assert not house.told(FileDelivered)
    assert free.f_bavail / free.f_blocks > 0.4
    assert started["idTagInfo"]["status"] == "Accepted"
    assert fetched.output == content(2 * MB)


async def test_a_disk_that_others_have_filled_is_told_of(small_disk: Path, tmp_path: Path) -> None:
    """The files' own disk is full to the last byte by somebody else; the records lie elsewhere."""
    sent = tmp_path / "log"
    sent.write_bytes(content(100_000))
    async with depot(tmp_path, f'directory = "{small_disk}"') as house:
        with (small_disk / "others").open("wb") as others, pytest.raises(OSError, match="No space"):
            while True:
                others.write(bytes(MB))
                others.flush()
        refused = await curl("--upload-file", str(sent), (await house.offer_upload()).url)
        (small_disk / "others").unlink()
        taken = await curl("--upload-file", str(sent), (await house.offer_upload()).url)

    assert (refused.status, taken.status) == (507, 200)


async def test_a_directory_that_cannot_be_had_costs_the_files_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "no-directory").write_text("a file")
    sent = tmp_path / "log"
    sent.write_bytes(b"x")
    lines = f'directory = "{tmp_path}/no-directory/files"\nftp_port = {free_port()}'
    async with depot(tmp_path, lines) as house:
        refused = await curl("--upload-file", str(sent), (await house.offer_upload()).url)
        with pytest.raises(AssertionError, match="no room"):
            await house.add(b"firmware")
        authorized = await house.charge_point.call("Authorize", idTag=VALID)

    assert refused.status == 507
    assert authorized["idTagInfo"]["status"] == "Accepted"
    assert "files cannot be kept" in caplog.text


async def test_a_port_for_ftp_that_is_taken_costs_ftp_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with depot(tmp_path, f"ftp_port = {taken.getsockname()[1]}") as house:
            protocols = house.desk.protocols("CP1")

    assert protocols == ("HTTP",)
    assert "FTP is not served" in caplog.text
