"""Lines of the log for an upstream: what they are called, what is hidden in them, how many go."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from chargemon_edge.upstream.flow import Flow
from chargemon_edge.upstream.link_life import Abilities
from chargemon_edge.upstream.log_lines import BURST, LogLines, code_of, shown
from chargemon_edge.upstream.mqtt import Outgoing
from tests.unit.control.fakes import FakeClock
from tests.unit.upstream.contract import complaints

log = logging.getLogger("chargemon_edge.somewhere")


class Heard:
    """Log lines with a connection that takes all."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.lines = LogLines(self.clock, lambda: {"04A1B2C3"})
        self.said: list[dict[str, Any]] = []
        self.end = self.lines.follow()

    def publish(self, message: Outgoing) -> None:
        assert complaints(message.topic, message.payload) == []
        self.said.append(json.loads(message.payload))

    async def say(self) -> None:
        """A connection that stands for a moment."""
        flow = Flow(Abilities(version=5), lambda _: None, self.clock)
        task = asyncio.create_task(self.lines.run(flow, "cm/v1/hof/log", self.publish))
        for _ in range(4):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def heard() -> Any:
    one = Heard()
    yield one
    one.end()


@pytest.fixture(autouse=True)
def level() -> Iterator[None]:
    """As a daemon has it."""
    package = logging.getLogger("chargemon_edge")
    before = package.level
    package.setLevel(logging.DEBUG)
    yield
    package.setLevel(before)


async def test_warnings_and_errors_are_said_and_nothing_below(heard: Heard) -> None:
    log.info("uplink connected upstream=%s", "a")
    log.warning("limit not taken cp=%s limit=%.1fA", "YARD", 6.0)
    log.error("disk fails: %s", "it is full")
    logging.getLogger("aiohttp.server").error("somebody else")
    await heard.say()

    assert [(one["level"], one["code"], one["text"]) for one in heard.said] == [
        ("warning", "limit_not_taken", "limit not taken cp=YARD limit=6.0A"),
        ("error", "disk_fails", "disk fails: it is full"),
    ]
    heard.end()
    log.warning("unheard of")
    await heard.say()
    assert len(heard.said) == 2


async def test_more_than_may_be_said_are_counted(heard: Heard) -> None:
    for number in range(BURST + 7):
        log.warning("again number=%d", number)
    await heard.say()
    assert [one["text"] for one in heard.said] == [f"again number={number}" for number in range(BURST)]
    assert not any("dropped" in one for one in heard.said)
    heard.said.clear()

    # one more a second
    heard.clock.now_s += 2.0
    for _ in range(3):
        log.warning("later")
    heard.clock.now_s += 1.0
    log.warning("last")
    await heard.say()
    assert [(one["text"], one.get("dropped")) for one in heard.said] == [("later", 7), ("later", None), ("last", 1)]


async def test_what_waits_for_a_connection_is_bounded(heard: Heard) -> None:
    for _ in range(100):
        heard.clock.now_s += 60.0
        log.warning("broker is gone")
    await heard.say()
    assert len(heard.said) == BURST
    heard.clock.now_s += 60.0
    log.warning("there")
    await heard.say()
    assert heard.said[-1]["dropped"] == 100 - BURST


async def test_neither_messages_nor_tags_nor_an_errors_own_words_leave(heard: Heard) -> None:
    log.error("operation not recorded cp=%s payload=%s why=%r", "YARD", '{"idTag":"77FFEE00"}', "disk\nfull")
    log.warning("stop kept cp=%s tag=%s why=%s", "YARD", "88AABBCC", ValueError('["88AABBCC"]'))
    log.warning("somebody at https://me:hunter2@broker with 04a1b2c3 \ud800")
    try:
        raise ValueError("of 77FFEE00")
    except ValueError:
        log.exception("work failed upstream=%s", "a")
    log.warning("long %s", "x" * 5_000)
    await heard.say()

    assert [one["text"] for one in heard.said[:4]] == [
        "operation not recorded cp=YARD payload=… why='disk\\nfull'",
        "stop kept cp=YARD tag=88…CC why=…",
        "somebody at https://…@broker with 04…c3 ?",
        "work failed upstream=a (ValueError)",
    ]
    assert len(heard.said[4]["text"]) == 400


async def test_a_wrong_log_call_ends_nothing(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    # told on standard error otherwise, by logging itself
    monkeypatch.setattr(logging, "raiseExceptions", False)
    heard.lines.handle(logging.LogRecord("chargemon_edge.x", logging.ERROR, "", 0, "a=%d", ("no number",), None))
    log.warning("next")
    await heard.say()

    assert [one["text"] for one in heard.said] == ["next"]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("uplink not connected upstream=%s why=%r", "uplink_not_connected"),
        ("time known by_s=%.1f", "time_known"),
        ("%s is gone", "other"),
        ("configuration paused: nothing more", "configuration_paused"),
        ("x" * 200, "x" * 60),
    ],
)
def test_codes(message: str, code: str) -> None:
    assert code_of(logging.LogRecord("a", logging.ERROR, "", 0, message, (), None)) == code


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("password='hunter 2' cp=A", "password=… cp=A"),
        ("AuthorizationKey=00ff", "AuthorizationKey=…"),
        ("id_tag=12", "id_tag=1…"),
        ("tag='ABCDEFGH'", "tag=AB…GH"),
        ("a stage=2 of cp=ABC", "a stage=2 of cp=ABC"),
    ],
)
def test_what_is_called_a_secret_or_a_tag_is_hidden(text: str, expected: str) -> None:
    assert shown(text, ()) == expected
