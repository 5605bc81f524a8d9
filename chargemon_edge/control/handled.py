"""What became of a charge point's request: the one value that every handler returns."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from chargemon_edge.ocpp.v16.messages import Response
from chargemon_edge.site.facts import Fact


class Handled(msgspec.Struct, frozen=True, gc=False):
    """The answer, and what happened."""

    response: Response
    new: Sequence[Fact] = ()
    durable: bool = False
    """The response goes out only after the facts are on disk."""
