"""A second connection under the same identity: strangers never disturb, a live link stays, a dead one is replaced."""

from __future__ import annotations

import asyncio
import random

import pytest

from chargemon_edge.control.ports import Offline, Outcome, TimedOut
from chargemon_edge.ocpp.v16.messages import ClearCacheRequest
from chargemon_edge.sim.virtual_loop import run_virtually
from tests.integration.csms.far_end import (
    PING,
    PONG,
    OneModel,
    Site,
    Socket,
    charger,
    login,
    masked,
    site,
    turns,
    upgrade,
)


@pytest.mark.demand("S6")
def test_wrong_logins_never_disturb_a_live_link() -> None:
    async def main() -> None:
        async with site() as running:
            good = await charger(running.port, "CP1")
            logins = (login("CP1", "guess"), None, login("CP2"), "Basic ????")
            refused = set()
            for attempt in range(1_000):
                attacker = await Socket.connect(running.port)
                asking = asyncio.create_task(attacker.request(upgrade("/ocpp/CP1", logins[attempt % 4])))
                # in the middle of it, too
                await good.heartbeat(f"{attempt} during")
                refused.add(await asking)
                await good.heartbeat(f"{attempt} after")
                await attacker.close()

            assert refused == {401, 429}
            assert len(running.notes.requests) == 2_000
            assert running.notes.events == [("opened", "CP1")]
            await good.close()

    run_virtually(main())


@pytest.mark.demand("S7")
def test_a_second_login_is_refused_while_the_first_answers() -> None:
    async def main() -> None:
        async with site() as running:
            first = await charger(running.port, "CP1")
            second = asyncio.create_task(charger(running.port, "CP1"))
            opcode, payload = await first.read_frame()
            assert opcode == PING
            first.writer.write(masked(PONG, payload))
            refused = await second

            assert refused.status == 409
            assert running.notes.notices == [
                (
                    "second connection",
                    "127.0.0.1",
                    "CP1: a second connection with the right login, while the first one is alive",
                )
            ]
            assert running.notes.events == [("opened", "CP1")]
            await first.heartbeat()
            await refused.close()
            await first.close()

    run_virtually(main())


@pytest.mark.demand("S7", "S8")
def test_a_silent_link_is_replaced_after_three_seconds() -> None:
    async def main() -> None:
        async with site() as running:
            first = await charger(running.port, "CP1")
            began_s = asyncio.get_running_loop().time()
            pending = asyncio.create_task(running.directory.call("CP1", ClearCacheRequest(), 60.0))
            await turns()
            second = await charger(running.port, "CP1")

            assert second.status == 101
            assert asyncio.get_running_loop().time() - began_s == pytest.approx(3.0)
            assert await pending == TimedOut()
            assert running.notes.events == [("opened", "CP1"), ("opened", "CP1")]
            assert running.notes.notices == []
            await second.heartbeat()
            # the end of the old socket changes nothing
            await first.close()
            await turns()
            assert running.directory.linked("CP1")
            await second.close()
            await turns()
            assert not running.directory.linked("CP1")
            assert [event[0] for event in running.notes.events] == ["opened", "opened", "closed"]

    run_virtually(main())


def test_a_link_whose_socket_ends_while_asked_makes_room_at_once() -> None:
    async def main() -> None:
        async with site() as running:
            first = await charger(running.port, "CP1")
            began_s = asyncio.get_running_loop().time()
            waiting = asyncio.create_task(charger(running.port, "CP1"))
            await turns()
            await first.close()
            second = await waiting

            assert second.status == 101
            assert asyncio.get_running_loop().time() == began_s
            assert [event[0] for event in running.notes.events] == ["opened", "closed", "opened"]
            await second.close()

    run_virtually(main())


