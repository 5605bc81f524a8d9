"""The operator's listeners: TCP for the page and the API, a Unix socket for the command line.

Never the chargers' listener: the two networks meet only in the picture of the site.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

from chargemon_edge.control.not_taken import NotTaken
from chargemon_edge.site.facts import Fact
from chargemon_edge.web.api import Api
from chargemon_edge.web.settings import WebSettings
from chargemon_edge.web.table import Rooms


class WebAddresses(NamedTuple):
    """Where it listens."""

    page: tuple[str, int]
    unix: str | None


class WebServer:
    """Start it, stop it; it serves in between. *report* takes what it noticed: tokens that were refused."""

    def __init__(
        self,
        settings: WebSettings,
        rooms: Rooms,
        report: Callable[[Fact], None],
        *,
        meter_stale_s: float = 3.0,
    ) -> None:
        self._settings = settings
        self._api = Api(settings, rooms, report, meter_stale_s=meter_stale_s)
        self._runners: list[web.AppRunner] = []
        # the socket file, while it is ours to remove
        self._unix_path: Path | None = None

    async def start(self, opened: Sequence[socket.socket] = ()) -> WebAddresses:
        """Open the listeners; OSError says which address could not be had, and then none is open.

        *opened*: sockets that systemd has opened for the page; they count instead of the settings' host and port.
        """
        try:
            page = await self._listen_tcp(opened)
            unix = await self._listen_unix()
        except BaseException:
            await self.stop()
            raise
        return WebAddresses(page=page, unix=unix)

    def replace_meter_stale(self, stale_s: float) -> None:
        """Show a meter's reading as old after *stale_s*."""
        self._api.meter_stale_s = stale_s

    def replace_not_taken(self, not_taken: NotTaken | None) -> None:
        """Show what is wrong with the configuration's files; None: nothing any more."""
        self._api.not_taken = not_taken

    async def stop(self) -> None:
        """Close the listeners; live streams end at once, running answers within a second."""
        await self._api.stream.stop()
        while self._runners:
            await self._runners.pop().cleanup()
        if self._unix_path is not None:
            self._unix_path.unlink(missing_ok=True)
            self._unix_path = None

    async def _run(self, application: web.Application, listener: socket.socket) -> None:
        # no access log: what matters is in the log already; a poll every second would drown it
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0, keepalive_timeout=15.0)
        self._runners.append(runner)
        await runner.setup()
        await web.SockSite(runner, listener).start()

    async def _listen_tcp(self, opened: Sequence[socket.socket]) -> tuple[str, int]:
        listeners = opened or (_bind_tcp(self._settings.host, self._settings.port),)
        for listener in listeners:
            await self._run(self._api.for_network(socket.gethostname()), listener)
        address = listeners[0].getsockname()
        return address[0], address[1]

    async def _listen_unix(self) -> str | None:
        if self._settings.unix_socket is None:
            return None
        path = Path(self._settings.unix_socket)
        listener = _bind_unix(path)
        self._unix_path = path
        await self._run(self._api.for_command_line(), listener)
        return str(path)


def _bind_tcp(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise OSError(error.errno, f"the page cannot listen on {host} port {port}: {error.strerror}") from error


def _bind_unix(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _clear_stale(path)
        listener.bind(str(path))
        # before it listens, so that nobody gets in between
        path.chmod(0o660)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"the command line's socket {path}: {error.strerror or error}") from error
    return listener


def _clear_stale(path: Path) -> None:
    """Remove the socket file that a killed daemon left; one that still answers belongs to a running daemon."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        if probe.connect_ex(str(path)) == 0:
            raise OSError(errno.EADDRINUSE, "another daemon answers there")
    path.unlink()
