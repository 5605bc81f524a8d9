"""Firmware campaigns over the API and by the command line: who is in one, and what people do with it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chargemon_edge.__main__ import main
from chargemon_edge.control.file_keeping import ImageWish
from chargemon_edge.site import facts
from chargemon_edge.site.image import Image
from tests.integration.web.running import Running, running
from tests.integration.web.test_operations import ask
from tests.unit.web.example import NOW

PATH = "/api/v1/firmware/campaigns"
# GARAGE-C never said what it is
PLATES = {
    "GATE-1": ("Maker", "Post", "4.1"),
    "GARAGE-A": ("Maker", "Post", "4.2"),
    "GARAGE-B": ("Maker", "Wall", "4.2"),
    "YARD": ("Maker", "Post", "5.0"),
}


async def stocked(site: Running) -> Image:
    """An image for the posts, and chargers that have said what they are."""
    site.present.apply(
        facts.ChargePointBooted(at=NOW, charge_point=name, vendor=vendor, model=model, firmware_version=version)
        for name, (vendor, model, version) in PLATES.items()
    )
    content = b"firmware"
    wish = ImageWish(
        file_name="post.bin",
        vendor="Maker",
        models=("Post",),
        version="5.0",
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )

    async def parts() -> AsyncIterator[bytes]:
        yield content

    added = await site.files.add_image(wish, parts(), "test")
    assert isinstance(added, Image), added
    return added


async def test_who_is_in_it_is_said_and_who_is_not_and_why(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        image = await stocked(site)
        status, made = await ask(site, "POST", PATH, {"image_id": image.image_id, "rules": {"canaries": 2}})

        assert status == 201
        assert [(one["charge_point"], one["wave"], one["step"]) for one in made["updates"]] == [
            ("GATE-1", 0, "waiting"),
            ("GARAGE-A", 0, "waiting"),
            ("YARD", 1, "waiting"),
        ]
        assert set(made["left_out"]) == {"GARAGE-B", "GARAGE-C"}
        assert "Wall" in made["left_out"]["GARAGE-B"]
        assert (made["state"], made["version"], made["tally"]) == ("running", "5.0", "3 waiting")
        assert made["by"] == "command line"
        assert (await ask(site, "GET", f"{PATH}/{made['number']}"))[1] == {
            name: value for name, value in made.items() if name != "left_out"
        }
        listed = (await ask(site, "GET", PATH))[1]
        assert [one["number"] for one in listed] == [made["number"]]


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"image_id": "ffff"}, "no such image"),
        ({"charge_points": ["NOBODY"]}, "no charge point of the site is called NOBODY"),
        ({"charge_points": ["GATE-1", "GARAGE-B"]}, "GARAGE-B: made for Maker Post"),
        ({"charge_points": ["GARAGE-C"]}, "GARAGE-C: it has not said yet what model it is"),
        ({"charge_points": ["GARAGE-B*"]}, "it fits nobody"),
        ({"from_versions": "newer"}, "is not like"),
        ({"charge_points": ["GATE-1"], "from_versions": ">= 4.2"}, "GATE-1: runs 4.1, not one of >= 4.2"),
    ],
)
async def test_a_campaign_that_cannot_be_is_not_started(tmp_path: Path, wish: dict[str, Any], says: str) -> None:
    async with running(tmp_path) as site:
        image = await stocked(site)
        status, answer = await ask(site, "POST", PATH, {"image_id": image.image_id, **wish})

        assert (status, says in answer["detail"]) == (409, True), answer
        assert (await ask(site, "GET", PATH))[1] == []


@pytest.mark.parametrize(
    "rules",
    [
        {"canaries": -1},
        {"at_once": 0},
        {"window": [0, 1440]},
        {"attempts": 0},
        {"patience": {"boot_s": 0}},
        {"patience": {"tea_s": 60}},
        {"stop_after": 0},
        {"hurry": True},
    ],
)
async def test_rules_that_make_no_sense_are_not_understood(tmp_path: Path, rules: dict[str, Any]) -> None:
    async with running(tmp_path) as site:
        image = await stocked(site)

        assert (await ask(site, "POST", PATH, {"image_id": image.image_id, "rules": rules}))[0] == 400


async def test_it_is_paused_resumed_and_cancelled_and_each_only_when_it_can_be(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        image = await stocked(site)
        number = (await ask(site, "POST", PATH, {"image_id": image.image_id}))[1]["number"]
        seen = []
        for verb in ("resume", "pause", "pause", "resume", "cancel", "resume"):
            status, answer = await ask(site, "POST", f"{PATH}/{number}/{verb}")
            seen.append((verb, status, answer.get("state") or answer["detail"]))

        assert seen == [
            ("resume", 409, "it is running"),
            ("pause", 200, "paused"),
            ("pause", 409, "it is paused"),
            ("resume", 200, "running"),
            ("cancel", 200, "cancelled"),
            ("resume", 409, "it is cancelled"),
        ]
        last = (await ask(site, "GET", f"{PATH}/{number}"))[1]
        assert (last["why"], last["tally"]) == ("by command line", "3 cancelled")
        assert (await ask(site, "POST", f"{PATH}/1/pause"))[0] == 404
        assert (await ask(site, "GET", f"{PATH}/1"))[0] == 404


async def test_a_failing_disk_changes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        image = await stocked(site)
        number = (await ask(site, "POST", PATH, {"image_id": image.image_id}))[1]["number"]
        site.disk.code = 13

        assert (await ask(site, "POST", f"{PATH}/{number}/pause"))[0] == 503
        assert (await ask(site, "GET", f"{PATH}/{number}"))[1]["state"] == "running"
        assert (await ask(site, "POST", PATH, {"image_id": image.image_id, "charge_points": ["GATE-1"]}))[0] == 409


async def test_it_survives_in_the_store(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        image = await stocked(site)
        assert site.campaigns.needs(image.image_id) is None
        number = (await ask(site, "POST", PATH, {"image_id": image.image_id}))[1]["number"]
        assert site.campaigns.needs(image.image_id) == f"campaign {number} needs it"
        kinds = [one["kind"] for one in (await ask(site, "GET", "/api/v1/event-records"))[1]["items"]]

        assert kinds.count("UpdateRecorded") == 3
        assert kinds.count("CampaignRecorded") == 1


async def test_the_command_line_does_all_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with running(tmp_path) as site:
        image = await stocked(site)

        async def command(*words: str) -> tuple[int, str, str]:
            code = await asyncio.to_thread(main, ["firmware", "campaign", *words, "--socket", site.unix])
            output = capsys.readouterr()
            return code, output.out, output.err

        rules = ("--canaries", "1", "--at-once", "2", "--window", "22:00-05:30", "--even-if-busy", "--stop-after", "3")
        code, out, err = await command("start", image.image_id[:5], "GARAGE-*", *rules)
        assert (code, out.startswith("campaign "), "left out: GARAGE-B" in err) == (0, True, True), err
        number = out.split()[1]
        made = site.campaigns.find(int(number))
        assert made is not None
        assert (made.rules.window, made.rules.only_idle, made.rules.at_once) == ((1320, 330), False, 2)
        assert (await command("list"))[1] == f"{number}  running    5.0  1 waiting\n"
        assert "  GARAGE-A             wave 0  waiting" in (await command("show", number))[1]
        assert "paused (by command line)" in (await command("pause", number))[1]
        assert (await command("resume", number))[0] == 0
        code, out, _ = await command("cancel", number)
        assert (code, out.count("cancelled")) == (0, 2)
        assert (await command("cancel", number))[0] == 1
        assert [(await command(*words))[0] for words in (("show",), ("pause", "first"))] == [2, 2]
        for wrong in (("--window", "8-9"), ("--at", "tomorrow")):
            with pytest.raises(SystemExit):
                main(["firmware", "campaign", "start", image.image_id, *wrong])
