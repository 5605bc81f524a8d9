"""Builds what serves files for and from chargers, from the settings and the disk; decides nothing."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Mapping
from pathlib import Path

from chargemon_edge.access import Access
from chargemon_edge.config import Settings
from chargemon_edge.control.configuration_memory import ConfigurationMemory
from chargemon_edge.control.ports import Clock, QuirksOf
from chargemon_edge.control.present import Present
from chargemon_edge.csms.directory import Directory
from chargemon_edge.firmware.desk import FileDesk, Surroundings
from chargemon_edge.site.file_protocol import FileProtocol
from chargemon_edge.store.journal import Store


class Signatures:
    """Implements :class:`chargemon_edge.control.ports.SignatureChecks`."""

    def __init__(self, authorities: str | None, clock: Clock, *, inline: bool) -> None:
        self._authorities = None if authorities is None else Path(authorities)
        self._clock = clock
        self._inline = inline

    async def fault(self, sha256: bytes, signature: str, certificate: str) -> str | None:
        """Why it does not vouch for the file of that digest."""
        arguments = (sha256, signature, certificate)
        return self._fault(*arguments) if self._inline else await asyncio.to_thread(self._fault, *arguments)

    def _fault(self, sha256: bytes, signature: str, certificate: str) -> str | None:
        # ten megabytes, and a moment of loading, that a site without signed images need not carry
        from chargemon_edge.keys.firmware_signature import signature_fault

        now = datetime.datetime.fromtimestamp(self._clock.utc_ms() / 1000, datetime.UTC)
        return signature_fault(sha256, signature, certificate, now, self._authorities)


def file_desk(
    settings: Settings,
    store: Store,
    present: Present,
    directory: Directory,
    models: QuirksOf,
    keys: ConfigurationMemory,
    access: Access,
    clock: Clock,
    inline: bool,
) -> FileDesk:
    """The desk, not yet open; *inline*: no threads."""
    around = Surroundings(
        present=present,
        journal=store.journal,
        clock=clock,
        whereabouts=directory,
        models=models,
        keys=keys,
        signatures=Signatures(settings.files.signing_authorities, clock, inline=inline),
        tls=access.server_tls,
    )
    return FileDesk(
        settings.files,
        Path(settings.files.directory or Path(settings.store.directory) / "files"),
        around,
        store.restored.files,
        free_min_percent=settings.store.free_min_percent,
        inline=inline,
    )


def listeners(addresses: Mapping[str, tuple[str, int]]) -> dict[FileProtocol, int]:
    """The ports at which the chargers' listeners, by their names, hand over who wants a file."""
    # where only certificates of chargers open anything, their files are behind these too; a later one takes the place
    of: tuple[tuple[FileProtocol, str], ...] = (("HTTP", "plain"), ("HTTPS", "mutual-tls"), ("HTTPS", "tls"))
    return {protocol: addresses[name][1] for protocol, name in of if name in addresses}
