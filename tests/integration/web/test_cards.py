"""Cards, teach-in, reservations and local lists over the API."""

from __future__ import annotations

import sqlite3
from typing import Any

import aiohttp
import msgspec
import pytest

from chargemon_edge.control.ports import Answered, Outcome, TimedOut
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site import card_facts
from chargemon_edge.site.facts import Fact, Moment
from chargemon_edge.site.token_facts import Role
from tests.integration.web.running import Running, running
from tests.unit.store.card_samples import reservation


class Operator:
    """Asks with a token of one role."""

    def __init__(self, site: Running, token: str) -> None:
        self._site = site
        self._token = token

    @classmethod
    async def of(cls, site: Running, role: Role = Role.OPERATOR) -> Operator:
        return cls(site, await site.token(role, role.value))

    async def __call__(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        data = None if body is None else msgspec.json.encode(body)
        async with (
            aiohttp.ClientSession(self._site.url, headers=headers) as client,
            client.request(method, f"/api/v1{path}", data=data) as answer,
        ):
            text = await answer.read()
            return answer.status, msgspec.json.decode(text) if text else None


def authorized(site: Running, id_tag: str) -> str:
    at = Moment(site.clock.monotonic_s(), site.clock.utc_ms())
    return site.cards.authorisation.authorize("GATE-1", id_tag, at).status


async def test_a_card_is_written_shown_and_deleted() -> None:
    async with running() as site:
        ask = await Operator.of(site)
        noted: list[Fact] = []
        site.present.follow(noted.append, (card_facts.IdTagPut, card_facts.IdTagRemoved))
        wish = {"parent_id_tag": "TEAM", "single_transaction": True, "name": "Anna", "expiry_utc_ms": 1}

        made = await ask("PUT", "/id-tags/04A1%2FB2", wish)
        shown = await ask("GET", "/id-tags/04a1%2Fb2")
        status = authorized(site, "04A1/B2")
        replaced = await ask("PUT", "/id-tags/04A1%2FB2", {"status": "Blocked"})
        deleted = await ask("DELETE", "/id-tags/04a1%2fb2")
        again = await ask("DELETE", "/id-tags/04A1%2FB2")

    assert made == shown
    assert made == (
        200,
        {
            "id_tag": "04A1/B2",
            "status": "Accepted",
            "status_now": "Expired",
            "expiry_utc_ms": 1,
            "parent_id_tag": "TEAM",
            "single_transaction": True,
            "name": "Anna",
            "note": None,
            "source": "record",
            "configured": False,
        },
    )
    assert status == "Expired"
    assert (replaced[1]["status_now"], replaced[1]["name"]) == ("Blocked", None)
    assert (deleted, again[0]) == ((204, None), 404)
    put, _, removed = noted
    assert isinstance(put, card_facts.IdTagPut)
    assert isinstance(removed, card_facts.IdTagRemoved)
    assert (put.by, removed.by) == ("token operator", "token operator")


async def test_the_configurations_cards_are_shown_and_a_record_goes_before() -> None:
    async with running() as site:
        ask = await Operator.of(site)

        _, listed = await ask("GET", "/id-tags")
        refused = await ask("DELETE", "/id-tags/CONFIGURED")
        _, blocked = await ask("PUT", "/id-tags/configured", {"status": "Blocked"})
        while_blocked = authorized(site, "CONFIGURED")
        deleted = await ask("DELETE", "/id-tags/configured")
        afterwards = authorized(site, "CONFIGURED")

    assert [(one["id_tag"], one["source"]) for one in listed] == [("CONFIGURED", "configuration")]
    assert refused[0] == 409
    assert (blocked["source"], blocked["configured"], while_blocked) == ("record", True, "Blocked")
    assert (deleted[0], afterwards) == (204, "Accepted")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/id-tags/123456789012345678901", {}),
        ("/id-tags/%20A", {}),
        ("/id-tags/A%0A", {}),
        ("/id-tags/%C3%A9", {}),
        ("/id-tags/A", {"status": "ConcurrentTx"}),
        ("/id-tags/A", {"blocked": True}),
        ("/id-tags/A", {"parent_id_tag": ""}),
        ("/id-tags/A", {"name": "a\u0007b"}),
        ("/id-tags/A", []),
    ],
)
async def test_what_is_no_card_is_refused_and_changes_nothing(path: str, body: object) -> None:
    async with running() as site:
        ask = await Operator.of(site)

        status, problem = await ask("PUT", path, body)
        _, listed = await ask("GET", "/id-tags")

    assert status == 400
    assert problem["detail"]
    assert len(listed) == 1


async def test_a_card_that_cannot_be_stored_is_not_in_force() -> None:
    async with running() as site:
        ask = await Operator.of(site)
        site.disk.code = sqlite3.SQLITE_FULL

        status, _ = await ask("PUT", "/id-tags/04A1", {})

        assert authorized(site, "04A1") == "Invalid"
    assert status == 503


async def test_teach_in_over_the_api() -> None:
    async with running() as site:
        ask = await Operator.of(site)

        nowhere = await ask("POST", "/teach-in", {"charge_point": "NOWHERE"})
        too_long = await ask("POST", "/teach-in", {"seconds": 601})
        _, opened = await ask("POST", "/teach-in", {"charge_point": "GATE-1", "seconds": 90, "name": "Anna"})
        at = Moment(site.clock.monotonic_s(), site.clock.utc_ms())
        verdict = site.cards.authorisation.authorize("GATE-1", "04NEW", at)
        site.present.apply(verdict.new)
        _, done = await ask("GET", "/teach-in")
        _, card = await ask("GET", "/id-tags/04NEW")
        _, reopened = await ask("POST", "/teach-in", {})
        _, closed = await ask("DELETE", "/teach-in")

    assert (nowhere[0], too_long[0]) == (404, 400)
    assert 85 < opened["remaining_s"] <= 90
    assert (opened["charge_point"], opened["last"]) == ("GATE-1", None)
    assert done["remaining_s"] is None
    assert (done["last"]["id_tag"], done["last"]["charge_point"]) == ("04NEW", "GATE-1")
    assert card["name"] == "Anna"
    assert (reopened["charge_point"], closed["remaining_s"]) == (None, None)