def test_a_third_connection_does_not_wait_behind_the_second() -> None:
    async def main() -> None:
        async with site() as running:
            first = await charger(running.port, "CP1")
            second = asyncio.create_task(charger(running.port, "CP1"))
            await turns()
            third = await charger(running.port, "CP1")

            assert third.status == 409
            assert (await second).status == 101
            for socket in (first, await second, third):
                await socket.close()

    run_virtually(main())


def test_a_newcomer_that_leaves_changes_nothing() -> None:
    async def main() -> None:
        async with site() as running:
            first = await charger(running.port, "CP1")
            second = await Socket.connect(running.port)
            second.writer.write(upgrade("/CP1", login("CP1")))
            await turns()
            await second.close()
            await asyncio.sleep(10.0)

            assert running.notes.events == [("opened", "CP1")]
            await first.heartbeat()
            await first.close()

    run_virtually(main())


@pytest.mark.demand("S8")
def test_closing_old_sockets_in_any_order_never_takes_the_newest_out() -> None:
    """The known bug of central systems: the old socket's end removes the new one's session. 500 interleavings."""
    dice = random.Random(5)

    async def one(running: Site) -> None:
        sockets = [await charger(running.port, "CP1")]
        outcomes: list[Outcome] = []
        running.directory.offer_limit("CP1", 1, ClearCacheRequest(), outcomes.append)
        for _ in range(dice.randrange(1, 4)):
            waiting = asyncio.create_task(charger(running.port, "CP1"))
            await turns(dice.randrange(0, 30))
            if dice.random() < 0.5:
                await sockets[-1].close()
            newest = await waiting
            assert newest.status == 101
            sockets.append(newest)
        assert running.directory.linked("CP1")
        dice.shuffle(sockets)
        for socket in sockets:
            if socket is not newest:
                await socket.close()
                await turns(dice.randrange(0, 10))
        assert running.directory.linked("CP1")
        assert len(outcomes) == 1
        await newest.heartbeat()
        call = asyncio.create_task(running.directory.call("CP1", ClearCacheRequest(), 60.0))
        message = await newest.receive()
        newest.send([3, message[1], {"status": "Accepted"}])
        assert (await call).response.status == "Accepted"  # type: ignore[union-attr] # anything else fails just here
        await newest.close()
        while running.directory.linked("CP1"):
            await asyncio.sleep(0)

    async def main() -> None:
        async with site() as running:
            for _ in range(500):
                await one(running)
            opened = sum(event[0] == "opened" for event in running.notes.events)
            closed = sum(event[0] == "closed" for event in running.notes.events)
            assert opened >= closed >= 500
            assert running.notes.notices == []
            assert running.server._links == {}
            await turns()
            assert len(running.server._connections) == 0

    run_virtually(main())


@pytest.mark.demand("S8")
def test_what_waited_for_a_link_fails_when_it_ends() -> None:
    async def main() -> None:
        async with site() as running:
            socket = await charger(running.port, "CP1")
            calls = [asyncio.create_task(running.directory.call("CP1", ClearCacheRequest(), 60.0)) for _ in range(3)]
            limits: list[Outcome] = []
            await turns()
            running.directory.offer_limit("CP1", 1, ClearCacheRequest(), limits.append)
            began_s = asyncio.get_running_loop().time()
            await socket.close()

            assert [await call for call in calls] == [TimedOut(), Offline(), Offline()]
            await turns()
            assert limits == [Offline()]
            assert asyncio.get_running_loop().time() == began_s

    run_virtually(main())


def test_a_charger_that_cannot_answer_pings_is_asked_by_waiting() -> None:
    async def main() -> None:
        async with site(models=OneModel(websocket_ping=False)) as running:
            first = await charger(running.port, "CP1")
            waiting = asyncio.create_task(charger(running.port, "CP1"))
            await asyncio.sleep(1.0)
            # no ping came: the next frame is the answer
            await first.heartbeat()
            second = await waiting
            assert second.status == 409
            third = await charger(running.port, "CP1")
            assert third.status == 101
            for socket in (first, second, third):
                await socket.close()

    run_virtually(main())
