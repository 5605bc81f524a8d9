"""Desired states over a real broker: taken once for each version, reported, and taken up again after a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chargemon_edge.control.ports import moment
from chargemon_edge.site.cards import IdTag
from chargemon_edge.site.device_facts import ConfigurationRead, KeyRead
from chargemon_edge.upstream import desired_states
from tests.integration.upstream.broker import Broker, Operator, listening
from tests.integration.upstream.running import running, settings
from tests.waiting import until

DESIRED = "cm/v1/hof-7/in/desired"


def reported(operator: Operator, name: str) -> list[tuple[str, str]]:
    return [(message.body["want"], message.body["state"]) for message in operator.on(f"/reported/{name}")]


async def test_cards_are_as_they_are_desired(tmp_path: Path, broker: Broker) -> None:
    upstream = settings(broker.port, desired=("local_list",))
    wanted = {"ver": "7", "body": {"tags": [{"id_tag": "CARD-1"}, {"id_tag": "CARD-2", "blocked": True}]}}
    with listening(broker) as operator:
        async with running(tmp_path, upstream) as site:
            await site.cards.put(IdTag(id_tag="CARD-1", name="Ann"), "command line")
            await site.cards.put(IdTag(id_tag="CARD-9"), "command line")
            operator.say(f"{DESIRED}/local_list", wanted, retain=True)
            await until(lambda: reported(operator, "local_list") == [("7", "applied")])
            tags = {known.tag.id_tag: (known.tag.status, known.tag.name) for known in site.cards.id_tags.known()}
            assert tags == {"CARD-1": ("Accepted", "Ann"), "CARD-2": ("Blocked", None)}
            operator.say(f"{DESIRED}/local_list", {"ver": "8", "body": {"tags": [{"tag": "x"}]}})
            await until(lambda: reported(operator, "local_list")[-1] == ("8", "rejected"))
            operator.say(f"{DESIRED}/config", {"ver": "1", "body": {"charge_points": {}}})
            await until(lambda: bool(reported(operator, "config")))
            assert reported(operator, "config") == [("-", "rejected")]
        async with running(tmp_path, upstream) as site:
            # the retained one comes again: it is another version than the last
            await until(lambda: reported(operator, "local_list")[-1] == ("7", "applied"))

    events = [message.body for message in operator.on("/ev")]
    reached = [(one["d"]["ver"], one["d"]["state"]) for one in events if one["k"] == "desired.reached"]
    assert reached == [("7", "applied"), ("8", "rejected"), ("7", "applied")]


async def test_configuration_keys_are_wanted_until_the_charge_point_has_them(
    tmp_path: Path, broker: Broker, monkeypatch: Any
) -> None:
    monkeypatch.setattr(desired_states, "LOOK_S", 0.1)
    upstream = settings(broker.port, desired=("config",))
    with listening(broker) as operator:
        async with running(tmp_path, upstream) as site:
            body = {"charge_points": {"YARD": {"HeartbeatInterval": "600"}}}
            operator.say(f"{DESIRED}/config", {"ver": "a", "body": body}, retain=True)
            await until(lambda: reported(operator, "config") == [("a", "pending")])
            assert (site.models.quirks("YARD").configuration or {}) == {"HeartbeatInterval": "600"}
            key = KeyRead(key="HeartbeatInterval", value="600", readonly=False)
            await site.commit(ConfigurationRead(at=moment(site.clock), charge_point="YARD", keys=(key,), whole=False))
            await until(lambda: reported(operator, "config")[-1] == ("a", "applied"))
            secret = {"charge_points": {"YARD": {"AuthorizationKey": "00112233"}}}
            operator.say(f"{DESIRED}/config", {"ver": "b", "body": secret})
            await until(lambda: reported(operator, "config")[-1] == ("b", "rejected"))


async def test_a_campaign_is_started_once_for_each_version(tmp_path: Path, broker: Broker, monkeypatch: Any) -> None:
    monkeypatch.setattr(desired_states, "LOOK_S", 0.1)
    with listening(broker) as operator:
        async with running(tmp_path, settings(broker.port, desired=("firmware",))) as site:
            await until(lambda: bool(operator.on("/ev")))
            wanted = {"ver": "5.2", "body": {"image_id": "image-1", "charge_points": ["YARD"]}}
            operator.say(f"{DESIRED}/firmware", wanted)
            await until(lambda: reported(operator, "firmware") == [("5.2", "pending")])
            operator.say(f"{DESIRED}/firmware", wanted)
            await until(lambda: reported(operator, "firmware") == [("5.2", "pending")] * 2)
            (campaign,) = site.campaigns.all()
            assert campaign.by == "upstream operator desired 5.2"
            await site.campaigns.cancel(campaign.number, "command line")
            await until(lambda: reported(operator, "firmware")[-1] == ("5.2", "failed"))
            wanted = {"ver": "5.3", "body": {"image_id": "nowhere", "charge_points": ["YARD"]}}
            operator.say(f"{DESIRED}/firmware", wanted)
            await until(lambda: reported(operator, "firmware")[-1] == ("5.3", "failed"))
