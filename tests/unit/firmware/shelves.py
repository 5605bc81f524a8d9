"""A desk on a temporary directory, with everything that it leans on written by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from chargemon_edge.control.configuration_memory import ConfigurationMemory
from chargemon_edge.control.file_keeping import FileRefused, ImageWish
from chargemon_edge.control.ports import RestoredFiles
from chargemon_edge.control.present import Present
from chargemon_edge.firmware.desk import FileDesk, Surroundings
from chargemon_edge.firmware.settings import FilesSettings
from chargemon_edge.site.image import Image
from chargemon_edge.site.layout import Site
from chargemon_edge.site.picture import SitePicture
from tests.unit.control.fakes import FakeChargePoints, FakeClock, FakeJournal, FakeModels
from tests.unit.store.site_facts import AT


class FakeSignatures:
    """Finds *wrong* with every signature; None: nothing."""

    def __init__(self) -> None:
        self.wrong: str | None = None
        self.asked: list[tuple[bytes, str, str]] = []

    async def fault(self, sha256: bytes, signature: str, certificate: str) -> str | None:
        self.asked.append((sha256, signature, certificate))
        return self.wrong


class Shelves:
    """The desk and its surroundings."""

    def __init__(self, folder: Path, restored: RestoredFiles | None = None, **settings: Any) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.journal = FakeJournal()
        self.present = Present(Site(name="site", circuits=(), charge_points=(), meters=()), SitePicture(started=AT))
        self.charge_points = FakeChargePoints({})
        self.models = FakeModels()
        self.signatures = FakeSignatures()
        self.desk = FileDesk(
            FilesSettings(**settings),
            folder,
            Surroundings(
                present=self.present,
                journal=self.journal,
                clock=self.clock,
                whereabouts=self.charge_points,
                models=self.models,
                keys=ConfigurationMemory(self.present, ()),
                signatures=self.signatures,
                tls=None,
            ),
            restored or RestoredFiles(),
            free_min_percent=0,
            inline=True,
        )

    async def opened(self) -> Shelves:
        """Serving; a test that asks for no socket need not stop it."""
        await self.desk.start({"HTTP": 8887, "HTTPS": 8888}, "127.0.0.1")
        return self

    async def add(self, octets: bytes, *, cut: int | None = None, **changes: Any) -> Image | FileRefused:
        """Add these bytes, or the first *cut* of them, announced as *changes* say."""
        return await self.desk.add_image(wish(octets, **changes), pieces(octets[:cut]), "operator")

    async def added(self, octets: bytes = b"firmware", **changes: Any) -> Image:
        """An image of these bytes."""
        image = await self.add(octets, **changes)
        assert isinstance(image, Image), image
        return image

    def images_on_disk(self) -> list[str]:
        """The names of the files."""
        return sorted(one.name for one in (self.folder / "images").iterdir())


def wish(octets: bytes, **changes: Any) -> ImageWish:
    members: dict[str, Any] = {
        "file_name": "image.bin",
        "vendor": "Maker",
        "models": ("Model",),
        "version": "2.0",
        "size_bytes": len(octets),
    }
    return ImageWish(**{**members, **changes})


async def pieces(octets: bytes, size: int = 3) -> AsyncIterator[bytes]:
    for start in range(0, len(octets), size):
        yield octets[start : start + size]
