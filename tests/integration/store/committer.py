"""A process that is made to be killed: starts and ends transactions and says which of them were answered.

It forks a child for each line it reads (a directory and a file) and answers with the child's process id. The child
keeps its store in the directory and appends a line to the file for each answer that a charge point would have got:
``started ID CHARGE_POINT`` or ``stopped ID CHARGE_POINT``.
"""

from __future__ import annotations

import asyncio
import os
import sys

from chargemon_edge.clock import SystemClock
from chargemon_edge.control.ports import moment
from chargemon_edge.site.facts import Fact
from chargemon_edge.store.journal import Store, open_store
from chargemon_edge.store.settings import StoreSettings
from tests.unit.store.site_facts import started, status, stopped, values

CHARGE_POINTS = 8


async def charge_point(store: Store, number: int, answered: int) -> None:
    """Start, end, start, end, … one request at a time, as a charge point does."""
    identity = f"CP{number}"
    clock = SystemClock()
    running = store.restored.picture.connector(identity, 1).transaction
    transaction_id = None if running is None else running.transaction_id
    next_id = store.restored.next_transaction_id + number
    while True:
        store.journal.record([status(charge_point=identity), values(charge_point=identity)])
        if transaction_id is None:
            transaction_id, next_id = next_id, next_id + CHARGE_POINTS
            text = f"{identity} {transaction_id}"
            await answer(store, started(transaction_id, charge_point=identity, started_text=text, at=moment(clock)))
            os.write(answered, f"started {transaction_id} {identity}\n".encode())
        else:
            await answer(store, stopped(transaction_id, charge_point=identity, at=moment(clock)))
            os.write(answered, f"stopped {transaction_id} {identity}\n".encode())
            transaction_id = None


async def answer(store: Store, fact: Fact) -> None:
    """Wait for the commit, as a reply does."""
    done: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
    store.journal.commit([fact], done.set_result)
    if await done is not None:
        # the disk is gone: nothing is answered any more until the process is killed
        await asyncio.Event().wait()


async def child(directory: str, answered_file: str) -> None:
    """Runs until it is killed."""
    answered = os.open(answered_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    settings = StoreSettings(directory=directory, reserve_kb=64, record_flush_s=0.02, samples_flush_s=0.02)
    store = open_store(settings, SystemClock(), inline=False)
    os.write(answered, b"opened\n")
    await asyncio.gather(*(charge_point(store, number, answered) for number in range(CHARGE_POINTS)))


def main() -> None:
    """Fork one child for each line."""
    for line in sys.stdin:
        process_id = os.fork()
        if process_id == 0:
            try:
                asyncio.run(child(*line.split()))
            finally:
                # never back into the loop of the parent
                os._exit(1)
        print(process_id, flush=True)
        os.waitpid(process_id, 0)
        print("gone", flush=True)


if __name__ == "__main__":
    main()
