"""Empty databases in memory, of today's schema."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from chargemon_edge.store.migrations import migrate


@pytest.fixture
def site() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, "site")
    yield connection
    connection.close()


@pytest.fixture
def samples() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, "samples")
    yield connection
    connection.close()
