"""What was found: one line what, one line what to do."""

from __future__ import annotations

import enum

import msgspec


class State(enum.Enum):
    """How bad it is."""

    OK = "ok"
    ATTENTION = "attention"
    """It works, or cannot be judged from here; a person should look."""
    BROKEN = "broken"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One of them."""

    group: str = ""
    """Which part of the installation; put in by the table of groups."""
    state: State
    what: str
    advice: str = ""
    """What to do; empty where there is nothing to do."""


def ok(what: str) -> Finding:
    """In order."""
    return Finding(state=State.OK, what=what)


def attention(what: str, advice: str) -> Finding:
    """A person should look."""
    return Finding(state=State.ATTENTION, what=what, advice=advice)


def broken(what: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(state=State.BROKEN, what=what, advice=advice)


def worst(findings: list[Finding]) -> State:
    """Of all of them."""
    states = {one.state for one in findings}
    return next((state for state in (State.BROKEN, State.ATTENTION) if state in states), State.OK)
