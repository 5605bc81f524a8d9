"""The page's files: small, self-contained, and with a word and an icon for everything the daemon can say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chargemon_edge.web import pages, shapes, states

STATIC = Path(pages.__file__).parent / "static"
STATES = {states.state(status, linked=True, waits=False).code for status in [*states._STATES, None]} | {
    states.OFFLINE.code,
    states.WAITING.code,
    states.UPDATING.code,
}


def _keys(file: str, opening: str) -> set[str]:
    text = (STATIC / file).read_text()
    block = text[text.index(opening) + len(opening) :]
    return set(re.findall(r"(\w+):", block[: block.index("}")]))


def test_every_state_has_a_word() -> None:
    assert _keys("words.js", "states: {") == STATES


def test_every_state_has_an_icon_that_is_drawn() -> None:
    text = (STATIC / "dom.js").read_text()
    drawn = _keys("dom.js", "const SHAPES = {")

    assert _keys("dom.js", "const ICON_OF_STATE = {") == STATES
    assert set(re.findall(r'^  \w+: "(\w+)",$', text, re.MULTILINE)) <= drawn


def test_every_severity_has_a_word_and_a_colour() -> None:
    severities = {severity.value for severity in shapes.Severity}
    styled = set(re.findall(r"\.alarm\.(\w+)", (STATIC / "page.css").read_text()))

    assert _keys("words.js", "severity: {") == severities
    assert styled | {"notice"} == severities


@pytest.mark.parametrize("file", sorted(STATIC.iterdir()), ids=lambda file: file.name)
def test_nothing_is_fetched_from_elsewhere(file: Path) -> None:
    addresses = re.findall(r"(?:https?:)?//[\w.]+\.\w+[^\s\"']*", file.read_text())

    assert [one for one in addresses if not one.startswith("http://www.w3.org/")] == []


def test_charger_text_has_no_way_to_become_markup() -> None:
    scripts = "".join(file.read_text() for file in STATIC.glob("*.js"))

    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|eval\(|new Function", scripts
    )


def test_no_script_or_style_stands_inside_the_page() -> None:
    text = (STATIC / "index.html").read_text()

    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*\ssrc=)", text)


def test_the_page_is_small() -> None:
    sizes = {file.name: file.stat().st_size for file in STATIC.iterdir()}

    assert sizes["page.css"] < 10_000
    assert sum(sizes.values()) < 50_000
