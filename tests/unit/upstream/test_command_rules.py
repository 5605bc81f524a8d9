"""What may be asked, and until when."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chargemon_edge.ocpp import timestamps
from chargemon_edge.ocpp.v16.messages import TO_CHARGE_POINT
from chargemon_edge.upstream import command_rules as rules
from chargemon_edge.upstream.command_rules import OPERATIONS, Asked, Refusal

NOW_MS = 1_800_000_000_000


def read(
    body: object, *, retained: bool = False, synced: bool = True, commands: tuple[str, ...] = ("*",)
) -> Asked | Refusal:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return rules.read(payload, retained=retained, commands=commands, received_utc_ms=NOW_MS, clock_synced=synced)


def command(**changes: Any) -> dict[str, Any]:
    return {"id": "abcdefgh", "op": "reset", "tgt": {"cp": "A"}, **changes}


def code(found: Asked | Refusal) -> str | None:
    return found.code if isinstance(found, Refusal) else None


def test_every_message_of_ocpp_can_be_asked_for() -> None:
    assert {operation.action for operation in OPERATIONS.values() if operation.action} == set(TO_CHARGE_POINT)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "malformed"),
        (b"[]", "malformed"),
        (b"\xff", "malformed"),
        (b'{"id":"abcdefgh","op":"reset"', "malformed"),
        (command(id="short"), "malformed"),
        (command(id="a" * 65), "malformed"),
        (command(tgt={"c": -1}), "malformed"),
        (command(args=[]), "malformed"),
        (command(exp="soon"), "malformed"),
        (command(op="dance"), "unknown_op"),
        (command(op="ocpp"), "not_allowed"),
        (command(args={"x": "y" * 40_000}), "too_large"),
        (b'{"args":' * 5_000, "too_large"),
        (b"[" * 30_000, "malformed"),
        (command(strange=1), None),
    ],
)
def test_what_cannot_be_understood_is_refused_with_a_word(body: object, expected: str | None) -> None:
    assert code(read(body)) == expected


def test_the_bare_message_must_be_allowed_by_its_name() -> None:
    assert code(read(command(op="ocpp"), commands=("ocpp",))) is None
    assert code(read(command(), commands=())) == "not_allowed"
    assert code(read(command(), commands=("unlock",))) == "not_allowed"


def test_a_retained_command_is_refused() -> None:
    assert code(read(command(), retained=True)) == "retained"


def test_it_expires_at_its_time_or_after_the_operations_own() -> None:
    at = timestamps.format_utc
    assert code(read(command(exp=at(NOW_MS)))) == "expired"
    assert code(read(command(exp=at(NOW_MS + 1)))) is None
    assert code(read(command(ts=at(NOW_MS - 300_000)))) == "expired"
    found = read(command(ts=at(NOW_MS - 299_000)))
    assert isinstance(found, Asked)
    assert found.expires_utc_ms == NOW_MS + 1_000
    found = read(command(op="start"))
    assert isinstance(found, Asked)
    assert found.expires_utc_ms == NOW_MS + 60_000


def test_with_a_clock_that_is_not_set_only_a_stop_may_carry_a_time() -> None:
    later = timestamps.format_utc(NOW_MS + 60_000)
    assert code(read(command(exp=later), synced=False)) == "clock_unsynced"
    assert code(read(command(op="stop", exp=later), synced=False)) is None
    assert code(read(command(), synced=False)) is None


def test_the_same_words_are_the_same_command_however_they_are_written() -> None:
    one = b'{"id":"abcdefgh","op":"reset","args":{"a":1,"b":2}}'
    other = b'{ "op": "reset", "args": {"b": 2, "a": 1}, "id": "abcdefgh" }'

    assert rules.digest_of(one) == rules.digest_of(other)
    assert rules.digest_of(one) != rules.digest_of(one.replace(b"2", b"3"))
