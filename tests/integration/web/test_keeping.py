"""Backups and forgotten cards over the API."""

from __future__ import annotations

from pathlib import Path

from chargemon_edge.control.ports import moment
from chargemon_edge.site.facts import Fact, SecurityEvent
from chargemon_edge.site.token_facts import Role
from tests.integration.web.running import running
from tests.integration.web.test_cards import Operator
from tests.unit.store.site_facts import started, stopped


async def test_a_backup_is_made_listed_and_shown_and_never_sent(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        ask = await Operator.of(site)
        before = await ask("GET", "/site")
        status, made = await ask("POST", "/backups")
        listed = await ask("GET", "/backups")
        after = await ask("GET", "/site")
        viewer = await Operator.of(site, Role.VIEWER)

        assert before[1]["last_backup_utc_ms"] is None
        assert status == 201
        assert Path(made["path"]).stat().st_size == made["size_bytes"]
        assert listed == (200, [made])
        assert after[1]["last_backup_utc_ms"] == made["made_utc_ms"]
        assert (await viewer("GET", "/backups"))[0] == 403
        assert (await ask("GET", f"/backups/{made['name']}"))[0] == 404


async def test_a_backup_that_cannot_be_made_is_a_problem_and_an_alarm(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        ask = await Operator.of(site)
        (site.store._directory / "backups").write_text("in the way")
        status, problem = await ask("POST", "/backups")
        alarms = (await ask("GET", "/site"))[1]["alarms"]

        assert (status, problem["title"]) == (503, "no backup")
        assert "backup_missing" in [alarm["code"] for alarm in alarms]


async def test_a_card_is_forgotten_when_nothing_of_it_runs(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        ask = await Operator.of(site, Role.INSTALLER)
        noted: list[Fact] = []
        site.present.follow(noted.append, (SecurityEvent,))
        await ask("PUT", "/id-tags/04FORGET77", {"name": "Anna"})
        begun = started(990, charge_point="GATE-2", connector=9, id_tag="04FORGET77", at=moment(site.clock))
        site.store.journal.record([begun])
        site.present.apply([begun])
        running_now = await ask("POST", "/id-tags/04FORGET77/erase")
        ended = stopped(990, charge_point="GATE-2", connector=9, at=moment(site.clock))
        site.store.journal.record([ended])
        site.present.apply([ended])
        configured = await ask("POST", "/id-tags/CONFIGURED/erase")
        status, done = await ask("POST", "/id-tags/04forget77/erase")

        assert running_now[0] == 409
        assert "GATE-2/9" in running_now[1]["detail"]
        assert configured[0] == 409
        assert status == 200
        assert done["rows"] > 0
        assert (await ask("GET", "/id-tags/04FORGET77"))[0] == 404
        assert b"04FORGET77" not in b"".join(
            path.read_bytes() for path in site.store._directory.rglob("*") if path.is_file()
        )
        assert [fact.event for fact in noted if isinstance(fact, SecurityEvent)] == ["personal data erased"]
        operator = await Operator.of(site)
        assert (await operator("POST", "/id-tags/04FORGET77/erase"))[0] == 403
