"""Hostile messages into a real link of the running daemon: nobody else notices, and what is refused leaves no trace.

CHARGEMON_FUZZ says how many messages; CHARGEMON_SEED replays a run that failed.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.certification.laboratory import running as laboratory_running
from tests.integration.csms.far_end import CLOSE, PING, TEXT, Socket, login, masked, upgrade
from tests.integration.csms.hostile_inputs import Inputs
from tests.integration.csms.shipped import IDENTITIES, Site, records, running

COUNT = int(os.environ.get("CHARGEMON_FUZZ", "1500"))
SEED = int(os.environ.get("CHARGEMON_SEED", "0")) or random.randrange(1, 1 << 32)
ATTACKER, BYSTANDER = IDENTITIES


class Attack:
    """One link that is sent one hostile message after the other, each with a heartbeat behind it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._fences = itertools.count()
        self._socket: Socket | None = None

    async def strike(self, message: bytes) -> tuple[str, bool]:
        """What came back before the heartbeat's answer, and whether anything about the site changed."""
        if self._socket is None:
            self._socket = await self._site.charger(ATTACKER)
        before = self._site.picture
        fence = f"fence-{next(self._fences)}"
        self._socket.writer.write(masked(TEXT, message) + masked(TEXT, f'[2,"{fence}","Heartbeat",{{}}]'.encode()))
        answers: list[Any] = []
        async with asyncio.timeout(20):
            while True:
                opcode, payload = await self._socket.read_frame()
                assert opcode != CLOSE, f"the link was closed: {payload!r}"
                answer = json.loads(payload)
                if answer[1] == fence:
                    break
                answers.append(answer)
        assert len(answers) <= 1, answers
        return _in_short(answers[0]) if answers else "nothing", self._site.picture is not before


def _in_short(answer: list[Any]) -> str:
    if answer[0] == 4:
        assert len(answer) == 5
        return f"error {answer[2]} {answer[3]}"
    assert answer[0] == 3
    return f"result {json.dumps(answer[2])}"


async def test_hostile_messages_disturb_nobody_and_leave_no_trace_when_refused(tmp_path: Path) -> None:
    print(f"CHARGEMON_SEED={SEED}")
    inputs = Inputs(SEED)
    refused: list[bytes] = []
    async with running(tmp_path) as site:
        bystander = await site.charger(BYSTANDER)
        attack = Attack(site)
        for number in range(COUNT):
            message = inputs.next()
            try:
                answer, changed = await attack.strike(message)
            except (AssertionError, TimeoutError, asyncio.IncompleteReadError) as error:
                raise AssertionError(f"message {number} {message!r}") from error
            inputs.led_to(answer)
            if not answer.startswith("result"):
                assert not changed, f"{message!r} was answered with {answer} and changed the site"
                refused.append(message)
            if number % 100 == 0:
                bystander.send([2, f"b{number}", "Heartbeat", {}])
                assert (await bystander.receive())[:2] == [3, f"b{number}"]
    print(f"{COUNT} messages, {len(refused)} refused, {inputs.discoveries} different answers")
    assert len(refused) > COUNT // 5
    assert len(refused) < COUNT * 4 // 5

    before = records(tmp_path)
    assert before["charging_transaction"]
    async with running(tmp_path) as site:
        attack = Attack(site)
        for message in refused:
            answer, changed = await attack.strike(message)
            assert not answer.startswith("result")
            assert not changed
    assert records(tmp_path) == before


def _torn(frame: bytes, chance: random.Random) -> bytes:
    """A WebSocket frame with a few octets changed, lost or added, where the length, the mask and the opcode are."""
    data = bytearray(frame)
    for _ in range(chance.choice((0, 1, 1, 2, 4))):
        at = min(int(chance.expovariate(0.2)), len(data) - 1)
        kind = chance.randrange(3)
        if kind == 0:
            data[at] = chance.randrange(256)
        elif kind == 1:
            del data[at]
        else:
            data.insert(at, chance.randrange(256))
    return bytes(data)


