"""One row on its way to a file. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from chargemon_edge.site.wording import Wording


class Statement(msgspec.Struct, frozen=True, gc=False):
    """SQL and its parameters."""

    sql: str
    parameters: tuple[Any, ...]
    payload: bytes | Wording | None = None
    """For a reading: the JSON it was understood from, stored together with its neighbours'."""
