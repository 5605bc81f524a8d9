"""How a simulated charger comes by its link: it dials, loses it, waits longer each time, and dials again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from urllib.parse import quote

import msgspec

from chargemon_edge.sim.personality import Personality
from chargemon_edge.sim.timers import Timers
from chargemon_edge.sim.websocket import WebSocket

_LINK_FAILED_S = 10.0


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Who the charger is to the central system."""

    identity: str
    password: str | None = None


class Dialler:
    """At most one WebSocket at a time; *opened*, *received* and *lost* are told what becomes of it."""

    def __init__(
        self,
        account: Account,
        personality: Personality,
        timers: Timers,
        chance: random.Random,
        *,
        opened: Callable[[], None],
        received: Callable[[bytes], None],
        lost: Callable[[], None],
    ) -> None:
        self._account = account
        self._personality = personality
        self._timers = timers
        self._chance = chance
        self._opened_to = opened
        self._received_to = received
        self._lost_to = lost
        self.powered = False
        self.last_close = ""
        """Why the last link ended."""
        self.address = ("", 0)
        self._socket: WebSocket | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._redial_s = personality.redial_s
        self._away_until_s = 0.0

    @property
    def linked(self) -> bool:
        """Whether a WebSocket stands."""
        return self._socket is not None and self._socket.is_open

    @property
    def alone(self) -> bool:
        """Whether nothing from the central system can come through."""
        socket = self._socket
        return socket is None or not socket.is_open or socket.deaf

    def power_on(self, host: str, port: int) -> None:
        """Dial the central system there."""
        self.address = (host, port)
        self.powered = True
        self._dial()

    def power_off(self) -> None:
        """Nothing more is said, and nobody dials."""
        self.powered = False
        self.cut("no power")
        self._socket = None
        if self._dialling is not None:
            self._dialling.cancel()
            self._dialling = None

    def cut(self, why: str, away_s: float = 0.0) -> None:
        """The link breaks, without a word to either side, and cannot come back for *away_s*."""
        self._away_until_s = max(self._away_until_s, self._timers.now_s() + away_s)
        if self._socket is not None:
            self._socket.abort(why)

    def go_deaf(self, for_s: float) -> None:
        """The link looks open, but nothing passes in either direction; afterwards it breaks."""
        if self._socket is not None:
            self._socket.deaf = True
            self._timers.after("deaf", for_s, lambda: self.cut("radio back"))

    def send(self, frame: bytes) -> None:
        """Send one text message, if there is a link."""
        if self._socket is not None:
            self._socket.send(frame)

    def ping(self) -> None:
        """Send a WebSocket ping, if there is a link."""
        if self._socket is not None:
            self._socket.ping()

    def later(self, name: str, delay_s: float, frame: bytes) -> None:
        """Send *frame* after a while on the link that stands now, and on no other."""
        socket = self._socket
        if socket is not None:
            self._timers.after(name, delay_s, lambda: socket.send(frame))

    def _dial(self) -> None:
        if not self.powered or self._socket is not None:
            return
        wait_s = self._away_until_s - self._timers.now_s()
        if wait_s > 0:
            self._timers.after("dial", wait_s, self._dial)
            return
        self._dialling = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        host, port = self.address
        socket = WebSocket(
            f"/ocpp/{quote(self._account.identity, safe='')}",
            host=f"{host}:{port}",
            user=self._account.identity,
            password=self._account.password,
            chance=self._chance,
            opened=self._opened,
            received=self._received_to,
            closed=lambda why: self._closed(socket, why),
            subprotocol=self._personality.subprotocol,
            origin=self._personality.origin,
        )
        socket.answers_pings = self._personality.answers_pings
        socket.breaks_on_ping = self._personality.breaks_on_ping
        self._socket = socket
        try:
            await asyncio.get_running_loop().create_connection(lambda: socket, host, port)
        except OSError as error:
            self._closed(socket, str(error))
            return
        self._timers.after("link", _LINK_FAILED_S, lambda: self.cut("no answer to the upgrade"))

    def _opened(self) -> None:
        self._timers.cancel("link")
        self._redial_s = self._personality.redial_s
        self._opened_to()

    def _closed(self, socket: WebSocket, why: str) -> None:
        if socket is not self._socket:
            return
        self._socket = None
        self.last_close = why
        self._timers.cancel("link")
        self._lost_to()
        if self.powered:
            self._timers.after("dial", self._redial_s * self._chance.uniform(0.8, 1.2), self._dial)
            self._redial_s = min(self._redial_s * 2, self._personality.redial_max_s)
