"""Who may use the operator's API: access tokens as facts. A token itself never becomes a fact, only its digest."""

from __future__ import annotations

import enum

from chargemon_edge.site.facts import Fact


class Role(enum.Enum):
    """What somebody may do; each may do what stands before it."""

    VIEWER = "viewer"
    """Read."""
    OPERATOR = "operator"
    """Also what runs a site every day: operations, id tags, reservations."""
    INSTALLER = "installer"
    """Also what decides who and what gets in: chargers' access, certificates, tokens."""

    def covers(self, needed: Role) -> bool:
        """Whether somebody of this role may do what *needed* is asked for."""
        return _ORDER.index(self) >= _ORDER.index(needed)


_ORDER = (Role.VIEWER, Role.OPERATOR, Role.INSTALLER)


class TokenIssued(Fact, frozen=True, kw_only=True, gc=False):
    """A token was made, under a name that no other token bears."""

    name: str
    role: Role
    digest: bytes
    """SHA-256 of the token. No salt and no slow hash: the token is 32 random bytes, which nobody guesses."""
    expires_utc_ms: int | None = None
    by: str


class TokenRevoked(Fact, frozen=True, kw_only=True, gc=False):
    """The token of that name opens nothing any more."""

    name: str
    by: str
