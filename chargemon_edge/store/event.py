"""The outbox's row for a fact: what every file of rows writes beside its own."""

from __future__ import annotations

from typing import Any

import msgspec

from chargemon_edge.site.facts import Fact
from chargemon_edge.store.statement import Statement

EVENT = "INSERT INTO event (utc_ms, kind, charge_point, body) VALUES (?, ?, ?, ?)"

_encode = msgspec.json.Encoder().encode


class Body(msgspec.Struct, omit_defaults=True, frozen=True, gc=False):
    """What an event of a frequent kind says; what is None is left out. A third of the price of keywords."""


def report(fact: Fact, charge_point: str | None, body: Body | dict[str, Any]) -> Statement:
    """The outbox's row for *fact*, with *body* as it is."""
    return Statement(EVENT, (fact.at.utc_ms, type(fact).__name__, charge_point, _encode(body).decode()))


def event(fact: Fact, charge_point: str | None, **body: Any) -> Statement:
    """The outbox's row for *fact*; what is None is left out."""
    return report(fact, charge_point, {name: value for name, value in body.items() if value is not None})
