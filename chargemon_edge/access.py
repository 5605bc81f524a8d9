"""Builds what decides how chargers get in, from the settings and the disk, and keeps it going; decides nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from chargemon_edge.config import Settings
from chargemon_edge.control.ports import Clock, QuirksOf, Reception
from chargemon_edge.csms.directory import Directory
from chargemon_edge.csms.server import ChargerServer

if TYPE_CHECKING:
    from chargemon_edge.keys.keyring import Keyring


class Access:
    """Keys and certificates, and the listeners that use them."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._keyring = _keyring(settings, clock)

    def server(self, reception: Reception, directory: Directory, models: QuirksOf, *, inline: bool) -> ChargerServer:
        """The chargers' listeners, not yet open; *inline*: no threads."""
        return ChargerServer(
            self._settings.chargers,
            reception,
            directory,
            self._clock,
            models=models,
            tls=None if self._keyring is None else self._keyring.tls,
            mutual_tls=None if self._keyring is None else self._keyring.mutual_tls,
            inline=inline,
        )

    def start(self, rooms: asyncio.TaskGroup) -> None:
        """Keep it going within *rooms*."""
        if self._keyring is not None:
            rooms.create_task(self._keyring.run(), name="keys")


def _keyring(settings: Settings, clock: Clock) -> Keyring | None:
    """Keys and certificates, where a listener needs them."""
    if settings.chargers.tls_port is None and settings.chargers.mutual_tls_port is None:
        return None
    # ten megabytes that a site without TLS need not carry
    from chargemon_edge.keys.addresses import own_names
    from chargemon_edge.keys.keyring import Keyring

    keyring = Keyring(settings.keys, Path(settings.store.directory) / "keys", clock, own_names)
    keyring.refresh()
    return keyring
