"""Empty databases in memory, of today's schema."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from tests.unit.store.empty import empty


@pytest.fixture
def site() -> Iterator[sqlite3.Connection]:
    with empty("site") as connection:
        yield connection


@pytest.fixture
def samples() -> Iterator[sqlite3.Connection]:
    with empty("samples") as connection:
        yield connection
