"""The daemon with files to give and to take, and curl as what a charger fetches and delivers them with."""

from __future__ import annotations

import asyncio
import hashlib
import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

from chargemon_edge.control.file_keeping import ImageWish
from chargemon_edge.control.ports import FileOffer
from chargemon_edge.firmware.desk import FileDesk
from chargemon_edge.site.facts import Fact
from chargemon_edge.site.file_protocol import FileProtocol
from chargemon_edge.site.image import Image
from tests.certification.charge_point import ChargePoint
from tests.certification.laboratory import Laboratory, running

PATIENCE_S = 20.0
Kind = TypeVar("Kind", bound=Fact)


class Fetched(NamedTuple):
    """What came of a run of curl."""

    code: int
    """Its own: 0, or why not."""
    status: int
    """The protocol's last answer."""
    output: bytes


async def curl(*arguments: str) -> Fetched:
    """Run curl, its output captured."""
    process = await asyncio.create_subprocess_exec(
        "curl",
        "--silent",
        "--noproxy",
        "*",
        "--max-time",
        str(PATIENCE_S),
        "--write-out",
        "%{stderr}%{response_code}",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return Fetched(process.returncode or 0, int(errors.split()[-1]), output)


def content(size_bytes: int, seed: int = 1) -> bytes:
    """Bytes that look like no other's."""
    return random.Random(seed).randbytes(size_bytes)


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


class Depot:
    """The running daemon's desk, its laboratory, and what happened."""

    def __init__(self, laboratory: Laboratory, charge_point: ChargePoint) -> None:
        desk, present = laboratory.app.files, laboratory.app.present
        assert desk is not None
        assert present is not None
        self.laboratory = laboratory
        self.charge_point = charge_point
        """The first one, on its link."""
        self.desk: FileDesk = desk
        self.facts: list[Fact] = []
        present.follow(self.facts.append)

    async def add(self, octets: bytes, *, version: str = "2.0") -> Image:
        """An image of these bytes."""
        wish = ImageWish(
            file_name="maker/../../image v2.bin",
            vendor="Maker",
            models=("Model",),
            version=version,
            size_bytes=len(octets),
            sha256=hashlib.sha256(octets).hexdigest(),
        )
        image = await self.desk.add_image(wish, pieces(octets), "test")
        assert isinstance(image, Image), image
        return image

    async def offer(
        self, image: Image, charge_point: str = "CP1", *, good_for_s: float = 600, protocol: FileProtocol | None = None
    ) -> FileOffer:
        """Where that charge point can fetch it."""
        offer = await self.desk.offer_image(
            charge_point, image.image_id, good_for_s=good_for_s, by="test", protocol=protocol
        )
        assert isinstance(offer, FileOffer), offer
        return offer

    async def offer_upload(
        self, charge_point: str = "CP1", *, purpose: str = "Diagnostics", protocol: FileProtocol | None = None
    ) -> FileOffer:
        """Where it can deliver a file."""
        offer = await self.desk.offer_upload(charge_point, purpose, good_for_s=600, by="test", protocol=protocol)
        assert isinstance(offer, FileOffer), offer
        return offer

    async def until(self, there: Callable[[], bool]) -> None:
        """Wait until *there* holds."""
        async with asyncio.timeout(PATIENCE_S):
            while not there():
                await asyncio.sleep(0.01)

    def told(self, kind: type[Kind]) -> list[Kind]:
        """The facts of that kind."""
        return [fact for fact in self.facts if isinstance(fact, kind)]


async def pieces(octets: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    """As they come over a network."""
    for start in range(0, len(octets), size):
        yield octets[start : start + size]


@asynccontextmanager
async def depot(
    folder: Path,
    files: str = "",
    *,
    store: str = "",
    profile: int = 1,
    tls: bool = False,
    identities: tuple[str, ...] = ("CP1",),
) -> AsyncIterator[Depot]:
    """The daemon with the first charge point connected; *files* and *store*: lines of those tables."""
    async with (
        running(folder, identities, f"{store}\n[files]\n{files}\n", profile=profile, tls=tls) as laboratory,
        laboratory.connected(identities[0]) as charge_point,
    ):
        yield Depot(laboratory, charge_point)