async def test_reservations_are_listed_newest_first_and_masked_for_viewers() -> None:
    async with running() as site:
        at = Moment(site.clock.monotonic_s(), site.clock.utc_ms())
        for number in (31, 32):
            one = reservation(number, charge_point="GATE-1", state="Accepted", requested_utc_ms=number)
            site.present.apply((card_facts.ReservationMade(at=at, reservation=one),))
        ask, look = await Operator.of(site), await Operator.of(site, Role.VIEWER)

        _, listed = await ask("GET", "/reservations?charge_point=GATE-1&state=Accepted")
        none = await ask("GET", "/reservations?state=Used")
        _, shown = await look("GET", "/reservations/32")
        missing, _ = await ask("GET", "/reservations/32?charge_point=YARD")

    assert [one["reservation_id"] for one in listed] == [32, 31]
    assert listed[0]["id_tag"] == "04D4E5F6"
    assert none == (200, [])
    assert (shown["id_tag"], shown["parent_id_tag"]) == ("04…F6", "F…")
    assert missing == 404


async def test_a_reservation_is_made_by_operation_and_cancelled_by_delete() -> None:
    accepted: dict[str, m.Response] = {
        "ReserveNow": m.ReserveNowResponse(status="Accepted"),
        "CancelReservation": m.CancelReservationResponse(status="Accepted"),
    }
    async with running() as site:
        ask = await Operator.of(site)
        site.charge_points.links.add("GATE-1")
        site.charge_points.answers.update(
            {action: Answered(response=response, sent_mono_s=0.0) for action, response in accepted.items()}
        )
        wish = {"connectorId": 1, "idTag": "04D4E5F6", "expiryDate": "2099-01-01T00:00:00Z"}

        made = await ask("POST", "/charge-points/GATE-1/operations/ReserveNow", wish)
        _, (one,) = await ask("GET", "/reservations")
        answers: list[tuple[Outcome, int]] = [
            (Answered(response=m.CancelReservationResponse(status="Rejected"), sent_mono_s=0.0), 409),
            (TimedOut(), 504),
        ]
        for outcome, status in answers:
            good = site.charge_points.answers["CancelReservation"]
            site.charge_points.answers["CancelReservation"] = outcome
            assert (await ask("DELETE", f"/reservations/{one['reservation_id']}"))[0] == status
            site.charge_points.answers["CancelReservation"] = good
        cancelled = await ask("DELETE", f"/reservations/{one['reservation_id']}")
        unknown, _ = await ask("DELETE", "/reservations/1")
        site.charge_points.links.clear()
        offline, _ = await ask("DELETE", f"/reservations/{one['reservation_id']}")

    assert made == (200, {"result": {"status": "Accepted"}})
    # 500 is the first number of this site
    assert (one["state"], one["reservation_id"], one["by"]) == ("Accepted", 500, "token operator")
    assert (cancelled[0], cancelled[1]["state"]) == (200, "Cancelled")
    assert (unknown, offline) == (404, 409)
    sent = [request for _, request in site.charge_points.asked if request.action == "CancelReservation"]
    assert sent == [m.CancelReservationRequest(reservation_id=500)] * 3


async def test_a_local_list_is_shown_and_pushed() -> None:
    async with running() as site:
        ask = await Operator.of(site)
        site.charge_points.answers.update(
            {
                action: Answered(response=response, sent_mono_s=0.0)
                for action, response in {
                    "GetConfiguration": m.GetConfigurationResponse(
                        configuration_key=(
                            m.KeyValue(key="AuthorizationCacheEnabled", readonly=False, value="false"),
                            m.KeyValue(key="LocalAuthListMaxLength", readonly=True, value="1"),
                        )
                    ),
                    "GetLocalListVersion": m.GetLocalListVersionResponse(list_version=0),
                    "SendLocalList": m.SendLocalListResponse(status="Accepted"),
                }.items()
            }
        )
        site.charge_points.links.add("GATE-1")
        await ask("PUT", "/id-tags/04A1", {"status": "Blocked"})

        _, before = await ask("GET", "/charge-points/GATE-1/local-list")
        pushed = await ask("POST", "/charge-points/GATE-1/local-list")
        unknown = [(await ask(method, "/charge-points/NOWHERE/local-list"))[0] for method in ("GET", "POST")]

    assert (before["supported"], before["enabled"], before["version"], before["up_to_date"]) == (
        None,
        None,
        None,
        False,
    )
    assert (before["by_itself"], before["entries_wanted"]) == (True, 2)
    assert pushed[0] == 200
    assert {
        name: pushed[1][name]
        for name in ("supported", "enabled", "up_to_date", "version", "entries", "left_out", "cache", "last_outcome")
    } == {
        "supported": True,
        "enabled": True,
        "up_to_date": True,
        "version": 1,
        "entries": 1,
        "left_out": 1,
        "cache": False,
        "last_outcome": "SendLocalList: Accepted",
    }
    assert unknown == [404, 404]
