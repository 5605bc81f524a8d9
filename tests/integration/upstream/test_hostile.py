"""Whatever comes on the topics to the site costs one message: no connection, no traceback, and nothing is done."""

from __future__ import annotations

import json
import logging
import random
from pathlib import Path
from typing import Any

import pytest

from tests.integration.upstream.broker import Broker, listening
from tests.integration.upstream.running import running, settings
from tests.waiting import until

PLACES = ("cmd", "limit", "replay", "desired/config", "desired/local_list", "desired/firmware", "desired/x/y", "else")
GOOD: tuple[dict[str, Any], ...] = (
    {"id": "abcdefgh", "op": "reset", "tgt": {"cp": "YARD"}, "args": {"type": "Soft"}},
    {"n": 5, "until": "2999-01-01T00:00:00Z", "a": [1.0, 1.0, 1.0]},
    {"id": "abcdefgh", "stream": "ev", "from": 1, "to": 3},
    {"ver": "1", "body": {"charge_points": {"YARD": {"K": "V"}}}},
)
ODD: tuple[Any, ...] = (None, True, -1, 2**70, 1e308, "", "\0", "x" * 300, [], {}, [[]], {"a": {}}, "2026-13-45", "NaN")


def spoilt(chance: random.Random) -> bytes:
    """A message that was right once."""
    message = json.loads(json.dumps(chance.choice(GOOD)))
    member = chance.choice([*message, "strange"])
    message[member] = chance.choice(ODD)
    text = json.dumps(message).encode()
    kind = chance.randrange(6)
    if kind == 0:
        return text[: chance.randrange(len(text))]
    if kind == 1:
        return bytes(chance.randrange(256) for _ in range(chance.randrange(60)))
    if kind == 2:
        return b"[" * chance.randrange(1, 20_000)
    return text


@pytest.mark.demand("S21")
async def test_hostile_messages_cost_nothing_but_themselves(
    tmp_path: Path, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    # commands are spoilt, too, but a few may by chance be right: what may be done is then harmless
    upstream = settings(broker.port, commands=("ping",), desired=("config", "local_list", "firmware"))
    with listening(broker) as operator:
        async with running(tmp_path, upstream) as site:
            await until(lambda: bool(operator.on("/hof-7/ev")))
            for _ in range(300):
                operator.say(f"cm/v1/hof-7/in/{chance.choice(PLACES)}", spoilt(chance), qos=chance.choice((0, 1)))
            operator.say("cm/v1/hof-7/in/cmd", {"id": "ping-after", "op": "ping"})
            await until(lambda: any(one.body["id"] == "ping-after" for one in operator.on("/res")), 30)
            standing = site.uplink.standings()[0]
            assert (standing.connected, standing.connections) == (True, 1)
            assert site.charge_points.asked == []
            assert site.present.picture.limits == {}

    assert [record.message for record in caplog.records if record.levelno >= logging.ERROR] == []
