"""Values that a configuration may have, but that are hardly meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from chargemon_edge.doctor import configuration
from chargemon_edge.doctor.finding import State
from tests.unit.doctor.subjects import subject

SITE = """
[[circuit]]
name = "main"
fuse_a = {fuse_a}
{background}
[[charge_point]]
identity = "GATE"
{login}
[[charge_point.connector]]
number = 1
circuit = "main"
max_a = {max_a}
fallback_a = {fallback_a}
"""
METER = '[[meter]]\nname = "grid"\ncircuit = "main"\nhost = "127.0.0.1"\nmodel = "eastron-sdm630"\nrating_ma = 5000\n'
SOUND = {
    "fuse_a": "63",
    "background": "background_a = 20",
    "login": 'password_file = "secret"',
    "max_a": "32",
    "fallback_a": "6",
}


def found(folder: Path, *, more: str = "", **changes: str) -> list[tuple[State, str]]:
    (folder / "secret").write_text("a-password-of-thirty-characters")
    text = SITE.format(**{**SOUND, **changes}) + more
    return [(one.state, one.what) for one in configuration.examine(subject(folder, text))]


def test_a_sound_one_is_told_so(tmp_path: Path) -> None:
    told = found(tmp_path)

    assert {state for state, _ in told} == {State.OK}
    assert "1 circuits, 1 charge points" in told[0][1]


@pytest.mark.parametrize(
    ("changes", "more", "state", "words"),
    [
        ({"fuse_a": "63000"}, "", State.ATTENTION, "63000 A is hardly meant"),
        ({"max_a": "80"}, "", State.ATTENTION, "max_a 80 is above the fuse"),
        ({"background": ""}, "", State.ATTENTION, "neither a meter nor background_a"),
        ({}, METER, State.ATTENTION, "readings above 7.5 A are dropped"),
        ({"login": "allow_without_password = true"}, "", State.ATTENTION, "no login is asked of GATE"),
        ({"background": "background_a = 60"}, "", State.BROKEN, "balancing will not arm"),
    ],
)
def test_what_is_hardly_meant_is_told(
    tmp_path: Path, changes: dict[str, str], more: str, state: State, words: str
) -> None:
    told = [one for one in found(tmp_path, more=more, **changes) if words in one[1]]

    assert [one[0] for one in told] == [state], found(tmp_path, more=more, **changes)


def test_every_mistake_is_a_finding_up_to_a_screenful(tmp_path: Path) -> None:
    wrong = replace(subject(tmp_path), mistakes=tuple(f"mistake {number}" for number in range(25)))

    told = list(configuration.examine(wrong))

    assert len(told) == 21
    assert told[-1].what == "5 more mistakes"
    assert {one.state for one in told} == {State.BROKEN}


def test_passwords_that_may_not_be_read_are_no_mistake(tmp_path: Path) -> None:
    wrong = replace(subject(tmp_path), mistakes=("password_file 'a' cannot be read (Permission denied)",))

    (told,) = configuration.examine(wrong)

    assert told.state is State.ATTENTION
    assert "root" in told.advice
