"""Facts in, rows on disk, the same picture after a restart."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from chargemon_edge.site import facts
from chargemon_edge.site.facts import Fact, Moment
from chargemon_edge.site.fold import apply
from chargemon_edge.site.picture import ClockPicture, HeldLimit, SitePicture
from chargemon_edge.store.errors import StoreError
from tests.unit.store.opened import Outcomes, commit, opened, rows
from tests.unit.store.site_facts import (
    AT,
    ONE_OF_EACH,
    UTC_MS,
    StandingClock,
    booted,
    held,
    meter_read,
    started,
    status,
    stop_kept,
    stopped,
    values,
)


async def test_a_commit_is_told_after_its_rows_are_there(tmp_path: Path) -> None:
    seen: list[int] = []
    with opened(tmp_path) as store:
        store.journal.commit(
            [started()], lambda _error: seen.append(len(rows(tmp_path, "SELECT 1 FROM charging_transaction")))
        )
        assert seen == []
        await asyncio.sleep(0)

        assert seen == [1]


async def test_commits_of_one_iteration_share_one_flush(tmp_path: Path) -> None:
    flushes: list[int] = []
    outcomes = Outcomes()
    with opened(tmp_path, before_flush=lambda: flushes.append(1)) as store:
        for number in range(1, 101):
            store.journal.commit([started(number)], outcomes.of(str(number)))
        await asyncio.sleep(0)

        assert outcomes.told == [(str(number), None) for number in range(1, 101)]
        assert len(flushes) == 1


async def test_what_nobody_waits_for_rides_with_the_next_commit(tmp_path: Path) -> None:
    flushes: list[int] = []
    with opened(tmp_path, before_flush=lambda: flushes.append(1)) as store:
        store.journal.record([status(), booted()])
        await asyncio.sleep(0)
        assert not flushes
        commit(store, started())
        await asyncio.sleep(0)

        assert len(flushes) == 1
        assert rows(tmp_path, "SELECT status FROM connector") == [("Charging",)]


async def test_what_nobody_waits_for_is_written_at_the_latest_after_the_interval(tmp_path: Path) -> None:
    with opened(tmp_path, quick=True) as store:
        store.journal.record([status(), values()])
        async with asyncio.timeout(5):
            while not (
                rows(tmp_path, "SELECT 1 FROM reading", "samples") and rows(tmp_path, "SELECT 1 FROM connector")
            ):
                await asyncio.sleep(0.005)


async def test_samples_do_not_ride_with_commits(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.journal.record([values()])
        commit(store, started())
        await asyncio.sleep(0)
        assert rows(tmp_path, "SELECT 1 FROM reading", "samples") == []

    assert rows(tmp_path, "SELECT transaction_id, energy_wh FROM reading", "samples") == [(7, 1300)]


async def test_samples_in_a_commit_are_durable_with_it(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        outcome = commit(store, stopped(), values())
        await asyncio.sleep(0)

        assert outcome == [None]
        assert len(rows(tmp_path, "SELECT 1 FROM reading", "samples")) == 1


async def test_a_large_group_does_not_wait_for_the_interval(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.journal.record([values()] * 1_000)
        await asyncio.sleep(0)

        assert rows(tmp_path, "SELECT count(*) FROM reading", "samples") == [(1_000,)]


async def test_an_empty_commit_is_told_too(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        outcome = commit(store)
        await asyncio.sleep(0)

        assert outcome == [None]


async def test_a_commit_after_the_end_fails(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.close()
        outcome = commit(store, started())
        store.journal.record([status(), values()])
        await asyncio.sleep(0)

        assert [type(error) for error in outcome] == [StoreError]


async def test_one_of_each_kind_goes_to_disk(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        outcome = commit(store, *ONE_OF_EACH)
        await asyncio.sleep(0)
        assert outcome == [None]

    assert rows(tmp_path, "SELECT count(*) FROM meter_minute", "samples") == [(1,)]
    assert rows(tmp_path, "SELECT count(*) FROM reading", "samples") == [(1,)]


async def test_a_repeated_status_is_no_event(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        later = Moment(1010.0, UTC_MS + 10_000)
        store.journal.record([status(), status(at=later), status(2), status(status="Finishing")])

    kinds = rows(
        tmp_path, "SELECT kind, json_extract(body, '$.connector', '$.status') FROM event WHERE kind = 'StatusReported'"
    )
    assert [body for _, body in kinds] == ['[1,"Charging"]', '[2,"Charging"]', '[1,"Finishing"]']


async def test_the_running_minute_of_a_meter_is_written_at_the_end(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.journal.record([meter_read(UTC_MS, 1_000, 2_000, 3_000)])

    assert rows(tmp_path, "SELECT mean_l3_ma FROM meter_minute", "samples") == [(3_000,)]


async def test_one_waiter_that_fails_does_not_cost_the_others_their_answer(tmp_path: Path) -> None:
    problems: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: problems.append(context["exception"]))

    def fail(_error: Exception | None) -> None:
        raise ValueError("a waiter's bug")

    with opened(tmp_path) as store:
        store.journal.commit([started(1)], fail)
        outcome = commit(store, started(2))
        await asyncio.sleep(0)

    assert outcome == [None]
    assert [str(problem) for problem in problems] == ["a waiter's bug"]


async def test_a_row_that_no_database_takes_costs_only_its_own_charger(tmp_path: Path) -> None:
    outcomes = Outcomes()
    with opened(tmp_path) as store:
        store.journal.record([status(2**63), status(2)])
        store.journal.commit([started(1)], outcomes.of("good"))
        store.journal.commit([started(2, meter_start_wh=2**63)], outcomes.of("too large"))
        store.journal.commit([started(1, charge_point="CP2")], outcomes.of("used id"))
        store.journal.commit([stopped(1), status(3, status="Finishing")], outcomes.of("stop"))
        await asyncio.sleep(0)

        failed = {name for name, error in outcomes.told if error is not None}
        assert failed == {"too large", "used id"}
        assert store.journal.find_transaction(2) is None
    assert rows(tmp_path, "SELECT transaction_id, meter_stop_wh FROM charging_transaction") == [(1, 9000)]
    assert rows(tmp_path, "SELECT number FROM connector ORDER BY number") == [(2,), (3,)]


async def test_a_sample_that_no_database_takes_costs_only_itself(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.journal.record([values(energy_wh=1), values(energy_wh=2**63), values(energy_wh=3, raw=b"[]")])

    assert rows(tmp_path, "SELECT number, energy_wh FROM reading", "samples") == [(1, 1), (2, 3)]
    assert rows(tmp_path, "SELECT last_number, readings FROM payloads", "samples") == [(1, 1), (2, 1)]


# --- restart


def after_restart(picture: SitePicture, now: Moment) -> SitePicture:
    """What of *picture* a restart at *now* must bring back. What is known of the time it finds out itself."""
    replace = msgspec.structs.replace
    picture = replace(picture, clock=ClockPicture())
    charge_points = {}
    for identity, entry in picture.charge_points.items():
        connectors = {}
        for number, connector in entry.connectors.items():
            running, limit = connector.transaction, connector.held
            if limit is not None and (running is None or limit.transaction_id != running.transaction_id):
                limit = None
            connectors[number] = replace(
                connector,
                values=None,
                refused=None,
                doubted=None,
                transaction=None if running is None else replace(running, adopted=True),
                held=None if limit is None else replace(limit, restored=True, sent_mono_s=now.mono_s),
            )
        charge_points[identity] = replace(
            entry,
            linked=False,
            seen=False,
            link_changed=None,
            link_reason=None,
            remote=None,
            connectors=connectors,
            behind_ms=0,
            told_mono_s=float("-inf"),
        )
    return replace(picture, started=now, meters={}, charge_points=charge_points)


async def restarted(tmp_path: Path, new: list[Fact], clock: StandingClock) -> SitePicture:
    with opened(tmp_path, clock) as store:
        store.journal.record(new)
    with opened(tmp_path, clock) as store:
        return store.restored.picture


async def test_a_fresh_disk_gives_an_empty_picture(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        assert store.restored.picture == SitePicture(started=AT)


@pytest.mark.parametrize(
    "new",
    [
        [booted(), status(0), status(1), status(2, status="Available")],
        [facts.LinkOpened(at=AT, charge_point="NEW", remote="192.0.2.1", known=False)],
        [started(), status(), values(), held()],
        [started(), held(), values(), stopped(), status(status="Available")],
        [started(7), held(), stopped(7), started(8, started_text="later"), values(transaction_id=8)],
        [facts.FailSafeHeld(at=AT, charge_point="CP1", connector=1, fallback_ma=6_000), started()],
        [started(7), started(8, connector=2), values(connector=2, energy_wh=5), held(connector=2, transaction_id=8)],
        [stop_kept(), stop_kept(transaction_id=100)],
        list(ONE_OF_EACH),
    ],
)
async def test_a_restart_brings_the_picture_back(tmp_path: Path, new: list[Fact]) -> None:
    clock = StandingClock()
    picture = SitePicture(started=AT)
    for fact in new:
        picture = apply(picture, fact)
    found = await restarted(tmp_path, new, clock)

    assert found == after_restart(picture, clock.now)


async def test_a_held_limit_lasts_its_whole_lease_from_our_start(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.journal.record([started(), held()])
    clock = StandingClock(mono_s=3.0, utc_ms=UTC_MS + 60_000)
    with opened(tmp_path, clock) as store:
        connector = store.restored.picture.connector("CP1", 1)

    assert connector.held == HeldLimit(
        limit_ma=13_000, fallback_ma=6_000, transaction_id=7, sent_mono_s=3.0, lease_s=120.0, restored=True
    )
    assert connector.transaction is not None
    assert connector.transaction.adopted
    assert connector.transaction.received == Moment(-57.0, UTC_MS)


async def test_an_adopted_transaction_is_found_and_can_end(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        commit(store, started())
        await asyncio.sleep(0)
    with opened(tmp_path) as store:
        fact = started()
        found = store.journal.find_start("CP1", 1, fact.id_tag, fact.started_text, fact.meter_start_wh)
        assert found == fact
        commit(store, stopped())
        await asyncio.sleep(0)
    with opened(tmp_path) as store:
        assert store.journal.find_transaction(7) == (started(), stopped())
        assert store.restored.picture.connector("CP1", 1).transaction is None


async def test_a_crash_costs_only_what_nobody_waited_for(tmp_path: Path) -> None:
    with opened(tmp_path, flush=False) as store:
        commit(store, started())
        await asyncio.sleep(0)
        store.journal.record([status(), values()])
    with opened(tmp_path) as store:
        connector = store.restored.picture.connector("CP1", 1)

    assert connector.transaction is not None
    assert connector.status is None


# --- ids that never repeat


async def test_the_next_id_is_above_the_highest_used(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        first = store.restored.next_transaction_id
        commit(store, started(first + 500))
        await asyncio.sleep(0)
    with opened(tmp_path) as store:
        assert store.restored.next_transaction_id == first + 501


async def test_ids_do_not_repeat_after_an_older_copy_was_put_back(tmp_path: Path) -> None:
    clock = StandingClock()
    with opened(tmp_path, clock) as store:
        first = store.restored.next_transaction_id
    copy = (tmp_path / "site.db").read_bytes()
    with opened(tmp_path, clock) as store:
        commit(store, *(started(first + number, connector=number) for number in range(6)))
        await asyncio.sleep(0)
    clock.move(120)
    (tmp_path / "site.db").write_bytes(copy)
    with opened(tmp_path, clock) as store:
        assert store.restored.next_transaction_id > first + 5


async def test_ids_do_not_repeat_when_the_file_is_lost_and_the_clock_too(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        used = store.restored.next_transaction_id
        store.journal.record([values(transaction_id=used)])
    (tmp_path / "site.db").unlink()
    with opened(tmp_path, StandingClock(utc_ms=0)) as store:
        assert store.restored.next_transaction_id == used + 1


async def test_a_clock_in_the_far_future_does_not_use_the_ids_up(tmp_path: Path) -> None:
    with opened(tmp_path, StandingClock(utc_ms=2**52)) as store:
        assert store.restored.next_transaction_id == 1


async def test_ids_fit_what_chargers_can_read(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        assert 0 < store.restored.next_transaction_id < 2**31 // 2
