"""The whole table of endpoints, from the rooms they look into. A new resource adds a member and a line here."""

from __future__ import annotations

from typing import Any

import msgspec

from chargemon_edge.control.commissioning import Commissioning
from chargemon_edge.control.tokens import Tokens
from chargemon_edge.web.endpoints import Endpoint
from chargemon_edge.web.resources import commissioning, live, tokens
from chargemon_edge.web.resources.description import with_description


class Rooms(msgspec.Struct, frozen=True, kw_only=True):
    """What the resources are made of."""

    commissioning: Commissioning
    tokens: Tokens


def table(views: live.Live, rooms: Rooms) -> tuple[Endpoint[Any, Any], ...]:
    """Every endpoint there is."""
    return with_description(
        (
            *live.endpoints(views),
            *commissioning.endpoints(commissioning.CommissioningWindow(rooms.commissioning)),
            *tokens.endpoints(tokens.AccessTokens(rooms.tokens)),
        )
    )
