"""What operators left is there after a restart: named profiles, numbers, profiles that a transaction may still have."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from chargemon_edge.control.ports import GivenProfile, RestoredOperations
from chargemon_edge.site.facts import Fact, Moment
from chargemon_edge.site.operation_facts import (
    ChargingProfileRemoved,
    ChargingProfileStored,
    OperationEnded,
    OperationRequested,
)
from tests.unit.store.opened import opened
from tests.unit.store.site_facts import AT, UTC_MS, StandingClock, started, stopped

NIGHT = ChargingProfileStored(at=AT, name="night", profile_id=10_001, body="{}", by="token A")
REMOTE = '{"idTag":"C…","chargingProfile":{}}'
HOUR_AGO = Moment(AT.mono_s - 3600, UTC_MS - 3_600_000)
NUMBERS_2027 = 22_000_000


def asked(number: int, action: str = "SetChargingProfile", at: Moment = AT, payload: str = "{}") -> list[Fact]:
    """An operation that was accepted."""
    request = OperationRequested(at=at, number=number, charge_point="CP1", action=action, by="token A", payload=payload)
    end = OperationEnded(at=at, number=number, charge_point="CP1", action=action, by="token A", result="Accepted")
    return [request, end]


async def restored(tmp_path: Path, *new: Fact) -> RestoredOperations:
    with opened(tmp_path, StandingClock()) as store:
        store.journal.record(new)
    with opened(tmp_path, StandingClock()) as store:
        return store.restored.operations


async def test_named_profiles_come_back_and_removed_ones_leave_their_ids_used(tmp_path: Path) -> None:
    day = replace(NIGHT, name="day", profile_id=99_000_000)
    removed = ChargingProfileRemoved(at=AT, name="day", profile_id=99_000_000, by="token A")

    found = await restored(tmp_path, NIGHT, day, removed)

    assert found.profiles == (NIGHT,)
    assert found.next_profile_id == 99_000_001


async def test_a_rewritten_profile_comes_back_as_it_was_written_last(tmp_path: Path) -> None:
    again = replace(NIGHT, body='{"stackLevel":2}')

    assert (await restored(tmp_path, NIGHT, again)).profiles == (again,)


async def test_numbers_go_on_above_those_used_and_above_any_older_copy_of_the_file(tmp_path: Path) -> None:
    assert NUMBERS_2027 < (await restored(tmp_path)).next_number < 2 * NUMBERS_2027
    assert (await restored(tmp_path, *asked(99_000_000))).next_number == 99_000_001


async def test_profiles_that_a_running_transaction_may_have_are_known_again(tmp_path: Path) -> None:
    running = started(at=HOUR_AGO)
    just_before = Moment(HOUR_AGO.mono_s - 60, HOUR_AGO.utc_ms - 60_000)
    long_before = Moment(HOUR_AGO.mono_s - 3600, HOUR_AGO.utc_ms - 3_600_000)

    found = await restored(
        tmp_path,
        running,
        *asked(1, at=long_before),
        *asked(2, "RemoteStartTransaction", just_before, REMOTE),
        *asked(3),
        *asked(4, "RemoteStartTransaction", payload='{"idTag":"C…"}'),
        *asked(5, "ClearCache"),
    )

    assert found.given == (
        GivenProfile(charge_point="CP1", action="RemoteStartTransaction", payload=REMOTE),
        GivenProfile(charge_point="CP1", action="SetChargingProfile", payload="{}"),
    )


async def test_of_ended_transactions_no_profile_is_left(tmp_path: Path) -> None:
    assert (await restored(tmp_path, started(at=HOUR_AGO), *asked(1, at=HOUR_AGO), stopped())).given == ()
