"""Wires that have something to send, and the moment to send it: when what has come in meanwhile is dealt with.

Answers that go out one after the other cost the kernel less than each between two requests, and several to one peer
become one write. Nothing waits longer than the loop's iteration lasts.
"""

from __future__ import annotations

import asyncio
from typing import Protocol


class Sender(Protocol):
    """What has something to send."""

    def flush(self) -> None:
        """Write it now."""
        ...


class Outgoing:
    """Shared by all wires of a listener. Lives on the event loop."""

    def __init__(self) -> None:
        self._senders: list[Sender] = []

    def add(self, sender: Sender) -> None:
        """Flush *sender* at the end of this iteration; to be called once until then."""
        if not self._senders:
            asyncio.get_running_loop().call_soon(self._flush)
        self._senders.append(sender)

    def _flush(self) -> None:
        senders, self._senders = self._senders, []
        for sender in senders:
            sender.flush()
