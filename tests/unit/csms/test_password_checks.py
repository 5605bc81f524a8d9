"""Passwords beside the loop: one at a time, in order, bounded, and remembered only when they were right."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from chargemon_edge.control.password_hash import hashed
from chargemon_edge.csms import password_checks
from chargemon_edge.csms.password_checks import WAITING_MAX, PasswordChecks

KEPT, OTHER = (hashed(word, bytes([number]) * 16) for number, word in enumerate((b"right", b"other")))


@pytest.fixture
def checks() -> Iterator[PasswordChecks]:
    one = PasswordChecks()
    yield one
    one.close()


def asked(checks: PasswordChecks, kept: tuple[str, ...], password: bytes) -> asyncio.Future[str | None]:
    """The answer that is to come; the question must be taken."""
    answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
    assert checks.check(kept, password, answer.set_result)
    return answer


async def test_what_was_right_once_is_known_at_once_and_what_was_wrong_is_not(checks: PasswordChecks) -> None:
    assert checks.known((OTHER, KEPT), b"right") is None

    assert await asked(checks, (OTHER, KEPT), b"right") == KEPT
    assert await asked(checks, (KEPT,), b"wrong") is None

    assert checks.known((OTHER, KEPT), b"right") == KEPT
    assert checks.known((OTHER,), b"right") is None
    assert checks.known((KEPT,), b"wrong") is None


class Held:
    """Takes the place of the slow comparison, which then waits until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = threading.Event()
        self.compared: list[bytes] = []
        monkeypatch.setattr(password_checks, "matches", self._matches)

    def _matches(self, kept: str, password: bytes) -> bool:
        self.go.wait(10.0)
        self.compared.append(password)
        return password == b"right"


async def test_no_more_wait_than_may_and_they_have_their_turns_in_order(
    checks: PasswordChecks, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch)
    guesses = [b"guess %d" % number for number in range(WAITING_MAX - 1)]
    waiting = [asked(checks, (KEPT,), guess) for guess in [*guesses, b"right"]]

    def never(_found: str | None) -> None:
        raise AssertionError("it was not taken")

    assert not checks.check((KEPT,), b"one too many", never)
    held.go.set()
    assert await asyncio.gather(*waiting) == [None] * len(guesses) + [KEPT]
    assert held.compared == [*guesses, b"right"]
    # there is room again
    assert await asked(checks, (KEPT,), b"right") == KEPT


async def test_the_end_drops_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    held, checks = Held(monkeypatch), PasswordChecks()
    told: list[str | None] = []
    note: Callable[[str | None], None] = told.append
    for _ in range(5):
        assert checks.check((KEPT,), b"right", note)
    (thread,) = (one for one in threading.enumerate() if one.name.startswith("password"))
    checks.close()
    held.go.set()
    await asyncio.to_thread(thread.join, 5.0)

    # the one that had begun; the others are nobody's any more
    assert held.compared == [b"right"]


async def test_a_kept_password_that_cannot_be_read_opens_nothing_and_closes_nothing(
    checks: PasswordChecks, caplog: pytest.LogCaptureFixture
) -> None:
    assert await asked(checks, ("rubbish", KEPT), b"right") == KEPT
    assert "cannot be read" in caplog.text


def test_without_threads_the_answer_is_there_at_once() -> None:
    told: list[str | None] = []

    assert PasswordChecks(inline=True).check((KEPT,), b"right", told.append)
    assert told == [KEPT]
