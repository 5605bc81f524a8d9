"""Every event that the journal writes has its kind upstream, with exactly the members that its description has."""

from __future__ import annotations

import json
import re

import msgspec
import pytest

from chargemon_edge.store.event import EVENT
from chargemon_edge.store.rows import ROWS
from chargemon_edge.upstream.event_kinds import KINDS, OTHER, kind_of, passes
from tests.unit.store.site_facts import ONE_OF_EACH

# written at the start, before there are facts
_WITHOUT_FACT = {"DaemonStarted"}


def _events() -> list[tuple[str, bytes]]:
    return [
        (statement.parameters[1], statement.parameters[3].encode())
        for fact in ONE_OF_EACH
        if type(fact) in ROWS
        for statement in ROWS[type(fact)](fact)
        if statement.sql == EVENT
    ]


def test_every_event_has_a_kind_of_its_own_name() -> None:
    written = {kind for kind, _ in _events()}

    assert set(KINDS) == written | _WITHOUT_FACT, "see the docstring of chargemon_edge/upstream/event_kinds.py"
    names = [name for name, _ in KINDS.values()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+\.[a-z_]+", name) for name in names)
    assert kind_of("SomethingNew") == OTHER


@pytest.mark.parametrize(("fact", "body"), _events(), ids=lambda value: value if isinstance(value, str) else "")
def test_the_members_are_those_that_are_written(fact: str, body: bytes) -> None:
    detail = KINDS[fact][1]

    msgspec.json.decode(body, type=detail)
    assert set(json.loads(body)) <= {field.encode_name for field in msgspec.structs.fields(detail)}


@pytest.mark.parametrize(
    ("kind", "wanted", "let_through"),
    [
        ("tx.start", ("*",), True),
        ("tx.start", ("tx.*",), True),
        ("tx.start", ("cp.*", "tx.start"), True),
        ("tx.start", ("tx.end",), False),
        ("txx.start", ("tx.*",), False),
        ("tx.start", (), False),
    ],
)
def test_a_filter_lets_kinds_and_families_through(kind: str, wanted: tuple[str, ...], let_through: bool) -> None:
    assert passes(kind, wanted) is let_through
