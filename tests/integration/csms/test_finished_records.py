"""S15: nothing that a charge point sends changes the record of a transaction that has ended.

CHARGEMON_FUZZ says how many messages try it; CHARGEMON_SEED replays a run that failed.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from tests.integration.csms.far_end import TEXT, Socket, masked
from tests.integration.csms.shipped import IDENTITIES, Site, records, running

COUNT = int(os.environ.get("CHARGEMON_FUZZ", "1500")) // 5
SEED = int(os.environ.get("CHARGEMON_SEED", "0")) or random.randrange(1, 1 << 32)
VICTIM, OTHER = IDENTITIES
SESSIONS = 5


class Forger:
    """Knows every message of some ended transactions, and plays with them."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self._numbers = 0
        # (unique id, payload) of the starts and stops that were confirmed
        self.starts: list[tuple[str, dict[str, Any]]] = []
        self.stops: list[tuple[str, dict[str, Any]]] = []

    @property
    def ended(self) -> set[int]:
        """The ids of the transactions."""
        return {payload["transactionId"] for _, payload in self.stops}

    def _fresh_id(self) -> str:
        self._numbers += 1
        return f"n{self._numbers}"

    async def session(self, socket: Socket) -> None:
        """One transaction from start to end, as it should be."""
        at = f"2026-11-25T10:{len(self.starts):02}:00Z"
        start = {"connectorId": 1, "idTag": "CARD", "meterStart": self.chance.randint(0, 9_999), "timestamp": at}
        unique_id = self._fresh_id()
        answer = await confirmed(socket, json.dumps([2, unique_id, "StartTransaction", start]).encode())
        self.starts.append((unique_id, start))
        stop = {"meterStop": 20_000, "timestamp": at, "transactionId": answer[2]["transactionId"], "reason": "Local"}
        unique_id = self._fresh_id()
        await confirmed(socket, json.dumps([2, unique_id, "StopTransaction", stop]).encode())
        self.stops.append((unique_id, stop))

    def forged(self) -> bytes:
        """A replay, a lie or a ruin of one of those messages."""
        chance = self.chance
        if chance.random() < 0.2:
            unique_id, payload = chance.choice(self.starts)
            action = "StartTransaction"
        else:
            unique_id, payload = chance.choice(self.stops)
            action = "StopTransaction"
        payload = dict(payload)
        lies = {
            "meterStop": chance.choice([0, -1, 1, 10**9, "30000", 20_000.4]),
            "timestamp": chance.choice(["1970-01-01T00:00:00Z", "2030-01-01T00:00:00Z", "now"]),
            "reason": chance.choice(["PowerLoss", "DeAuthorized", "nonsense", None]),
            "idTag": chance.choice(["CARD", "OTHER", "x" * 30]),
            "transactionData": chance.choice([[], [{"timestamp": "now", "sampledValue": [{"value": "1"}]}], "none"]),
        }
        for member in chance.sample(sorted(lies), chance.choice((0, 0, 1, 2, 5))):
            if action == "StopTransaction":
                payload[member] = lies[member]
        if chance.random() < 0.7:
            unique_id = self._fresh_id()
        text = json.dumps([2, unique_id, action, payload]).encode()
        if chance.random() < 0.2:
            at = chance.randrange(len(text))
            text = text[:at] + chance.choice([b"", b'"', b"}", b"\xff"]) + text[at + chance.randrange(3) :]
        return text


async def confirmed(socket: Socket, text: bytes) -> Any:
    """Send it; the answer, which must be a CALLRESULT."""
    socket.writer.write(masked(TEXT, text))
    answer = await socket.receive()
    assert answer[0] == 3, answer
    return answer


async def told(socket: Socket, text: bytes) -> None:
    """Send it, and wait until it has been dealt with."""
    socket.writer.write(masked(TEXT, text) + masked(TEXT, b'[2,"fence","Heartbeat",{}]'))
    async with asyncio.timeout(20):
        while (await socket.receive())[1] != "fence":
            pass


def ended_records(folder: Path, ids: set[int]) -> list[Any]:
    """The rows of those transactions, whole."""
    return [row for row in records(folder)["charging_transaction"] if row[0] in ids]


async def _forge(site: Site, forger: Forger, folder: Path, count: int) -> None:
    before = ended_records(folder, forger.ended)
    assert len(before) == SESSIONS
    for number in range(count):
        # a new link now and then: message ids begin anew there
        if number % 20 == 0:
            victim, other = await site.charger(VICTIM), await site.charger(OTHER)
        text = forger.forged()
        await told(other if forger.chance.random() < 0.2 else victim, text)
        if number % 10 == 9:
            assert ended_records(folder, forger.ended) == before, text
        if number % 20 == 19:
            await victim.close()
            await other.close()
    assert ended_records(folder, forger.ended) == before


@pytest.mark.demand("S15")
async def test_s15_forged_replayed_and_ruined_messages_never_change_an_ended_transaction(tmp_path: Path) -> None:
    print(f"CHARGEMON_SEED={SEED}")
    forger = Forger(SEED)
    async with running(tmp_path) as site:
        socket = await site.charger(VICTIM)
        for _ in range(SESSIONS):
            await forger.session(socket)
        await socket.close()
        await _forge(site, forger, tmp_path, COUNT // 2)
    # and after a restart, when all that is known comes from the disk
    async with running(tmp_path) as site:
        await _forge(site, forger, tmp_path, COUNT // 2)
