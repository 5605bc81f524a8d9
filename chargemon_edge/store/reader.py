"""Looks things up on disk beside the event loop: one thread, connections that cannot write, bounded in time and number.

A question waits for the one before it, never for the writer, and the writer never for it. What takes too long is cut
off: a long read would keep the log from being written from its beginning again. Must never write.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

from chargemon_edge.control.records import HistoryUnavailableError

log = logging.getLogger(__name__)

QUERY_MAX_S = 2.0
WAITING_MAX = 16
# SQLite asks so often whether to go on; some tens of microseconds
_STEPS = 5_000

P = ParamSpec("P")
T = TypeVar("T")
Query = Callable[Concatenate[sqlite3.Connection, P], T]


class Reader:
    """Asked on the event loop. With *inline* there is no thread: for virtual time."""

    def __init__(
        self, connect: Callable[[str], sqlite3.Connection], *, inline: bool, query_max_s: float = QUERY_MAX_S
    ) -> None:
        """*connect* opens ``site`` or ``samples`` for reading."""
        self._connect = connect
        self._inline = inline
        self._query_max_s = query_max_s
        self._connections: dict[str, sqlite3.Connection] = {}
        self._executor: ThreadPoolExecutor | None = None
        self._waiting = 0
        self._deadline_s = 0.0
        self._closed = False

    async def ask(self, database: str, query: Query[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """*query* of ``site`` or ``samples``. Raises :class:`HistoryUnavailableError`."""
        if self._closed or self._waiting >= WAITING_MAX:
            raise HistoryUnavailableError("too much is being looked up at once; ask again in a moment")

        def look_up() -> T:
            return self._look_up(database, lambda connection: query(connection, *arguments, **named))

        if self._inline:
            return look_up()
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="store-reader")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, look_up)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Cut off what runs, and close the connections: before the writer's own, which tidies the files up."""
        self._closed = True
        self._deadline_s = 0.0
        if self._executor is None:
            self._close_connections()
            return
        self._executor.submit(self._close_connections)
        self._executor.shutdown(wait=True)

    def _look_up(self, database: str, query: Callable[[sqlite3.Connection], T]) -> T:
        """On the thread."""
        if not self._closed:
            self._deadline_s = time.monotonic() + self._query_max_s
        try:
            return query(self._connection(database))
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
                raise HistoryUnavailableError(
                    "that would take too long; ask for less, or with a narrower filter"
                ) from None
            log.warning("history could not be read database=%s why=%r", database, str(error))
            # it may be another file by now
            broken = self._connections.pop(database, None)
            if broken is not None:
                broken.close()
            raise HistoryUnavailableError(f"the disk cannot be read: {error}") from error

    def _connection(self, database: str) -> sqlite3.Connection:
        connection = self._connections.get(database)
        if connection is None:
            connection = self._connections[database] = self._connect(database)
            connection.set_progress_handler(self._is_late, _STEPS)
        return connection

    def _is_late(self) -> int:
        return int(time.monotonic() > self._deadline_s)

    def _close_connections(self) -> None:
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()
