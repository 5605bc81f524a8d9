"""Findings as text for a terminal, or as JSON for a program. Pure. Nothing that a terminal would obey passes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

import msgspec

from chargemon_edge.doctor.finding import Finding, State, worst
from chargemon_edge.log import inert

WIDTH = 100
_MARKS = {State.OK: "ok", State.ATTENTION: "ATTENTION", State.BROKEN: "BROKEN"}
_INDENT = " " * 12


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON."""

    worst: State
    findings: list[Finding]


def as_json(findings: list[Finding]) -> str:
    """One object."""
    return msgspec.json.format(msgspec.json.encode(Report(worst=worst(findings), findings=findings)), indent=2).decode()


def as_text(findings: list[Finding]) -> str:
    """A block for each group, and a line that counts."""
    return "\n".join([*_lines(findings), "", _count(findings)])


def _lines(findings: list[Finding]) -> Iterator[str]:
    group = None
    for one in findings:
        if one.group != group:
            group = one.group
            yield group
        yield _wrapped(f"  {_MARKS[one.state]:<10}{inert(one.what)}")
        if one.advice:
            yield _wrapped(f"{_INDENT}-> {inert(one.advice)}")


def _count(findings: list[Finding]) -> str:
    counts = {state: sum(one.state is state for one in findings) for state in State}
    if worst(findings) is State.OK:
        return f"everything in order: {counts[State.OK]} findings"
    return f"{counts[State.BROKEN]} broken, {counts[State.ATTENTION]} to be looked at, {counts[State.OK]} in order"


def _wrapped(line: str) -> str:
    # a command or path that is broken at a hyphen cannot be copied
    return textwrap.fill(line, WIDTH, subsequent_indent=_INDENT, break_on_hyphens=False, break_long_words=False)
