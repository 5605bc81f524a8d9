"""One row on its way to a file. Pure."""

from __future__ import annotations

from typing import Any

import msgspec


class Statement(msgspec.Struct, frozen=True, gc=False):
    """SQL and its parameters."""

    sql: str
    parameters: tuple[Any, ...]
