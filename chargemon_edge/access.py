"""Builds what decides how chargers get in, from the settings and the disk, and keeps it going; decides nothing."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from chargemon_edge.config import Settings
from chargemon_edge.control.access_book import AccessBook
from chargemon_edge.control.access_wishes import AccessWishes
from chargemon_edge.control.certificates import Certificates
from chargemon_edge.control.certification import Authority
from chargemon_edge.control.charger_access import ChargerAccess
from chargemon_edge.control.commands import Commands
from chargemon_edge.control.key_rotation import KeyRotation
from chargemon_edge.control.ports import Clock, FileVisits, QuirksOf, Reception
from chargemon_edge.control.present import Present
from chargemon_edge.control.raising import Raising
from chargemon_edge.csms.directory import Directory
from chargemon_edge.csms.server import ChargerServer
from chargemon_edge.store.journal import Store

if TYPE_CHECKING:
    from chargemon_edge.keys.keyring import Keyring


class Access:
    """Keys and certificates, who has which password and profile, and the listeners that ask for them."""

    def __init__(self, settings: Settings, store: Store, present: Present, directory: Directory, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._directory = directory
        self._keyring = _keyring(settings, clock)
        # set by server()
        self._server: ChargerServer | None = None
        journal, restored = store.journal, store.restored
        self.book = AccessBook(present, journal, clock, restored.access, restored.revoked)
        self.certificates = Certificates(
            present=present,
            journal=journal,
            charge_points=directory,
            clock=clock,
            authority=self._keyring,
            knows=lambda identity: self.raising.profile(identity) is not None,
            renew_days=settings.keys.renew_days,
            restored=(*restored.certificates, *restored.revoked),
        )
        self.rotation = KeyRotation(self.book, directory)
        self.raising = Raising(
            present=present,
            charge_points=directory,
            book=self.book,
            rotation=self.rotation,
            certificates=self.certificates,
            authority=self._keyring,
            configured=self._configured,
            served=frozenset(_served(settings)),
        )

        self.charger_access = ChargerAccess(self.book, self.rotation, self.raising, directory, self.certificates)

    @property
    def authority(self) -> Authority | None:
        """The certificate authority; None: no listener has TLS."""
        return self._keyring

    @property
    def server_tls(self) -> ssl.SSLContext | None:
        """TLS with this box's certificates, which asks the far end for none; None: no listener has TLS."""
        return None if self._keyring is None else self._keyring.tls

    def follow(self, commands: Commands) -> None:
        """Take part in what people make charge points do."""
        commands.keep(AccessWishes(self.book, self.raising))
        commands.follow(self.certificates.answered)

    def server(
        self, reception: Reception, models: QuirksOf, *, files: FileVisits | None, inline: bool
    ) -> ChargerServer:
        """The chargers' listeners, not yet open; *inline*: no threads."""
        self._server = ChargerServer(
            self._settings.chargers,
            reception,
            self._directory,
            self._clock,
            models=models,
            records=self.book,
            tls=None if self._keyring is None else self._keyring.tls,
            mutual_tls=None if self._keyring is None else self._keyring.mutual_tls,
            files=files,
            inline=inline,
        )
        return self._server

    def time_corrected(self) -> None:
        """Certificates may be due, or could not be made before."""
        if self._keyring is not None:
            self._keyring.refresh()

    def _configured(self, identity: str) -> int | None:
        return None if self._server is None else self._server.configured_profile(identity)

    def start(self, rooms: asyncio.TaskGroup) -> None:
        """Keep it going within *rooms*."""
        rooms.create_task(self.certificates.run(), name="certificates")
        rooms.create_task(self.rotation.run(), name="key rotation")
        rooms.create_task(self.raising.run(), name="raising")
        if self._keyring is not None:
            rooms.create_task(self._keyring.run(), name="keys")


def _served(settings: Settings) -> Iterator[int]:
    if settings.chargers.plain:
        yield from (0, 1)
    if settings.chargers.tls_port is not None:
        yield 2
    if settings.chargers.mutual_tls_port is not None:
        yield 3


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
