"""Records over the API: charge points, connectors, transactions, meter values, events."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import msgspec
import pytest

from chargemon_edge.site import facts
from chargemon_edge.site.token_facts import Role
from tests.integration.web.running import Running, running
from tests.unit.store.site_facts import started, stop_kept, stopped, values


async def get(site: Running, path: str, role: Role = Role.OPERATOR) -> tuple[int, Any]:
    known = site.tokens.named(role.value)
    if known is not None:
        await site.tokens.revoke(role.value, "a test")
    token = await site.token(role, role.value)
    async with (
        aiohttp.ClientSession(site.url, headers={"Authorization": f"Bearer {token}"}) as client,
        client.get(path) as answer,
    ):
        return answer.status, msgspec.json.decode(await answer.read())


async def record(site: Running, *new: facts.Fact) -> None:
    done: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
    site.store.journal.commit(new, done.set_result)
    assert await done is None


async def test_transactions_are_listed_shown_and_have_their_meter_values() -> None:
    async with running() as site:
        await record(site, *(started(number, charge_point="EXTRA") for number in range(1, 6)))
        await record(site, stopped(5), *(values(charge_point="EXTRA", transaction_id=5, energy_wh=n) for n in range(3)))
        _, first = await get(site, "/api/v1/transactions?charge_point=EXTRA&limit=2")
        _, second = await get(site, f"/api/v1/transactions?charge_point=EXTRA&limit=9&before={first['next_before']}")
        _, running_ones = await get(site, "/api/v1/transactions?charge_point=EXTRA&open=true&id_tag=04A1B2C3")
        shown_status, shown = await get(site, "/api/v1/transactions/5")
        # samples are written behind
        async with asyncio.timeout(10):
            while len((await get(site, "/api/v1/transactions/5/meter-values"))[1]["items"]) < 3:
                await asyncio.sleep(0.01)
        values_status, of_it = await get(site, "/api/v1/transactions/5/meter-values?limit=2")
        payload = await get(site, f"/api/v1/meter-values/{of_it['items'][0]['number']}/payload")

    assert [one["transaction_id"] for one in first["items"] + second["items"]] == [5, 4, 3, 2, 1]
    assert [one["transaction_id"] for one in running_ones["items"]] == [4, 3, 2, 1]
    assert (shown_status, shown["energy_wh"], shown["id_tag"]) == (200, 7800, "04A1B2C3")
    assert (values_status, [one["energy_wh"] for one in of_it["items"]]) == (200, [2, 1])
    assert payload == (200, {"connectorId": 1})


async def test_a_viewer_sees_id_tags_masked_and_cannot_search_by_one() -> None:
    async with running() as site:
        await record(site, started(5), stopped(5, id_tag="04A1B2C3"))
        _, listed = await get(site, "/api/v1/transactions", Role.VIEWER)
        _, shown = await get(site, "/api/v1/transactions/5", Role.VIEWER)
        searched, problem = await get(site, "/api/v1/transactions?id_tag=04A1B2C3", Role.VIEWER)
        events, _ = await get(site, "/api/v1/event-records", Role.VIEWER)

    assert "04A1B2C3" not in str((listed, shown))
    assert (shown["id_tag"], shown["stop_id_tag"]) == ("04…C3", "04…C3")
    assert (searched, events) == (403, 403)
    assert "operator" in problem["detail"]


async def test_events_and_kept_stops_are_listed() -> None:
    async with running() as site:
        await record(site, started(5), stop_kept())
        _, events = await get(site, "/api/v1/event-records?kind=TransactionStarted&limit=1")
        _, stops = await get(site, "/api/v1/kept-stops")
        _, operations = await get(site, "/api/v1/operations")

    assert events["items"][0]["body"]["transaction_id"] == 5
    assert isinstance(stops["items"][0]["payload"], dict)
    assert operations == {"items": [], "next_before": None}


async def test_charge_points_and_connectors_are_shown_as_they_are_known() -> None:
    async with running() as site:
        _, listed = await get(site, "/api/v1/charge-points", Role.VIEWER)
        _, garage = await get(site, "/api/v1/charge-points/GARAGE-A", Role.VIEWER)
        _, connectors = await get(site, "/api/v1/charge-points/GARAGE-A/connectors", Role.VIEWER)
        _, one = await get(site, "/api/v1/charge-points/GARAGE-A/connectors/1", Role.VIEWER)

    assert [entry["identity"] for entry in listed if entry["configured"]] == list(
        site.present.site.charge_point_by_identity
    )
    assert garage in listed
    assert (garage["configured"], garage["linked"]) == (True, True)
    assert {1, 2} <= set(garage["connectors"])
    assert one in connectors
    assert one["transaction_id"] is not None
    assert one["status"] == "Charging"


@pytest.mark.parametrize(
    "path",
    [
        "/transactions/99",
        "/transactions/99/meter-values",
        "/meter-values/99/payload",
        "/charge-points/NOBODY",
        "/charge-points/NOBODY/connectors",
        "/charge-points/GARAGE-A/connectors/9",
    ],
)
async def test_what_is_not_there_is_not_found(path: str) -> None:
    async with running() as site:
        status, problem = await get(site, f"/api/v1{path}")

    assert (status, problem["title"]) == (404, "not found")


@pytest.mark.parametrize(
    "path",
    [
        "/transactions?limit=0",
        "/transactions?limit=501",
        "/transactions?limit=x",
        "/transactions?before=0",
        "/transactions?before=9007199254740992",
        "/transactions?before=null",
        "/transactions?open=perhaps",
        "/transactions?open=null",
        "/transactions?charge_point=",
        "/transactions?charge_point=" + "x" * 49,
        "/transactions?open=true&open=false",
        "/transactions?order=oldest",
        "/transactions/x",
        "/transactions/99999999999",
        "/meter-values?connector=-1",
        "/charge-points/" + "x" * 49,
    ],
)
async def test_a_question_that_makes_no_sense_is_told_so(path: str) -> None:
    async with running() as site:
        status, problem = await get(site, f"/api/v1{path}")

    assert (status, problem["title"]) == (400, "not understood")


async def test_a_disk_that_cannot_be_read_is_said() -> None:
    async with running() as site:
        token = await site.token(Role.VIEWER)
        site.store._reader.close()
        async with (
            aiohttp.ClientSession(site.url, headers={"Authorization": f"Bearer {token}"}) as client,
            client.get("/api/v1/transactions") as answer,
        ):
            problem = msgspec.json.decode(await answer.read())

    assert (answer.status, problem["title"]) == (503, "not available now")


async def test_a_kept_stop_is_settled_once_and_stays_on_record() -> None:
    async with running() as site:
        await record(site, stop_kept(), stop_kept(transaction_id=98))
        site.present.apply([stop_kept(), stop_kept(transaction_id=98)])
        waiting_before = site.present.picture.kept_stops
        token = await site.token(Role.OPERATOR, "judge")
        _, listed = await get(site, "/api/v1/kept-stops?settled=false")
        number = listed["items"][0]["number"]
        async with aiohttp.ClientSession(site.url, headers={"Authorization": f"Bearer {token}"}) as client:
            path = f"/api/v1/kept-stops/{number}/settle"
            at_once = await asyncio.gather(*(client.post(path) for _ in range(3)))
            later = await client.post(path)
            unknown = await client.post("/api/v1/kept-stops/12345/settle")
        _, waiting = await get(site, "/api/v1/kept-stops?settled=false")
        _, settled = await get(site, "/api/v1/kept-stops?settled=true")

        assert sorted(answer.status for answer in at_once) == [204, 409, 409]
        assert (later.status, unknown.status) == (409, 404)
        assert site.present.picture.kept_stops == waiting_before - 1
        assert [one["number"] for one in settled["items"]] == [number]
        assert settled["items"][0]["settled_by"] == "token judge"
        assert number not in [one["number"] for one in waiting["items"]]
        assert len(waiting["items"]) == len(listed["items"]) - 1
