"""A wish of an operator becomes a fact: on disk first, then in the picture. Must never let anyone answer earlier."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from chargemon_edge.control.ports import Journal
from chargemon_edge.control.present import Present
from chargemon_edge.site.facts import Fact


async def make_durable(journal: Journal, present: Present, new: Sequence[Fact]) -> Exception | None:
    """Commit *new* and fold it in; returns once it is durable, or with why nothing of it was taken.

    Whoever asked may go away meanwhile: what got to the disk is folded in all the same.
    """
    ended: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def done(error: Exception | None) -> None:
        if error is None:
            present.apply(new)
        if not ended.done():
            ended.set_result(error)

    journal.commit(new, done)
    return await ended
