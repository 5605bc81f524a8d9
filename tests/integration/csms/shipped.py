"""The daemon as it is shipped, in this loop, with two charge points that it does not ask anything."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from chargemon_edge.app import App
from chargemon_edge.clock import SystemClock
from chargemon_edge.config import load
from chargemon_edge.site.picture import SitePicture
from tests.certification.laboratory import Complaints
from tests.integration.csms.far_end import PASSWORDS, Socket, login, upgrade

IDENTITIES = ("CP1", "CP2")

_SITE = """
[[circuit]]
name = "main"
fuse_a = 400
[authorisation]
accept_unknown = true
[chargers]
host = "127.0.0.1"
port = 0
rate_per_s = 1e6
rate_burst = 1000000
[page]
port = 0
unix_socket = "control.sock"
"""
_CHARGE_POINT = """
[[charge_point]]
identity = "{0}"
password_file = "{0}.password"
quiet = true
[[charge_point.connector]]
number = 1
circuit = "main"
fallback_a = 0
"""


class Site:
    """A running daemon."""

    def __init__(self, app: App, port: int) -> None:
        self.app = app
        self.port = port

    @property
    def picture(self) -> SitePicture:
        assert self.app.present is not None
        return self.app.present.picture

    async def charger(self, identity: str) -> Socket:
        socket = await Socket.connect(self.port)
        assert await socket.request(upgrade(f"/ocpp/{identity}", login(identity))) == 101
        return socket


@contextlib.asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Site]:
    """The daemon on what *folder* holds; nothing may be logged that is a bug of ours."""
    for identity in IDENTITIES:
        (folder / f"{identity}.password").write_text(PASSWORDS[identity])
    text = _SITE.replace("control.sock", f"{folder}/control.sock") + f'[store]\ndirectory = "{folder}"\n'
    settings = load(text + "".join(_CHARGE_POINT.format(one) for one in IDENTITIES), folder)
    app = App(settings, SystemClock())
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    complaints = Complaints()
    logging.getLogger().addHandler(complaints)
    daemon = asyncio.create_task(app.run(lambda addresses: ready.set_result(addresses.chargers[1])))
    try:
        yield Site(app, await ready)
    finally:
        daemon.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await daemon
        while Socket.opened:
            await Socket.opened.pop().close()
        logging.getLogger().removeHandler(complaints)
    assert complaints.bugs == []


def records(folder: Path) -> dict[str, list[Any]]:
    """Every row of the site's records, but for the comings and goings of links, security events and the numbering of
    events, which begins anew with a start."""
    with contextlib.closing(sqlite3.connect(f"file:{folder}/site.db?mode=ro", uri=True)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {
            table: sorted(database.execute(f"SELECT * FROM {table}"), key=repr)
            for table in tables
            if table not in ("event", "epoch", "security_event", "sqlite_sequence", "sqlite_stat1")
        }
