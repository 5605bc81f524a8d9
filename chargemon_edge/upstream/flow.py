"""What is under way to the broker: never more than it takes at once, and nothing unanswered for ever.

Several send through one window: events without waiting for each other, everything else one by one. Lives on the loop.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable

import msgspec

from chargemon_edge.control.ports import Clock
from chargemon_edge.upstream.link_life import Abilities, packet_bytes, window
from chargemon_edge.upstream.mqtt import Outgoing

ACK_MAX_S = 20.0

LOST = -1
"""Instead of a reason code: the connection ended before the broker answered."""
TOO_LARGE = -2
"""Instead of one: it is larger than the broker takes; nothing was sent."""
NO_SUBSCRIBER = 0x10
REFUSED = 0x80
PACKET_TOO_LARGE = 0x95

Done = Callable[[int], None]


class Flow:
    """The messages of one connection that the broker has not answered yet."""

    def __init__(self, abilities: Abilities, publish: Callable[[Outgoing], int | None], clock: Clock) -> None:
        self.abilities = abilities
        self._publish = publish
        self._clock = clock
        self._window = window(abilities)
        # in the order of sending
        self._under_way: dict[int, tuple[Done, float, str]] = {}
        self._waiting: deque[asyncio.Future[None]] = deque()
        # places that were given to who waited and has not sent yet
        self._promised = 0
        self._room_made = asyncio.Event()
        self._closed = False
        # refusals by reason code, and messages that nobody had subscribed to
        self.refused: Counter[int] = Counter()
        self.unheard = 0
        # what was refused last: topic and reason code
        self.last_refusal: tuple[str, int] | None = None

    def fits(self, message: Outgoing) -> bool:
        """Whether the broker takes a message of this size."""
        most = self.abilities.packet_max
        return most is None or packet_bytes(message.topic, message.payload, message.correlation) <= most

    def has_room(self) -> bool:
        """Whether a message may go now, for who sends many: leaves some room to the others."""
        free = self._window - len(self._under_way) - self._promised
        if self._waiting or self._closed:
            return False
        return free > (2 if self._window > 4 else 0)

    async def change(self) -> None:
        """Wait until there may be room where there was none: after the answer to anybody's message."""
        self._room_made.clear()
        await self._room_made.wait()

    def offer(self, message: Outgoing, done: Done) -> None:
        """Send now: only while there :meth:`has_room`. *done* is called once, with a reason code or LOST.

        A broker that retains nothing is not asked to: it would hang up.
        """
        if message.retain and not self.abilities.retain:
            message = msgspec.structs.replace(message, retain=False)
        mid = self._publish(message)
        if mid is None:
            done(LOST)
            return
        self._under_way[mid] = (done, self._clock.monotonic_s(), message.topic)

    async def deliver(self, message: Outgoing) -> int:
        """Send in turn and wait for the answer: a reason code, LOST or TOO_LARGE."""
        if not self.fits(message):
            self.refused[PACKET_TOO_LARGE] += 1
            return TOO_LARGE
        if len(self._under_way) + self._promised >= self._window and not self._closed:
            await self._turn()
        if self._closed:
            return LOST
        answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.offer(message, lambda code: None if answered.done() else answered.set_result(code))
        return await answered

    async def _turn(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._promised -= 1
                self._next()
            raise
        self._promised -= 1

    def acknowledged(self, mid: int, code: int) -> None:
        """The broker has answered."""
        entry = self._under_way.pop(mid, None)
        if entry is None:
            return
        if code >= REFUSED:
            self.refused[code] += 1
            self.last_refusal = (entry[2], code)
        elif code == NO_SUBSCRIBER:
            self.unheard += 1
        entry[0](code)
        self._next()

    def overdue(self) -> bool:
        """Whether the broker has not answered a message for too long: then the connection is worth nothing."""
        if not self._under_way:
            return False
        _, sent_s, _ = next(iter(self._under_way.values()))
        return self._clock.monotonic_s() - sent_s > ACK_MAX_S

    def close(self) -> None:
        """The connection has ended: nothing is answered any more."""
        self._closed = True
        under_way, self._under_way = self._under_way, {}
        for done, _, _ in under_way.values():
            done(LOST)
        while self._waiting:
            self._next()

    def _next(self) -> None:
        self._room_made.set()
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                self._promised += 1
                turn.set_result(None)
                return
