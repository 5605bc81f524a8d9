"""Findings together: the table, a group that fails, the worst of all, and how they are shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from chargemon_edge.doctor.examination import GROUPS, examine
from chargemon_edge.doctor.finding import Finding, State, attention, broken, ok, worst
from chargemon_edge.doctor.report import as_json, as_text
from chargemon_edge.doctor.subject import Subject
from tests.unit.doctor.subjects import subject


def _two(_subject: Subject) -> Iterator[Finding]:
    yield ok("first")
    yield broken("second", "mend it")


def _fails(_subject: Subject) -> Iterator[Finding]:
    yield ok("before")
    raise ValueError("a bug")


def test_each_finding_has_its_group(tmp_path: Path) -> None:
    found = examine(subject(tmp_path), {"one": _two, "other": _two})

    assert [(one.group, one.what) for one in found] == [
        ("one", "first"),
        ("one", "second"),
        ("other", "first"),
        ("other", "second"),
    ]


def test_a_group_that_fails_costs_itself_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = examine(subject(tmp_path), {"wrong": _fails, "right": _two})

    assert [(one.group, one.state) for one in found] == [
        ("wrong", State.OK),
        ("wrong", State.ATTENTION),
        ("right", State.OK),
        ("right", State.BROKEN),
    ]
    assert "a bug" in caplog.text


def test_every_group_can_look_at_an_empty_machine(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = examine(subject(tmp_path))

    assert "could not be examined" not in caplog.text
    assert {one.group for one in found} <= set(GROUPS)
    assert all(one.advice for one in found if one.state is not State.OK)


def test_the_worst_counts() -> None:
    assert worst([ok("a")]) is State.OK
    assert worst([ok("a"), attention("b", "c")]) is State.ATTENTION
    assert worst([broken("a", "b"), attention("c", "d")]) is State.BROKEN


def test_the_text_says_what_and_what_to_do_and_obeys_nothing() -> None:
    text = as_text([Finding(group="ports", state=State.BROKEN, what="bad \x1b[31mname", advice="mend " + "it " * 60)])

    assert text.startswith("ports\n  BROKEN    bad ")
    assert "\x1b" not in text
    assert "-> mend it" in text
    assert max(map(len, text.splitlines())) <= 100
    assert text.endswith("1 broken, 0 to be looked at, 0 in order")


def test_the_json_holds_everything() -> None:
    told = json.loads(as_json([Finding(group="disk", state=State.ATTENTION, what="short", advice="free some")]))

    assert told == {
        "worst": "attention",
        "findings": [{"group": "disk", "state": "attention", "what": "short", "advice": "free some"}],
    }