async def test_torn_websocket_frames_cost_their_own_link_and_no_other(tmp_path: Path) -> None:
    print(f"CHARGEMON_SEED={SEED}")
    chance = random.Random(SEED)
    async with running(tmp_path) as site:
        bystander = await site.charger(BYSTANDER)
        for number in range(COUNT // 30):
            socket = await site.charger(ATTACKER)
            for _ in range(3):
                opcode, fin = chance.choice((TEXT, TEXT, 0, 2, CLOSE, PING, 3)), chance.random() < 0.8
                body = chance.choice((b"", b'[2,"1","Heartbeat",{}]', b"\xff\xfe", bytes(130)))
                socket.writer.write(_torn(masked(opcode, body, fin=fin), chance))
            await socket.writer.drain()
            socket.writer.transport.abort()
            bystander.send([2, f"b{number}", "Heartbeat", {}])
            assert (await bystander.receive())[:2] == [3, f"b{number}"]
        whole = await site.charger(ATTACKER)
        whole.send([2, "whole", "Heartbeat", {}])
        assert (await whole.receive())[:2] == [3, "whole"]
    assert records(tmp_path)["charging_transaction"] == []


@pytest.mark.demand("S4")
async def test_torn_requests_are_refused_and_cost_nobody_anything(tmp_path: Path) -> None:
    print(f"CHARGEMON_SEED={SEED}")
    chance = random.Random(SEED)
    good = upgrade(f"/ocpp/{ATTACKER}", login(ATTACKER, "not-the-password"))
    async with running(tmp_path) as site:
        bystander = await site.charger(BYSTANDER)
        for number in range(COUNT // 30):
            # an address that failed too often would be told to wait, whatever it says
            socket = await Socket.connect(site.port, source=f"127.0.{number // 250}.{number % 250 + 2}")
            at = chance.randrange(len(good))
            octets = bytes(chance.randrange(256) for _ in range(chance.choice((1, 3, 40))))
            socket.writer.write(good[:at] + octets + good[at + chance.randrange(4) :])
            socket.writer.write_eof()
            answer = await socket.reader.read()
            assert answer == b"" or int(answer.split(b" ", 2)[1]) in (400, 401, 404, 405, 426, 429, 431), answer
            bystander.send([2, f"b{number}", "Heartbeat", {}])
            assert (await bystander.receive())[:2] == [3, f"b{number}"]
    assert records(tmp_path)["charging_transaction"] == []


async def test_hostile_answers_are_an_outcome_and_never_a_fault(tmp_path: Path) -> None:
    """Whatever a charge point answers to an operation, who asked hears one of the documented outcomes."""
    print(f"CHARGEMON_SEED={SEED}")
    inputs = Inputs(SEED)
    outcomes: Counter[str] = Counter()
    async with laboratory_running(tmp_path, [ATTACKER]) as laboratory, laboratory.connected(ATTACKER) as charge_point:
        for number in range(COUNT // 5):
            action, payload = inputs.operation()
            operation = laboratory.start(charge_point, action, payload)
            asking = asyncio.create_task(charge_point.asked())
            await asyncio.wait((operation, asking), return_when=asyncio.FIRST_COMPLETED)
            if operation.done():
                # the schemas allow what the specification's text does not
                asking.cancel()
                assert operation.result().status in (400, 409), operation.result()
                outcomes["not sent"] += 1
                continue
            asked = await asking
            answer = inputs.answer(asked.unique_id, action)
            await charge_point.say(answer.decode("utf-8", "replace"))
            await charge_point.call("Heartbeat")
            if not operation.done():
                # it was no answer to the question; this one is
                await charge_point.refuse(asked, "GenericError")
            outcome = await operation
            assert outcome.status == 200, (number, answer, outcome)
            assert len(outcome.body) == 1
            outcomes[next(iter(outcome.body))] += 1
    print(outcomes)
    assert {"result", "callError"} <= outcomes.keys()
