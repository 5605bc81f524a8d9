"""Timestamps: every form seen from chargers, and ours."""

from __future__ import annotations

import pytest

from chargemon_edge.ocpp.timestamps import format_utc, parse

NOON_MS = 1_714_566_600_000  # 2024-05-01T12:30:00Z


@pytest.mark.parametrize(
    ("text", "utc_ms"),
    [
        ("2024-05-01T12:30:00Z", NOON_MS),
        ("2024-05-01T12:30:00.250Z", NOON_MS + 250),
        ("2024-05-01T12:30:00.250999Z", NOON_MS + 250),
        ("2024-05-01T12:30:00.2Z", NOON_MS + 200),
        ("2024-05-01T12:30:00.123456789Z", NOON_MS + 123),
        ("2024-05-01T14:30:00+02:00", NOON_MS),
        ("2024-05-01T14:30:00+0200", NOON_MS),
        ("2024-05-01T14:30:00+02", NOON_MS),
        ("2024-05-01T08:00:00-04:30", NOON_MS),
        ("2024-05-01T12:30:00", NOON_MS),
        ("2024-05-01 12:30:00", NOON_MS),
        ("2024-05-01T12:30:00.250", NOON_MS + 250),
        (" 2024-05-01T12:30:00Z ", NOON_MS),
        ('"2024-05-01T12:30:00Z"', NOON_MS),
        ("2024-05-01t12:30:00z", NOON_MS),
        ("2024-05-01T12:30:00 Z", NOON_MS),
        ("2024-05-01 12:30:00 UTC", NOON_MS),
        ("2024-05-01T14:30:00 +02:00", NOON_MS),
        ("2024-05-01T08:00:00 -04:30", NOON_MS),
        ("2024-5-1T8:00:00-04:30", NOON_MS),
        ("2024-5-1T12:30:0Z", NOON_MS),
        ("2024-05-01T12:29:60Z", NOON_MS),
        ("2024-04-30T24:00:00Z", NOON_MS - 45_000_000),
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000", 0),
        ("1969-12-31T23:59:59.999Z", -1),
    ],
)
def test_trap_10_every_form_is_read(text: str, utc_ms: int) -> None:
    assert parse(text) == utc_ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "now",
        "null",
        "0",
        "1714566600",
        "2024-13-01T00:00:00Z",
        "2024-02-30T00:00:00Z",
        "2024-05-01T25:00:00Z",
        "2024-05-01T12:61:00Z",
        "2024-05-01T12:30:00Zulu",
        "0000-00-00T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2024-05-01T12:30:00Z" + " " * 1000,
        "\x00",
    ],
)
def test_trap_10_what_names_no_moment_is_none(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    ("utc_ms", "text"),
    [
        (NOON_MS, "2024-05-01T12:30:00.000Z"),
        (NOON_MS + 7, "2024-05-01T12:30:00.007Z"),
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
    ],
)
def test_ours_have_milliseconds_and_z(utc_ms: int, text: str) -> None:
    assert format_utc(utc_ms) == text
    assert parse(text) == utc_ms
