"""A fact that somebody waits for: on disk and in the picture. Must never let anyone answer earlier.

A wish of an operator is on disk first. What must be so although a disk fails is in the picture first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from chargemon_edge.control.ports import Journal
from chargemon_edge.control.present import Present
from chargemon_edge.site.facts import Fact


async def make_durable(journal: Journal, present: Present, new: Sequence[Fact]) -> Exception | None:
    """Commit *new* and fold it in; returns once it is durable, or with why nothing of it was taken.

    Whoever asked may go away meanwhile: what got to the disk is folded in all the same.
    """
    return await _committed(journal, new, lambda: present.apply(new))


async def make_so(journal: Journal, present: Present, new: Sequence[Fact]) -> Exception | None:
    """Fold *new* in at once and commit it; returns once it is durable, or with why it is not on disk."""
    present.apply(new)
    return await _committed(journal, new, lambda: None)


async def _committed(journal: Journal, new: Sequence[Fact], durable: Callable[[], None]) -> Exception | None:
    ended: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def done(error: Exception | None) -> None:
        if error is None:
            durable()
        if not ended.done():
            ended.set_result(error)

    journal.commit(new, done)
    return await ended
