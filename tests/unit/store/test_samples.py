"""Meter values: one row each, payloads packed in groups; the grid meter folded to minutes."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable
from typing import Any

from chargemon_edge.site.units import PerPhase
from chargemon_edge.site.wording import Wording
from chargemon_edge.store.samples import READING, MinuteFold, packed, payload, readings
from chargemon_edge.store.statement import Statement
from tests.unit.store.site_facts import UTC_MS, meter_read, values

MINUTE = UTC_MS // 60_000


def write(samples: sqlite3.Connection, rows: Iterable[Statement | None]) -> None:
    for row in rows:
        if row is not None:
            samples.execute(row.sql, row.parameters)


def write_group(samples: sqlite3.Connection, *payloads: bytes | Wording) -> None:
    facts = [values(raw=raw) for raw in payloads]
    samples.executemany(READING, readings(facts))
    write(samples, [packed(facts)])


def minutes(samples: sqlite3.Connection) -> list[Any]:
    return samples.execute("SELECT * FROM meter_minute ORDER BY minute").fetchall()


def test_a_reading_keeps_each_value_and_what_was_derived(samples: sqlite3.Connection) -> None:
    samples.executemany(READING, readings([values()]))

    (row,) = samples.execute("SELECT * FROM reading").fetchall()
    assert row == (
        1, UTC_MS, "CP1", 1, 7, 16_000, 15_900, 0, 7300, 1300, 16_000, UTC_MS - 100, 1, "power_w",
    )  # fmt: skip


def test_unknown_is_null_never_zero(samples: sqlite3.Connection) -> None:
    unknown = values(current_ma=None, power_w=None, energy_wh=None, offered_ma=None, derived=())
    samples.executemany(READING, readings([unknown]))

    (row,) = samples.execute("SELECT l1_ma, l2_ma, l3_ma, power_w, energy_wh, offered_ma, derived FROM reading")
    assert row == (None,) * 7


def test_each_payload_is_found_under_its_reading(samples: sqlite3.Connection) -> None:
    write_group(samples, b'{"a":1}', b"", b'{ "c" : [3] }')
    write_group(samples, b'{"d":4}')

    found = [payload(samples, number) for number in range(6)]
    assert found == [None, b'{"a":1}', b"null", b'{ "c" : [3] }', b'{"d":4}', None]


def test_payloads_that_are_written_alike_keep_apart_what_is_their_own(samples: sqlite3.Connection) -> None:
    shared = (b'{"a":"', b'","b":"', b'"}')
    alike = [Wording(shared, b"%d,2026-07-18T10:00:00Z" % number) for number in range(300)]
    other = Wording((b'{"c":', b"}"), b"-1.5")
    write_group(samples, *alike, b'{"d":[1]}', other, alike[7])

    found = [payload(samples, number) for number in (1, 300, 301, 302, 303)]
    assert found[0] == b'{"a":"0","b":"2026-07-18T10:00:00Z"}'
    assert found[1:] == [bytes(alike[299]), b'{"d":[1]}', b'{"c":-1.5}', bytes(alike[7])]


def test_a_group_as_they_were_first_written_is_read(samples: sqlite3.Connection) -> None:
    samples.executemany(READING, readings([values(), values()]))
    group = Statement(
        "INSERT INTO payloads (last_number, readings, packed) VALUES (2, 2, ?)", (zlib.compress(b'[{"a":1},{}]'),)
    )
    write(samples, [group])

    assert payload(samples, 1) == b'{"a":1}'


def test_payloads_shrink_a_lot() -> None:
    fact = values(raw=b'{"measurand":"Current.Import","phase":"L1","unit":"A"}' * 10)
    group = packed([fact] * 20)

    assert len(group.parameters[1]) < 540 * 20 / 50


def test_a_minute_is_written_when_the_next_begins(samples: sqlite3.Connection) -> None:
    fold = MinuteFold("grid")
    write(
        samples,
        [
            fold.add(meter_read(MINUTE * 60_000, 1_000, -2_000, 3_000, power_w=PerPhase(200, -400, 600))),
            fold.add(meter_read(MINUTE * 60_000 + 59_999, 3_000, -4_000, 0, power_w=PerPhase(600, -800, 0))),
            fold.add(meter_read(MINUTE * 60_000 + 60_000, 9_000, 9_000, 9_000)),
        ],
    )

    assert minutes(samples) == [("grid", MINUTE, 2, 2_000, -3_000, 1_500, 3_000, -2_000, 3_000, 100)]


def test_a_minute_without_power_has_none(samples: sqlite3.Connection) -> None:
    fold = MinuteFold("grid")
    fold.add(meter_read(UTC_MS, 5, 5, 5))
    write(samples, [fold.row()])

    assert minutes(samples) == [("grid", MINUTE, 1, 5, 5, 5, 5, 5, 5, None)]


def test_a_fold_without_samples_has_no_row() -> None:
    assert MinuteFold("grid").row() is None


def test_the_halves_of_a_minute_cut_by_a_restart_become_one(samples: sqlite3.Connection) -> None:
    for currents_ma in ((1_000, 1_000, 1_000), (1_000, 1_000, 1_000), (4_000, 1_000, -2_000)):
        fold = MinuteFold("grid")
        fold.add(meter_read(UTC_MS, *currents_ma))
        write(samples, [fold.row()])

    assert minutes(samples) == [("grid", MINUTE, 3, 2_000, 1_000, 0, 4_000, 1_000, 1_000, None)]
