"""What people do with files: images they add and take away, charge points' files they look at. Ports, no I/O.

The far side is :mod:`chargemon_edge.firmware`; the operator's edges meet it here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated, Literal, Protocol

import msgspec

from chargemon_edge.control.ports import FirmwareFiles
from chargemon_edge.site.file_facts import Delivery
from chargemon_edge.site.file_protocol import FileProtocol
from chargemon_edge.site.image import Image

Pattern = Annotated[str, msgspec.Meta(min_length=1, max_length=50)]


class ImageWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody says of an image before its bytes come."""

    file_name: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    vendor: Pattern
    """The chargePointVendor that it is for; ``*`` stands for anything."""
    models: Annotated[tuple[Pattern, ...], msgspec.Meta(min_length=1, max_length=50)]
    """The chargePointModels."""
    version: Annotated[str, msgspec.Meta(min_length=1, max_length=50)]
    """The firmwareVersion that a charger names once it runs this."""
    from_versions: Annotated[str, msgspec.Meta(max_length=100)] = ""
    """Bounds of the versions that it may follow upon, such as ``>= 4, < 5.2``."""
    size_bytes: Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F]{64}$")] | None = None
    """As the vendor publishes it."""
    signature: Annotated[str, msgspec.Meta(min_length=1, max_length=800)] | None = None
    """Base64; with it the certificate is needed."""
    signing_certificate: Annotated[str, msgspec.Meta(min_length=1, max_length=5500)] | None = None
    """PEM."""


class FileRefused(msgspec.Struct, frozen=True, kw_only=True):
    """It is not done, and nothing is left of it."""

    kind: Literal["invalid", "duplicate", "too large", "no room", "in use", "unknown", "not stored"]
    reason: str


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """A file on its way to or from a charge point, or the offer of one."""

    ticket_id: str
    charge_point: str
    protocol: FileProtocol
    image_id: str | None
    """None: it is for the charge point to deliver."""
    purpose: str
    bytes_done: int
    size_bytes: int | None
    running: bool
    expires_utc_ms: int


class FileKeeping(FirmwareFiles, Protocol):
    """The desk of an operator."""

    async def add_image(self, wish: ImageWish, content: AsyncIterator[bytes], by: str) -> Image | FileRefused:
        """Take the bytes that *wish* describes. What *content* raises ends it, and nothing is left."""
        ...

    async def remove_image(self, image_id: str, by: str) -> FileRefused | None:
        """Remove it from the library, unless somebody needs it."""
        ...

    def wish_fault(self, wish: ImageWish) -> FileRefused | None:
        """What can be said against an image before its bytes come."""
        ...

    def transfers(self) -> Sequence[Transfer]:
        """What is offered and runs now, by charge point."""
        ...

    def deliveries(self) -> Sequence[Delivery]:
        """What charge points have delivered, newest first."""
        ...

    def delivery(self, number: int) -> tuple[Delivery, Path] | None:
        """One of them, and where its bytes are."""
        ...

    async def remove_delivery(self, number: int, by: str) -> FileRefused | None:
        """Remove it."""
        ...
