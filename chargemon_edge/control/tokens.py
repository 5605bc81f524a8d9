"""The access tokens that are in force: found by what a caller shows, made and revoked as facts.

A token is known here, and on disk, by its digest alone. It is random, so whoever holds the digest cannot find it, and
comparing digests in a dictionary tells a guesser nothing: he would have to guess 256 bits.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable

from chargemon_edge.control.durable import make_durable
from chargemon_edge.control.ports import Clock, Journal, moment
from chargemon_edge.control.present import Present
from chargemon_edge.site.facts import Fact
from chargemon_edge.site.token_facts import Role, TokenIssued, TokenRevoked

PREFIX = "cme_"
SECRET_BYTES = 32
TOKENS_MAX = 200


def digest_of(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


class Tokens:
    """By digest and by name. Lives on the event loop."""

    def __init__(self, present: Present, journal: Journal, clock: Clock, restored: Iterable[TokenIssued]) -> None:
        self._present = present
        self._journal = journal
        self._clock = clock
        self._by_digest: dict[bytes, TokenIssued] = {}
        self._by_name: dict[str, TokenIssued] = {}
        # names on their way to the disk: two callers must not get the same one
        self._pending: set[str] = set()
        for token in restored:
            self._folded(token)
        present.follow(self._folded, (TokenIssued, TokenRevoked))

    def find(self, token: str) -> TokenIssued | None:
        """The record of *token*; None if it was never made, was revoked or has expired."""
        known = self._by_digest.get(digest_of(token))
        return None if known is None or self.expired(known) else known

    def expired(self, token: TokenIssued) -> bool:
        """Whether it opens nothing any more."""
        return token.expires_utc_ms is not None and token.expires_utc_ms <= self._clock.utc_ms()

    def known(self) -> list[TokenIssued]:
        """All that are not revoked, by name."""
        return [self._by_name[name] for name in sorted(self._by_name)]

    def named(self, name: str) -> TokenIssued | None:
        """The one of that name."""
        return self._by_name.get(name)

    def refusal(self, name: str) -> str | None:
        """Why no token of that name can be made now; None: it can."""
        if name in self._by_name or name in self._pending:
            return f"there is a token named {name!r} already; revoke it first"
        if len(self._by_name) + len(self._pending) >= TOKENS_MAX:
            return f"there are {TOKENS_MAX} tokens already; revoke one first"
        return None

    async def issue(self, name: str, role: Role, expires_utc_ms: int | None, by: str) -> str | Exception:
        """Make a token, durable before it is returned, and seen only here. Ask :meth:`refusal` first."""
        assert self.refusal(name) is None
        token = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        fact = TokenIssued(
            at=moment(self._clock),
            name=name,
            role=role,
            digest=digest_of(token),
            expires_utc_ms=expires_utc_ms,
            by=by,
        )
        self._pending.add(name)
        try:
            error = await make_durable(self._journal, self._present, [fact])
        finally:
            self._pending.discard(name)
        return token if error is None else error

    async def revoke(self, name: str, by: str) -> Exception | None:
        """End the token of that name; returns why it could not be made durable, and then it stays in force."""
        return await make_durable(
            self._journal, self._present, [TokenRevoked(at=moment(self._clock), name=name, by=by)]
        )

    def _folded(self, fact: Fact) -> None:
        name = fact.name if isinstance(fact, TokenIssued | TokenRevoked) else ""
        old = self._by_name.pop(name, None)
        if old is not None:
            del self._by_digest[old.digest]
        if isinstance(fact, TokenIssued):
            self._by_name[name] = self._by_digest[fact.digest] = fact
