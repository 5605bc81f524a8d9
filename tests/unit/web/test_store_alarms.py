"""What the page says of the disk and of backups."""

from __future__ import annotations

from chargemon_edge.control.keeping import BackupRecord, StoreStanding
from chargemon_edge.web.shapes import AlarmView, Severity
from chargemon_edge.web.status import render_status
from chargemon_edge.web.view import health_view, site_view
from tests.unit.web.example import NOW, PLAN, SITE, picture

LAST = BackupRecord(
    name="site-000007-20270115T080000Z-daily.db", path="x", made_utc_ms=1_800_000_000_000, size_bytes=1, reason="daily"
)


def raised(standing: StoreStanding) -> dict[str, AlarmView]:
    view = site_view(SITE, picture(), PLAN, NOW, 1, store=standing)
    return {alarm.code: alarm for alarm in view.alarms}


def test_a_sound_disk_with_a_backup_raises_nothing_and_says_when() -> None:
    view = site_view(SITE, picture(), PLAN, NOW, 1, store=StoreStanding(last_backup=LAST))

    assert {"disk_trouble", "database_damaged", "backup_missing"}.isdisjoint(alarm.code for alarm in view.alarms)
    assert view.last_backup_utc_ms == LAST.made_utc_ms
    assert "last backup: 2027-01-15 08:00 UTC" in render_status(view)
    assert "last backup: none yet" in render_status(site_view(SITE, picture(), PLAN, NOW, 1))


def test_a_disk_that_takes_nothing_is_critical() -> None:
    alarm = raised(StoreStanding(trouble="disk full: free some space."))["disk_trouble"]

    assert alarm.severity is Severity.CRITICAL
    assert "disk full: free some space." in alarm.what


def test_what_was_put_aside_is_told_for_as_long_as_it_lies_there() -> None:
    standing = StoreStanding(put_aside=("samples.db.corrupt.1", "site.db.corrupt.2"))
    view = site_view(SITE, picture(), PLAN, NOW, 1, store=standing)
    alarms = {alarm.subject: alarm for alarm in view.alarms if alarm.code == "database_damaged"}

    assert list(alarms) == list(standing.put_aside)
    assert "last backup" in alarms["site.db.corrupt.2"].advice
    assert "readings" in alarms["samples.db.corrupt.1"].advice
    assert health_view(view).status == "attention"


def test_a_backup_that_failed_says_why_and_which_was_the_last() -> None:
    alarm = raised(StoreStanding(backup_trouble="there is no room for a backup", last_backup=LAST))["backup_missing"]

    assert "2027-01-15" in alarm.what
    assert alarm.advice.startswith("there is no room for a backup. ")
    assert "there is none" in raised(StoreStanding(backup_trouble="x"))["backup_missing"].what
