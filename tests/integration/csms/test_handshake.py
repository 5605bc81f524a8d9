"""Strangers at the door: refused by status, counted, logged without secrets, and never in the way of others."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time

import pytest

from chargemon_edge.csms.settings import ChargePointAccess
from chargemon_edge.sim.virtual_loop import run_virtually
from tests.integration.csms.far_end import Socket, charger, login, masked, site, upgrade


@pytest.mark.demand("S3")
async def test_unknown_identities_leave_nothing_behind() -> None:
    noise = random.Random(3)
    async with site() as running:
        statuses = []
        for _ in range(100):
            socket = await Socket.connect(running.port)
            name = "".join(noise.choices("abcXYZ019-", k=12))
            statuses.append(await socket.request(upgrade(f"/{name}", "Basic eDp5")))
            await socket.close()

        assert statuses == [404] * 5 + [429] * 95
        assert running.notes.events == []
        assert running.notes.requests == []
        # the first 429 is news, the other 94 are not
        assert [event for event, _, _ in running.notes.notices] == ["unknown identity"] * 5 + ["too many failed logins"]


@pytest.mark.demand("S3")
async def test_the_commissioning_window_lets_an_unknown_one_in() -> None:
    async with site() as running:
        running.notes.window_open = True
        socket = await Socket.connect(running.port)

        assert await socket.request(upgrade("/NEW%201", None)) == 101
        await socket.heartbeat()
        assert running.notes.events == [("opened", "NEW 1", "unknown")]
        assert running.directory.linked("NEW 1")
        await socket.close()


@pytest.mark.demand("S4")
@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /CP1 HTTP/1.1\r\nAuthorization: Basic " + b"A" * 1_000_000 + b"\r\n\r\n", 400),
        (b"GET /CP1 HTTP/1.1\r\n" + b"X: y\r\n" * 3_000 + b"\r\n", 400),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n", 400),
        (upgrade("/CP1", "Basic \xff\xfe"), 401),
        (upgrade("/CP1", "Basic"), 401),
        (upgrade("/CP1", None), 401),
        (upgrade("/CP1", login("CP2")), 401),
        (upgrade("/CP1", login("CP1"), extra="Authorization: " + login("CP1") + "\r\n"), 401),
        (upgrade("/CP1", login("CP1"), extra="Content-Length: 5\r\n"), 101),
        (upgrade("/CP1", login("CP1"), subprotocol="ocpp0.1"), 400),
        (b"GET /CP1 HTTP/1.1\r\nHost: x\r\n\r\n", 426),
        (b"POST /CP1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 405),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"\x00" * 50, 400),
        (b"rubbish\r\n\r\n", 400),
        (b"GET /CP1 HTTP/1.1\r\nHo\x00st: x\r\n\r\n", 400),
        (b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ],
)
async def test_every_bad_request_has_an_answer_at_once(
    data: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with site() as running:
        socket = await Socket.connect(running.port)
        began_s = time.perf_counter()
        assert await socket.request(data) == status
        took_s = time.perf_counter() - began_s
        await socket.close()

        # 0.1 s is the promise; a shared machine may stutter
        assert took_s < 0.5
        other = await charger(running.port, "CP7")
        await other.heartbeat()
        await other.close()
    assert not [record for record in caplog.records if record.exc_info]
    assert sum("refused" in record.message for record in caplog.records) == (status != 101)
    assert len(running.notes.notices) == (status != 101)


@pytest.mark.demand("S4")
async def test_random_requests_never_trip_it(caplog: pytest.LogCaptureFixture) -> None:
    noise = random.Random(4)
    whole = upgrade("/ocpp/CP1", login("CP1", "wrong"))
    async with site() as running:
        for _ in range(200):
            data = bytearray(whole)
            for _ in range(noise.randrange(1, 6)):
                data[noise.randrange(len(data))] = noise.randrange(256)
            socket = await Socket.connect(running.port)
            socket.writer.write(bytes(data))
            socket.writer.write_eof()
            with contextlib.suppress(ConnectionError):
                await socket.reader.read()
            await socket.close()
        good = await charger(running.port, "CP2")
        await good.heartbeat()
        await good.close()
    assert not [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR]


@pytest.mark.demand("S5")
async def test_an_attack_does_not_keep_the_right_charger_out() -> None:
    async with site() as running:
        statuses = []
        for attempt in range(40):
            attacker = await charger(running.port, "CP1", source="127.0.0.66", password="guess")
            statuses.append(attacker.status)
            await attacker.close()
            if attempt % 8 == 7:
                right = await charger(running.port, "CP1")
                assert right.status == 101
                await right.heartbeat()
                await right.close()
                while running.directory.linked("CP1"):
                    await asyncio.sleep(0)

        assert statuses == [401] * 5 + [429] * 35
        assert "Retry-After: 60" in attacker.head


@pytest.mark.demand("S5")
def test_the_throttle_lets_go_after_its_window() -> None:
    async def main() -> None:
        async with site() as running:
            for _ in range(6):
                attacker = await charger(running.port, "CP1", password="guess")
                await attacker.close()
            assert attacker.status == 429
            blocked = await charger(running.port, "CP1")
            assert blocked.status == 429
            await blocked.close()
            await asyncio.sleep(60.1)
            right = await charger(running.port, "CP1")
            assert right.status == 101
            await right.close()

    run_virtually(main())


@pytest.mark.demand("S12")
async def test_no_password_ever_reaches_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with site() as running:
        for password in ("canary-wrong", None):
            socket = await charger(running.port, "CP1", password=password)
            if socket.status == 101:
                socket.send([2, "1", "Authorize", {"idTag": "canary-tag-01"}])
                await socket.receive()
            await socket.close()
        huge = await Socket.connect(running.port)
        await huge.request(upgrade("/CP1", "Basic canary" + "Q" * 9_000))
        await huge.close()
        odd = await Socket.connect(running.port)
        await odd.request(upgrade("/CP1", "Basic canary-odd"))
        await odd.close()

    texts = [record.getMessage() for record in caplog.records] + [repr(notice) for notice in running.notes.notices]
    assert [text for text in texts if "received cp=CP1" in text]
    for secret in ("canary", "secret-of-1", login("CP1")[6:], login("CP1", "canary-wrong")[6:]):
        assert not [text for text in texts if secret in text]


@pytest.mark.demand("S14")
def test_a_handshake_that_does_not_come_is_ended() -> None:
    async def main() -> None:
        async with site() as running:
            silent = await Socket.connect(running.port)
            slow = await Socket.connect(running.port)
            whole = upgrade("/CP1", login("CP1"))
            loop = asyncio.get_running_loop()
            began_s = loop.time()

            async def drip() -> None:
                for octet in whole:
                    slow.writer.write(bytes([octet]))
                    await asyncio.sleep(1.0)

            dripping = asyncio.create_task(drip())
            assert await silent.read_head() == 408
            assert await slow.read_head() == 408
            assert loop.time() - began_s == pytest.approx(10.0)
            good = await charger(running.port, "CP1")
            assert good.status == 101
            dripping.cancel()
            for socket in (silent, slow, good):
                await socket.close()

    run_virtually(main())


@pytest.mark.demand("S14")
async def test_open_sockets_of_strangers_make_room_for_chargers() -> None:
    async with site(max_sockets=10) as running:
        idle = [await Socket.connect(running.port, source="127.0.0.66") for _ in range(30)]
        good = [await charger(running.port, f"CP{number}") for number in range(1, 11)]

        assert [socket.status for socket in good] == [101] * 10
        # ten are logged in: now there is no room at all
        late = await Socket.connect(running.port)
        assert await late.ended()
        for socket in good:
            await socket.heartbeat()
        for socket in (*idle, *good, late):
            await socket.close()


async def test_one_address_has_a_bounded_number_of_open_handshakes() -> None:
    async with site(max_handshakes_per_source=3) as running:
        idle = [await Socket.connect(running.port) for _ in range(5)]

        assert await idle[0].ended()
        assert await idle[1].ended()
        assert await idle[4].request(upgrade("/CP1", login("CP1"))) == 101
        for socket in idle:
            await socket.close()


async def test_frames_sent_before_our_answer_are_read() -> None:
    async with site() as running:
        socket = await Socket.connect(running.port)
        early = masked(0x1, b'[2,"1","Heartbeat",{}]')

        assert await socket.request(upgrade("/CP1", login("CP1")) + early) == 101
        assert (await socket.receive())[:2] == [3, "1"]
        await socket.heartbeat("2")
        await socket.close()


@pytest.mark.demand("S9")
async def test_a_charge_point_without_a_password_only_by_its_own_setting() -> None:
    charge_points = (
        ChargePointAccess(identity="OPEN", allow_without_password=True),
        ChargePointAccess(identity="SHUT"),
    )
    async with site(charge_points=charge_points) as running:
        for identity, status in (("OPEN", 101), ("SHUT", 401)):
            socket = await Socket.connect(running.port)
            assert await socket.request(upgrade(f"/{identity}", None)) == status
            await socket.close()
