"""Facts about access tokens → rows of the site's file. The events leave the digest out: they go upstream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chargemon_edge.site import token_facts as facts
from chargemon_edge.site.facts import Fact
from chargemon_edge.store.event import event
from chargemon_edge.store.security_event import security_event
from chargemon_edge.store.statement import Statement

_ISSUED = (
    "INSERT INTO access_token (name, role, digest, issued_utc_ms, issued_by, expires_utc_ms) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (name) DO UPDATE SET role = excluded.role, digest = excluded.digest, "
    "issued_utc_ms = excluded.issued_utc_ms, issued_by = excluded.issued_by, expires_utc_ms = excluded.expires_utc_ms"
)
_REVOKED = "DELETE FROM access_token WHERE name = ?"


def _issued(fact: facts.TokenIssued) -> tuple[Statement, ...]:
    row = (fact.name, fact.role.value, fact.digest, fact.at.utc_ms, fact.by, fact.expires_utc_ms)
    told = event(fact, None, name=fact.name, role=fact.role.value, expires_utc_ms=fact.expires_utc_ms, by=fact.by)
    noted = security_event(fact, "token made", fact.by, f"{fact.name!r}, role {fact.role.value}")
    return (Statement(_ISSUED, row), *noted, told)


def _revoked(fact: facts.TokenRevoked) -> tuple[Statement, ...]:
    noted = security_event(fact, "token revoked", fact.by, repr(fact.name))
    return (Statement(_REVOKED, (fact.name,)), *noted, event(fact, None, name=fact.name, by=fact.by))


ROWS: dict[type[Fact], Callable[[Any], tuple[Statement, ...]]] = {
    facts.TokenIssued: _issued,
    facts.TokenRevoked: _revoked,
}

# a name is given anew only once its revocation is durable, so the two never share a group
STATEMENTS = (_REVOKED, _ISSUED)
