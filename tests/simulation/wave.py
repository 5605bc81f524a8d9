"""A wave of thirty simulated chargers that get new firmware: most are good, and one each goes wrong its own way."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from chargemon_edge.control.campaigns import Campaigns
from chargemon_edge.control.file_keeping import FileRefused, ImageWish
from chargemon_edge.control.update_steps import VERDICTS, Step
from chargemon_edge.sim.charger import Charger
from chargemon_edge.sim.daemon import Daemon, LoopClock
from chargemon_edge.sim.dialling import Account
from chargemon_edge.sim.firmware_file import made
from chargemon_edge.sim.personality import Personality, personality
from chargemon_edge.site.facts import Fact
from chargemon_edge.site.image import Image
from chargemon_edge.site.rollout import Campaign, Rules
from tests.simulation.playing import EPOCH_S

VERSION = "2.0"
IMAGE = made(VERSION, 40_000)
GOOD = 24
ODD: dict[str, tuple[dict[str, Any], Step]] = {
    "refuses": ({"firmware_update": "refuses-image"}, Step.INSTALL_FAILED),
    # it forgets the end of long addresses, and so asks for a file that is not there
    "not-found": ({"url_longest": 50}, Step.DOWNLOAD_FAILED),
    "stuck": ({"firmware_update": "stuck"}, Step.STUCK),
    "old": ({"firmware_update": "old-version"}, Step.OLD_VERSION),
    "dead": ({"firmware_update": "dead"}, Step.NEVER_CAME_BACK),
    "ftp-only": ({"file_protocols": "FTP"}, Step.SUCCEEDED),
}
# the canaries are good ones; the odd ones stand among the others
NAMES = [f"good-{number:02d}" for number in range(GOOD)]
for _place, _name in enumerate(ODD):
    NAMES.insert(5 + 4 * _place, _name)
RIGHT = {name: ODD[name][1].value if name in ODD else Step.SUCCEEDED.value for name in NAMES}


def kinds(**of_all: Any) -> dict[str, Personality]:
    """Who is who; *of_all* changes every one."""
    obedient = replace(personality("obedient"), **of_all)
    return {name: replace(obedient, **(ODD[name][0] if name in ODD else {})) for name in NAMES}


def free_port() -> int:
    """One that nobody has now, and that no dialler gets by chance while the daemon is down."""
    chance = random.SystemRandom()
    while True:
        port = chance.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def document(folder: Path) -> dict[str, Any]:
    """The site's configuration: thirty chargers on one large fuse, FTP on."""
    return {
        "circuit": [{"name": "main", "fuse_a": 1_000.0}],
        "charge_point": [
            {
                "identity": name,
                "allow_without_password": True,
                "connector": [{"number": 1, "circuit": "main", "fallback_a": 6.0}],
            }
            for name in NAMES
        ],
        "chargers": {"host": "127.0.0.1", "port": 0},
        "page": {"port": 0, "unix_socket": str(folder / "control.sock")},
        "files": {"ftp_port": free_port()},
    }


class Wave:
    """The daemon and its chargers, in virtual time."""

    def __init__(
        self, folder: Path, followed: Callable[[Fact], None], changes: Mapping[str, Mapping[str, Any]] | None = None
    ) -> None:
        """*changes*: what some are besides, by name."""
        self.clock = LoopClock(EPOCH_S)
        self.daemon = Daemon(document(folder), folder, lambda: self.clock, inline_writer=True, followed=followed)
        self.chargers = {
            name: Charger(Account(identity=name), {1: 32_000}, kind, utc_s=self.clock.true_utc_s, seed=1)
            for name, kind in kinds().items()
            for kind in [replace(kind, **(changes or {}).get(name, {}))]
        }

    async def start(self) -> None:
        """Both ends, until every charger has booted."""
        addresses = await self.daemon.start()
        for charger in self.chargers.values():
            charger.power_on(*addresses.chargers)
        await asyncio.sleep(60)

    async def stop(self) -> None:
        """Both ends."""
        for charger in self.chargers.values():
            charger.power_off()
        await asyncio.sleep(0.1)
        await self.daemon.stop()

    async def restart(self) -> None:
        """Power off in the middle, and on again."""
        for charger in self.chargers.values():
            charger.cut("the daemon was killed")
        await asyncio.sleep(0)
        await self.daemon.kill()
        await self.daemon.start()

    async def add(
        self, content: bytes = IMAGE, *, signature: str | None = None, certificate: str | None = None
    ) -> Image | FileRefused:
        """The image in the library."""
        assert self.daemon.app is not None
        assert self.daemon.app.files is not None
        wish = ImageWish(
            file_name="new.bin",
            vendor="Simulated",
            models=("*",),
            version=VERSION,
            size_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            signature=signature,
            signing_certificate=certificate,
        )

        async def parts() -> AsyncIterator[bytes]:
            for begin in range(0, len(content), 10_000):
                yield content[begin : begin + 10_000]

        return await self.daemon.app.files.add_image(wish, parts(), "test")

    async def begin(self, image: Image | FileRefused, names: Sequence[str], rules: Rules) -> Campaign:
        """The campaign."""
        assert isinstance(image, Image), image
        return await self._campaigns().start(image.image_id, VERSION, names, rules, "test")

    def verdicts(self, number: int) -> dict[str, str]:
        """Where each charger stands."""
        return {one.charge_point: one.step for one in self._campaigns().updates(number)}

    def over(self, number: int) -> bool:
        """Whether each has its verdict."""
        return all(Step(step) in VERDICTS for step in self.verdicts(number).values())

    def _campaigns(self) -> Campaigns:
        assert self.daemon.app is not None
        assert self.daemon.app.updates is not None
        return self.daemon.app.updates.campaigns
