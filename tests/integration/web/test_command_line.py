"""The command line's socket: who may use it, what it may do, and what it says when nobody is there."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import stat
from pathlib import Path

import pytest

from chargemon_edge.__main__ import main
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.client import ClientError, close_commissioning, fetch_site, open_commissioning
from chargemon_edge.web.status import render_status
from tests.integration.web.running import Running, running


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


async def command(site: Running, *arguments: str) -> int:
    return await asyncio.to_thread(main, [*arguments, "--socket", site.unix])


async def test_a_token_is_created_shown_once_listed_and_revoked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(tmp_path) as site:
        assert await command(site, "token", "create", "grafana", "--role", "operator", "--days", "30") == 0
        shown = capsys.readouterr()
        found = site.tokens.find(shown.out.strip())
        assert found is not None
        assert (found.name, found.role) == ("grafana", Role.OPERATOR)
        assert found.expires_utc_ms is not None
        assert "it is shown only now" in shown.err

        assert await command(site, "token", "list") == 0
        listed = capsys.readouterr().out
        assert listed.startswith("grafana ")
        assert shown.out.strip() not in listed

        assert await command(site, "token", "create", "grafana") == 1
        assert "revoke it first" in capsys.readouterr().err
        assert await command(site, "token", "revoke", "grafana") == 0
        assert site.tokens.known() == []
        assert await command(site, "token", "revoke", "grafana") == 1
        assert "no such token" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["../site", "a b", "ü?", ""])
async def test_a_name_that_makes_no_sense_is_refused_by_the_daemon(tmp_path: Path, name: str) -> None:
    async with running(tmp_path) as site:
        assert await command(site, "token", "create", name) == 1
        assert await command(site, "token", "revoke", name) == 1
        assert site.tokens.known() == []


def test_a_token_command_without_a_name_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "create"]) == 2
    assert "needs a NAME" in capsys.readouterr().err


async def test_any_endpoint_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as site:
        assert await command(site, "api", "get", "site") == 0
        assert json.loads(capsys.readouterr().out)["site"] == "Depot Eastside"
        assert await command(site, "api", "POST", "/api/v1/commissioning", '{"minutes": 3}') == 0
        assert 170 < site.commissioning.remaining_s() <= 180
        monkeypatch.setattr("sys.stdin", io.StringIO('{"minutes": 4}'))
        assert await command(site, "api", "POST", "commissioning", "-") == 0
        assert 230 < site.commissioning.remaining_s() <= 240
        capsys.readouterr()
        assert await command(site, "api", "GET", "no such thing\r\nX: y") == 1
        assert "Not Found" in capsys.readouterr().err
        assert await command(site, "api", "POST", "commissioning", "{") == 1
        assert "not understood" in capsys.readouterr().err


def test_without_a_daemon_every_command_that_asks_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "none.sock")
    for arguments in (["status"], ["token", "list"], ["api", "GET", "site"], ["commissioning", "close"]):
        assert main([*arguments, "--socket", path]) == 3
        assert "the daemon is not running at" in capsys.readouterr().err
