"""Topics: what the site says and hears, and that no two charge points share one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargemon_edge.upstream.topics import Place, Topics, level, may_answer

TOPICS = Topics(site="hof-7", group="north")


def test_what_it_says() -> None:
    assert TOPICS.status == "cm/v1/hof-7/status"
    assert TOPICS.charge_point("Säule 1/2") == "cm/v1/hof-7/cp/S%C3%A4ule%201%2F2"
    assert TOPICS.reported("config") == "cm/v1/hof-7/reported/config"
    assert TOPICS.filters == ("cm/v1/hof-7/in/#", "cm/v1/_g/north/limit")
    assert Topics(site="a", prefix="x/y/z").filters == ("x/y/z/a/in/#",)


@pytest.mark.parametrize(
    ("topic", "place"),
    [
        ("cm/v1/hof-7/in/cmd", Place("cmd")),
        ("cm/v1/hof-7/in/limit", Place("limit")),
        ("cm/v1/hof-7/in/replay", Place("replay")),
        ("cm/v1/hof-7/in/ack", Place("ack")),
        ("cm/v1/hof-7/in/desired/config", Place("desired", "config")),
        ("cm/v1/_g/north/limit", Place("group limit", "north")),
        ("cm/v1/hof-7/in/desired/a/b", Place("unknown")),
        ("cm/v1/hof-7/in/cmd/x", Place("unknown")),
        ("cm/v1/hof-8/in/cmd", Place("unknown")),
        ("cm/v1/_g/south/limit", Place("unknown")),
        ("cm/v1/hof-7/cmd", Place("unknown")),
    ],
)
def test_what_it_hears(topic: str, place: Place) -> None:
    assert TOPICS.place(topic) == place


@pytest.mark.demand("S16")
@given(st.text(), st.text())
def test_a_level_is_plain_and_tells_texts_apart(one: str, other: str) -> None:
    assert not set(level(one)) & set("/+#$ \0")
    assert level(one).isascii()
    assert (level(one) == level(other)) is (one == other)


@pytest.mark.parametrize(
    ("topic", "allowed"),
    [
        ("desk/4", True),
        ("desk/4/answers", True),
        ("desk", False),
        ("desktop/4", False),
        ("other", False),
        ("", False),
        ("cm/v1/hof-8/in/cmd", False),
        ("desk/#", False),
        ("desk/+/x", False),
        ("desk/\0", False),
        ("desk/" + "x" * 300, False),
    ],
)
def test_where_commands_may_be_answered(topic: str, allowed: bool) -> None:
    assert may_answer(topic, ("desk",)) is allowed
    assert not may_answer(topic, ())
