"""Access tokens: found by their digest, in force once they are durable, gone once they are revoked."""

from __future__ import annotations

import asyncio

import pytest

from chargemon_edge.control.present import Present
from chargemon_edge.control.tokens import TOKENS_MAX, Tokens, digest_of
from chargemon_edge.site.layout import Site
from chargemon_edge.site.picture import SitePicture
from chargemon_edge.site.token_facts import Role, TokenIssued
from tests.unit.control.fakes import UTC_MS, FakeClock, FakeJournal
from tests.unit.store.site_facts import AT


class Desk:
    """The registry and what it leans on."""

    def __init__(self, *restored: TokenIssued) -> None:
        self.clock = FakeClock()
        self.journal = FakeJournal()
        self.present = Present(Site(name="site", circuits=(), charge_points=(), meters=()), SitePicture(started=AT))
        self.tokens = Tokens(self.present, self.journal, self.clock, restored)

    async def issue(self, name: str = "grafana", expires_utc_ms: int | None = None) -> str:
        token = await self.tokens.issue(name, Role.VIEWER, expires_utc_ms, "command line")
        assert isinstance(token, str)
        return token


async def test_a_token_is_found_by_itself_and_kept_as_its_digest() -> None:
    desk = Desk()
    token = await desk.issue()

    found = desk.tokens.find(token)
    assert found is not None
    assert (found.name, found.role, found.digest) == ("grafana", Role.VIEWER, digest_of(token))
    assert token not in repr(desk.journal.committed)
    assert len(token) >= 4 + 43
    assert desk.tokens.find(token + "x") is None
    assert desk.tokens.find(token.upper()) is None


async def test_two_tokens_have_nothing_in_common() -> None:
    desk = Desk()

    assert await desk.issue("one") != await desk.issue("two")


async def test_a_token_opens_nothing_before_it_is_durable() -> None:
    desk = Desk()
    desk.journal.at_once = False
    issuing = asyncio.create_task(desk.tokens.issue("grafana", Role.VIEWER, None, "command line"))
    await asyncio.sleep(0)

    assert desk.tokens.known() == []
    assert desk.tokens.refusal("grafana") is not None

    desk.journal.flush(OSError("no space"))
    assert isinstance(await issuing, OSError)
    assert desk.tokens.known() == []
    assert desk.tokens.refusal("grafana") is None


async def test_a_name_is_given_once() -> None:
    desk = Desk()
    await desk.issue("grafana")

    refusal = desk.tokens.refusal("grafana")
    assert refusal is not None
    assert "revoke it first" in refusal


async def test_there_are_only_so_many() -> None:
    desk = Desk()
    for number in range(TOKENS_MAX):
        await desk.issue(f"token-{number}")

    assert desk.tokens.refusal("one-more") is not None


async def test_a_revoked_token_opens_nothing_and_its_name_is_free() -> None:
    desk = Desk()
    first = await desk.issue()
    assert await desk.tokens.revoke("grafana", "command line") is None

    assert desk.tokens.find(first) is None
    second = await desk.issue()
    assert desk.tokens.find(second) is not None
    assert desk.tokens.find(first) is None


async def test_a_revocation_that_is_not_durable_is_none() -> None:
    desk = Desk()
    token = await desk.issue()
    desk.journal.at_once = False
    revoking = asyncio.create_task(desk.tokens.revoke("grafana", "command line"))
    await asyncio.sleep(0)
    desk.journal.flush(OSError("no space"))

    assert isinstance(await revoking, OSError)
    assert desk.tokens.find(token) is not None


async def test_a_token_ends_when_it_was_to_end() -> None:
    desk = Desk()
    token = await desk.issue(expires_utc_ms=UTC_MS + 60_000)
    assert desk.tokens.find(token) is not None
    desk.clock.now_s += 60

    assert desk.tokens.find(token) is None
    assert [desk.tokens.expired(one) for one in desk.tokens.known()] == [True]


async def test_a_restart_brings_them_back() -> None:
    desk = Desk()
    token = await desk.issue()
    later = Desk(*desk.tokens.known())

    assert later.tokens.find(token) is not None


@pytest.mark.parametrize(
    ("role", "covered"), [(Role.VIEWER, 1), (Role.OPERATOR, 2), (Role.INSTALLER, 3)], ids=lambda value: str(value)
)
def test_a_role_may_what_lesser_roles_may(role: Role, covered: int) -> None:
    assert [role.covers(needed) for needed in Role] == [True] * covered + [False] * (3 - covered)
