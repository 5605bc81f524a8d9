"""The command line's socket: who may use it, what it may do, and what it says when nobody is there."""

from __future__ import annotations

import asyncio
import socket
import stat
from pathlib import Path

import pytest

from chargemon_edge.web.client import ClientError, close_commissioning, fetch_site, open_commissioning
from chargemon_edge.web.status import render_status
from tests.integration.web.running import running


async def test_status_is_asked_over_the_socket(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        view = await asyncio.to_thread(fetch_site, site.unix)

    assert "Depot Eastside" in render_status(view)


async def test_the_socket_is_for_its_group_only(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        mode = stat.S_IMODE(Path(site.unix).stat().st_mode)

    assert mode == 0o660
    assert not Path(site.unix).exists()


async def test_the_commissioning_window_is_opened_and_closed(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        opened = await asyncio.to_thread(open_commissioning, site.unix, 5)
        assert site.commissioning.is_open()
        assert opened.remaining_s == pytest.approx(300, abs=2)
        view = await asyncio.to_thread(fetch_site, site.unix)
        assert view.commissioning_s is not None

        closed = await asyncio.to_thread(close_commissioning, site.unix)

        assert closed.remaining_s is None
        assert not site.commissioning.is_open()


@pytest.mark.parametrize("minutes", [0, -1, 61, 10**30])
async def test_a_window_that_is_too_long_is_refused(tmp_path: Path, minutes: int) -> None:
    async with running(tmp_path) as site:
        with pytest.raises(ClientError, match=r"minutes|not understood"):
            await asyncio.to_thread(open_commissioning, site.unix, minutes)

        assert not site.commissioning.is_open()


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"minutes": "5"}', b'{"hours": 1}', b'{"minutes": true}', b"x" * 9000])
async def test_a_request_that_makes_no_sense_opens_nothing(tmp_path: Path, body: bytes) -> None:
    async with running(tmp_path) as site:
        reader, writer = await asyncio.open_unix_connection(site.unix)
        head = "POST /api/v1/commissioning HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()

        assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 413")), answer[:80]
        assert not site.commissioning.is_open()


def test_without_a_daemon_the_command_says_so(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match="the daemon is not running at"):
        fetch_site(str(tmp_path / "none.sock"))


def test_behind_the_file_of_a_killed_daemon_nobody_is_running(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))

    with pytest.raises(ClientError, match="the daemon is not running at"):
        fetch_site(str(path))


async def test_the_file_of_a_killed_daemon_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(tmp_path / "control.sock"))

    async with running(tmp_path) as site:
        view = await asyncio.to_thread(fetch_site, site.unix)

    assert view.armed


async def test_the_socket_of_a_running_daemon_is_left_alone(tmp_path: Path) -> None:
    async with running(tmp_path) as first:
        with pytest.raises(OSError, match="another daemon answers there"):
            async with running(tmp_path):
                pass

        view = await asyncio.to_thread(fetch_site, first.unix)

    assert view.armed


async def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"nowhere/control\.sock"):
        async with running(tmp_path / "nowhere"):
            pass
