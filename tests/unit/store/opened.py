"""A store on a temporary directory, written on the loop itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chargemon_edge.site.facts import Fact
from chargemon_edge.store.journal import Store, open_store
from chargemon_edge.store.rows import ROWS
from chargemon_edge.store.settings import StoreSettings
from chargemon_edge.store.writer import Writer
from tests.unit.store.site_facts import StandingClock


@contextmanager
def opened(
    directory: Path,
    clock: StandingClock | None = None,
    before_flush: Callable[[], None] | None = None,
    *,
    flush: bool = True,
    quick: bool = False,
    **settings: Any,
) -> Iterator[Store]:
    interval_s = 0.01 if quick else 10.0
    store = open_store(
        StoreSettings(
            directory=str(directory),
            reserve_kb=64,
            record_flush_s=interval_s,
            samples_flush_s=interval_s,
            **settings,
        ),
        clock or StandingClock(),
        inline=True,
        before_flush=before_flush,
    )
    try:
        yield store
    finally:
        store.close(flush=flush)


def fill(directory: Path, *new: Fact) -> None:
    """Put *new* into the databases of a daemon that does not run; needs no event loop."""
    with opened(directory):
        pass
    connection = sqlite3.connect(directory / "site.db")
    for fact in new:
        for statement in ROWS.get(type(fact), lambda _: ())(fact):
            connection.execute(statement.sql, statement.parameters)
    connection.commit()
    connection.close()


def writer_of(store: Store) -> Writer:
    """The one that writes, to be tampered with."""
    assert isinstance(store._writer, Writer)
    return store._writer


class Outcomes:
    """What became of commits, in the order in which they were told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Exception | None]] = []

    def of(self, name: str) -> Callable[[Exception | None], None]:
        return lambda error: self.told.append((name, error))

    @property
    def errors(self) -> list[Exception | None]:
        return [error for _, error in self.told]


def commit(store: Store, *new: Fact) -> list[Exception | None]:
    """Hand *new* in; the list holds the outcome once the loop has turned."""
    outcome: list[Exception | None] = []
    store.journal.commit(new, outcome.append)
    return outcome


def rows(directory: Path, query: str, database: str = "site") -> Sequence[Any]:
    connection = sqlite3.connect(directory / f"{database}.db")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()
