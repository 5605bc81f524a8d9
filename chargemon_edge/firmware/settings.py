"""What the configuration may say about files for and from chargers. Must never hold a secret."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Annotated

import msgspec

Megabytes = Annotated[int, msgspec.Meta(ge=1, le=1_048_576)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]


class FilesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``[files]``"""

    directory: str | None = None
    """None: ``files`` beside the databases."""
    address: str | None = None
    """Host name or address in the addresses that chargers are given; None: the one that the charger has dialled."""
    image_max_mb: Megabytes = 512
    library_max_mb: Megabytes = 2048
    require_signature: bool = False
    """Take only signed images."""
    signing_authorities: str | None = None
    """A PEM file of roots, one of which must have signed the certificate that an image is signed with; None: any."""
    upload_max_mb: Megabytes = 100
    """The largest file that a charger may deliver."""
    uploads_max_mb: Megabytes = 1024
    """All of them together; the oldest make room."""
    keep_uploads_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 90
    bandwidth_kb_s: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)] = 10_000
    """All transfers together, in thousands of bytes a second; 0: whatever the network takes."""
    max_transfers: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 64
    """At once; one more is told to come back."""
    stall_s: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 120.0
    """A transfer of which nothing moves for this long is cut; the charger may go on later where it was."""
    bind_address: bool = True
    """A charger's files are given and taken at the address of its own link only."""
    ftp_port: Port | None = None
    """None: no FTP."""
    ftps_port: Port | None = None
    """FTP within TLS from the first byte; None: none."""
    ftp_passive_ports: tuple[int, int] = (50_000, 50_099)
    """The first and the last port on which data connections are awaited."""

    @property
    def image_max_bytes(self) -> int:
        """See :attr:`image_max_mb`."""
        return self.image_max_mb * 1_000_000

    @property
    def library_max_bytes(self) -> int:
        """See :attr:`library_max_mb`."""
        return self.library_max_mb * 1_000_000

    @property
    def upload_max_bytes(self) -> int:
        """See :attr:`upload_max_mb`."""
        return self.upload_max_mb * 1_000_000

    @property
    def uploads_max_bytes(self) -> int:
        """See :attr:`uploads_max_mb`."""
        return self.uploads_max_mb * 1_000_000


def mistakes(settings: FilesSettings, *, tls: bool) -> Iterator[str]:
    """Everything that makes the settings unusable, one sentence each; *tls*: chargers have a listener with TLS."""
    if settings.image_max_mb > settings.library_max_mb:
        yield "image_max_mb is more than library_max_mb: no image of that size could ever be kept"
    if settings.upload_max_mb > settings.uploads_max_mb:
        yield "upload_max_mb is more than uploads_max_mb: no file of that size could ever be kept"
    if settings.ftps_port is not None and not tls:
        yield "ftps_port needs certificates: set chargers.tls_port as well"
    if settings.ftp_port is not None and settings.ftp_port == settings.ftps_port:
        yield "ftp_port and ftps_port must differ"
    first, last = settings.ftp_passive_ports
    if not 1024 <= first <= last <= 65_535:
        yield "ftp_passive_ports must be two ports between 1024 and 65535, the lower first, like [50000, 50099]"
    if settings.address is not None and not _is_host(settings.address):
        yield f"address: {settings.address!r} is neither a host name nor an address"


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return bool(text) and text.isascii() and all(one.isalnum() or one in ".-" for one in text)
    return True
