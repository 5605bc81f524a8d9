"""Access tokens: who may use this API. A token is shown once, when it is made."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from chargemon_edge.control.tokens import Tokens
from chargemon_edge.site.token_facts import Role, TokenIssued
from chargemon_edge.web.endpoints import Answer, Call, Endpoint, Nothing, Reply, not_found, not_stored, problem
from chargemon_edge.web.shapes import TokenMade, TokenView

_PATH = "/api/v1/tokens"
# Python's $ also stands before a last line feed, JSON Schema's does not: hence the end of it
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$(?!\n)"
Name = Annotated[str, msgspec.Meta(pattern=_NAME, max_length=40, description="letters, digits, dot, dash, underscore")]
EXPIRES_MAX_UTC_MS = 253_402_300_799_000


class TokenWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The token that is wanted."""

    name: Name
    role: Role
    expires_utc_ms: Annotated[int, msgspec.Meta(ge=1, le=EXPIRES_MAX_UTC_MS)] | None = None


class OneToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which one."""

    name: Name


class AccessTokens:
    """The handlers."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    async def list(self, _call: Call[Nothing, Nothing]) -> Answer:
        """All, by name."""
        return Reply([self._view(token) for token in self._tokens.known()])

    async def show(self, call: Call[OneToken, Nothing]) -> Answer:
        """One."""
        token = self._tokens.named(call.parameters.name)
        return not_found("such token") if token is None else Reply(self._view(token))

    async def make(self, call: Call[Nothing, TokenWish]) -> Answer:
        """A new one."""
        wish = call.body
        refusal = self._tokens.refusal(wish.name)
        if refusal is not None:
            return problem(409, "not made", refusal)
        made = await self._tokens.issue(wish.name, wish.role, wish.expires_utc_ms, call.caller.name)
        if isinstance(made, Exception):
            return not_stored(made)
        return Reply(
            TokenMade(name=wish.name, role=wish.role, expires_utc_ms=wish.expires_utc_ms, token=made), status=201
        )

    async def revoke(self, call: Call[OneToken, Nothing]) -> Answer:
        """End one."""
        if self._tokens.named(call.parameters.name) is None:
            return not_found("such token")
        error = await self._tokens.revoke(call.parameters.name, call.caller.name)
        return Reply(status=204) if error is None else not_stored(error)

    def _view(self, token: TokenIssued) -> TokenView:
        return TokenView(
            name=token.name,
            role=token.role,
            issued_utc_ms=token.at.utc_ms,
            issued_by=token.by,
            expires_utc_ms=token.expires_utc_ms,
            expired=self._tokens.expired(token),
        )


def endpoints(tokens: AccessTokens) -> tuple[Endpoint[Any, Any], ...]:
    """Only an installer decides who may come in."""
    return (
        Endpoint(
            method="GET",
            path=_PATH,
            summary="List the access tokens",
            role=Role.INSTALLER,
            parameters=Nothing,
            body=Nothing,
            answers={200: tuple[TokenView, ...]},
            handle=tokens.list,
        ),
        Endpoint(
            method="POST",
            path=_PATH,
            summary="Make an access token; it is shown this once",
            role=Role.INSTALLER,
            parameters=Nothing,
            body=TokenWish,
            answers={201: TokenMade},
            problems=(409, 503),
            handle=tokens.make,
        ),
        Endpoint(
            method="GET",
            path=f"{_PATH}/{{name}}",
            summary="Show an access token's record",
            role=Role.INSTALLER,
            parameters=OneToken,
            body=Nothing,
            answers={200: TokenView},
            problems=(404,),
            handle=tokens.show,
        ),
        Endpoint(
            method="DELETE",
            path=f"{_PATH}/{{name}}",
            summary="Revoke an access token",
            role=Role.INSTALLER,
            parameters=OneToken,
            body=Nothing,
            answers={204: None},
            problems=(404, 503),
            handle=tokens.revoke,
        ),
    )
