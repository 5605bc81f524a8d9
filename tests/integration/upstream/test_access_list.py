"""The access list of ``docs/fleet.md``, on a real mosquitto: enough for a site and for the archive, and no more."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest

from tests.integration.upstream.archive import Archive
from tests.integration.upstream.broker import Broker, Operator, listening
from tests.integration.upstream.running import running, settings
from tests.waiting import until

DOCUMENT = Path(__file__).parents[3] / "docs" / "fleet.md"


@pytest.fixture
def guarded(tmp_path: Path) -> Broker:
    """A mosquitto with that list, besides somebody who may do all."""
    rules = "\n".join(re.findall(r"^    ((?:pattern|user|topic) .*)$", DOCUMENT.read_text(), re.MULTILINE))
    assert "pattern read  cm/v1/%u/in/#" in rules
    (tmp_path / "acl").write_text(rules + "\nuser all\ntopic readwrite #\n")
    return Broker(tmp_path / "broker", (f"acl_file {tmp_path / 'acl'}", "allow_anonymous true"))


async def test_it_is_enough_and_no_more(tmp_path: Path, guarded: Broker) -> None:
    guarded.start()
    upstream = settings(guarded.port, username="hof-7", commands=("ping",))
    try:
        with listening(guarded, username="all") as operator, Archive(tmp_path, guarded.port, user="archive") as archive:
            async with running(tmp_path, upstream) as site:
                await until(lambda: bool(operator.on("/cp/YARD")))
                operator.say("cm/v1/hof-7/in/cmd", {"id": "ping-0001", "op": "ping"})
                await until(lambda: bool(operator.on("/res")))
                await site.commit(site.started(1))
                await until(lambda: archive.count() >= 2 and archive.is_complete(), 30)
                standing = site.uplink.standings()[0]
            assert (standing.refused, standing.error) == ({}, None)
            # another site neither hears this one's commands nor speaks in its name
            other = Operator(guarded.port, "cm-hof-8", "cm/v1/#", username="hof-8")
            try:
                for topic in ("cm/v1/hof-7/in/cmd", "cm/v1/hof-7/ev"):
                    # this mosquitto also hangs up on whoever publishes where it may not
                    with contextlib.suppress(RuntimeError):
                        other.say(topic, {"id": "ping-0002", "op": "ping"})
                operator.say("cm/v1/hof-7/in/cmd", {"id": "ping-0003", "op": "ping"})
                operator.say("cm/v1/hof-8/in/cmd", {"id": "ping-0004", "op": "ping"})
                assert other.wait(lambda: bool(other.messages))
            finally:
                other.close()
            assert {message.topic for message in other.messages} == {"cm/v1/hof-8/in/cmd"}
            assert all(message.body.get("id") != "ping-0002" for message in operator.messages)
    finally:
        guarded.close()
