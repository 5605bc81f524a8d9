"""The real program inside the simulated site: started, killed without warning, started again on what its disk held."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chargemon_edge.app import Addresses, App
from chargemon_edge.config import Settings, load
from chargemon_edge.control.ports import Clock
from chargemon_edge.sim.reserved_port import reserve
from chargemon_edge.sim.scenario import toml_text
from chargemon_edge.site.facts import Fact

_READY_S = 60.0


class LoopClock:
    """The loop's time as both clocks of the daemon; UTC begins at *epoch_s*."""

    def __init__(self, epoch_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._epoch_s = epoch_s - self._loop.time()

    def monotonic_s(self) -> float:
        """The loop's time."""
        return self._loop.time()

    def utc_ms(self) -> int:
        """Virtual UTC, as the daemon's machine believes it."""
        return round((self._epoch_s + self._loop.time()) * 1000)

    def true_utc_s(self) -> float:
        """Virtual UTC as it is."""
        return self._epoch_s + self._loop.time()


class Daemon:
    """One installation: its folder outlives every run."""

    def __init__(
        self,
        configuration: dict[str, Any],
        folder: Path,
        clock: Callable[[], Clock],
        *,
        inline_writer: bool,
        followed: Callable[[Fact], None],
    ) -> None:
        """*clock*: one for each start."""
        self.app: App | None = None
        """None while it does not run."""
        self.runs = 0
        self.addresses: Addresses | None = None
        """Where it listens, or listened before it died."""
        self._configuration = configuration
        self._folder = folder
        self._clock = clock
        self._inline_writer = inline_writer
        self._followed = followed
        self._task: asyncio.Task[None] | None = None
        self._end_following: Callable[[], None] = _nothing
        # kept from others while it is dead
        self._ports: list[socket.socket] = []

    def settings(self) -> Settings:
        """The configuration as the daemon reads it; raises ConfigError."""
        document = dict(self._configuration)
        store = {**document.get("store", {}), "directory": str(self._directory(self.runs))}
        document["store"] = store
        if self.addresses is not None:
            # chargers and browsers come back to where it was
            document["chargers"] = {**document.get("chargers", {}), "port": self.addresses.chargers[1]}
            document["page"] = {**document.get("page", {}), "port": self.addresses.page[1]}
        return load(toml_text(document), self._folder)

    async def start(self) -> Addresses:
        """Start it on what the disk holds; returns when it listens. Raises whatever stops it."""
        assert self.app is None
        self._directory(self.runs).mkdir(parents=True, exist_ok=True)
        app = App(self.settings(), self._clock(), inline_writer=self._inline_writer)
        listening: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(app.run(listening.set_result), name="daemon")
        starting: set[asyncio.Future[Any]] = {self._task, listening}
        await asyncio.wait(starting, timeout=_READY_S, return_when=asyncio.FIRST_COMPLETED)
        if not listening.done():
            await self.stop()
            raise RuntimeError("the daemon did not come up")
        self._give_up_ports()
        self.app = app
        self.addresses = listening.result()
        assert app.present is not None
        self._end_following = app.present.follow(self._followed)
        return self.addresses

    async def kill(self) -> None:
        """Power off: what was not on disk at this moment is lost; the next start sees just the rest.

        The files are copied first, so that whatever the dying tasks still write is lost with them. Sockets must have
        been cut before by their other ends.
        """
        self._end_following()
        self._end_following = _nothing
        self.app = None
        before = self._directory(self.runs)
        self.runs += 1
        after = self._directory(self.runs)
        after.mkdir()
        for file in sorted(before.iterdir()):
            if file.is_dir():
                shutil.copytree(file, after / file.name)
            elif not file.name.endswith("-shm"):
                shutil.copy2(file, after / file.name)
        await self.stop()
        if self.addresses is not None:
            self._ports = [reserve(*self.addresses.chargers), reserve(*self.addresses.page)]

    async def stop(self) -> None:
        """Stop it cleanly, as systemd does."""
        self._give_up_ports()
        self._end_following()
        self._end_following = _nothing
        self.app = None
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            (outcome,) = await asyncio.gather(task, return_exceptions=True)
            if isinstance(outcome, Exception):
                raise outcome

    def check(self) -> None:
        """Raise what ended it, if it ended by itself."""
        if self._task is not None and self._task.done() and self.app is not None:
            self._task.result()
            raise RuntimeError("the daemon ended by itself")

    def _give_up_ports(self) -> None:
        for port in self._ports:
            port.close()
        self._ports = []

    def _directory(self, run: int) -> Path:
        return self._folder / f"run-{run}"


def _nothing() -> None:
    """Nobody follows."""
