"""Facts → rows of the samples' file: chargers' meter values one by one, the grid meters folded to minutes.

What a charger wrote is kept beside what was understood of it, compressed in groups. Writes nothing itself.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from chargemon_edge.site.facts import MeterRead, ValuesReported
from chargemon_edge.site.wording import Wording
from chargemon_edge.store.statement import Statement

READING = (
    "INSERT INTO reading (received_utc_ms, charge_point, connector, transaction_id, l1_ma, l2_ma, l3_ma, power_w, "
    "energy_wh, offered_ma, measured_utc_ms, live, derived) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
# a minute that a restart or a step of the clock has cut in two becomes one again
_MINUTE = (
    "INSERT INTO meter_minute (meter, minute, samples, mean_l1_ma, mean_l2_ma, mean_l3_ma, max_l1_ma, max_l2_ma, "
    "max_l3_ma, mean_power_w) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (meter, minute) DO UPDATE SET "
    "mean_l1_ma = (mean_l1_ma * samples + excluded.mean_l1_ma * excluded.samples) / (samples + excluded.samples), "
    "mean_l2_ma = (mean_l2_ma * samples + excluded.mean_l2_ma * excluded.samples) / (samples + excluded.samples), "
    "mean_l3_ma = (mean_l3_ma * samples + excluded.mean_l3_ma * excluded.samples) / (samples + excluded.samples), "
    "max_l1_ma = max(max_l1_ma, excluded.max_l1_ma), max_l2_ma = max(max_l2_ma, excluded.max_l2_ma), "
    "max_l3_ma = max(max_l3_ma, excluded.max_l3_ma), "
    "mean_power_w = (mean_power_w * samples + excluded.mean_power_w * excluded.samples) "
    "/ (samples + excluded.samples), "
    "samples = samples + excluded.samples"
)


_PAYLOADS = "INSERT INTO payloads (last_number, readings, packed) VALUES (last_insert_rowid(), ?, ?)"
# a higher level takes twice the time for a few bytes less
_ZLIB_LEVEL = 3


Sample = ValuesReported | Statement
"""What waits for the samples' file: a MeterValues as it is, for it becomes a row with its whole group; or a minute."""

_UNKNOWN = (None, None, None)


def readings(facts: Iterable[ValuesReported]) -> list[tuple[Any, ...]]:
    """The parameters of :data:`READING` for each MeterValues."""
    rows = []
    for fact in facts:
        l1_ma, l2_ma, l3_ma = fact.current_ma or _UNKNOWN
        row = (
            fact.at.utc_ms,
            fact.charge_point,
            fact.connector,
            fact.transaction_id,
            l1_ma,
            l2_ma,
            l3_ma,
            fact.power_w,
            fact.energy_wh,
            fact.offered_ma,
            fact.measured_utc_ms,
            1 if fact.live else 0,
            ",".join(fact.derived) if fact.derived else None,
        )
        rows.append(row)
    return rows


def packed(facts: Sequence[ValuesReported]) -> Statement:
    """The payloads of those readings, at least one, to be run right after them."""
    kinds: dict[tuple[bytes, ...], int] = {}
    texts = [_text(fact.raw or b"null", kinds) for fact in facts]
    group = b'{"shared":%b,"payloads":[%b]}' % (_encode([_parts(shared) for shared in kinds]), b",".join(texts))
    return Statement(_PAYLOADS, (len(texts), zlib.compress(group, _ZLIB_LEVEL)))


def payload(samples: sqlite3.Connection, number: int) -> bytes | None:
    """The MeterValues behind the reading of that number, as it came; None if it is not there (any more)."""
    row = samples.execute(
        "SELECT last_number, readings, packed FROM payloads WHERE last_number >= ? ORDER BY last_number LIMIT 1",
        (number,),
    ).fetchone()
    if row is None or number <= row[0] - row[1]:
        return None
    group = msgspec.json.decode(zlib.decompress(row[2]), type=_Group | list[msgspec.Raw])
    shared, payloads = ((), group) if isinstance(group, list) else (group.shared, group.payloads)
    found = bytes(payloads[number - row[0] - 1])
    if not found.startswith(b"["):
        return found
    kind, own = msgspec.json.decode(found, type=tuple[int, str])
    return bytes(Wording(tuple(part.encode() for part in shared[kind]), own.encode()))


class _Group(msgspec.Struct):
    """The payloads of a group of readings, an object each; or an array: which of *shared* it is written like, and what
    it has of its own in between, with commas. The first groups that were ever written are a list of payloads."""

    shared: list[list[str]]
    payloads: list[msgspec.Raw]


def _text(payload: bytes | Wording, kinds: dict[tuple[bytes, ...], int]) -> bytes:
    if isinstance(payload, bytes):
        return payload
    kind = kinds.setdefault(payload.shared, len(kinds))
    return b'[%d,"%b"]' % (kind, payload.own)


def _parts(octets: Iterable[bytes]) -> list[str]:
    return [part.decode() for part in octets]


_encode = msgspec.json.Encoder().encode


class MinuteFold:
    """One grid meter's samples of the running minute; flash would not stand one row a second."""

    def __init__(self, meter: str) -> None:
        self._meter = meter
        self._minute = 0
        self._samples = 0
        self._sums = [0, 0, 0]
        self._largest = [0, 0, 0]
        self._power_w = 0
        self._power_samples = 0

    def add(self, fact: MeterRead) -> Statement | None:
        """Count *fact*; the row of the minute before when a new one has begun."""
        minute = fact.at.utc_ms // 60_000
        row = None
        if minute != self._minute:
            row = self.row()
            self._minute = minute
            self._samples = self._power_samples = self._power_w = 0
            self._sums = [0, 0, 0]
            self._largest = list(fact.current_ma)
        self._samples += 1
        sums, largest = self._sums, self._largest
        for phase, current_ma in enumerate(fact.current_ma):
            sums[phase] += current_ma
            if current_ma > largest[phase]:
                largest[phase] = current_ma
        if fact.power_w is not None:
            self._power_w += sum(fact.power_w)
            self._power_samples += 1
        return row

    def row(self) -> Statement | None:
        """The running minute so far; None when it has no sample."""
        if not self._samples:
            return None
        means = (round(total / self._samples) for total in self._sums)
        power_w = round(self._power_w / self._power_samples) if self._power_samples else None
        return Statement(_MINUTE, (self._meter, self._minute, self._samples, *means, *self._largest, power_w))
