"""The security events as CSV: what strangers wrote stays text in any spreadsheet (S16)."""

from __future__ import annotations

import csv
import io

import pytest

from chargemon_edge.control.records import SecurityEventRecord
from chargemon_edge.control.spreadsheet import inert
from chargemon_edge.web.resources.security_events import as_csv

FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1+1)", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff201")
PAYLOADS = (
    *FORMULAS,
    *(f" {one}" for one in FORMULAS),
    *(f'"{one}' for one in FORMULAS),
    *(f"harmless;{one}" for one in FORMULAS),
    *(f'harmless; "{one}' for one in FORMULAS),
    *(f"harmless\n{one}" for one in FORMULAS),
    *(f"\t{one}" for one in FORMULAS),
    *(f"\r{one}" for one in FORMULAS),
    *(f"\u00a0{one}" for one in FORMULAS),
    'a","=1+1',
    'a";"=1+1',
    "a\r\n7,=1+1",
    "\u2028=1+1",
)


def event(text: str) -> SecurityEventRecord:
    return SecurityEventRecord(
        number=7, utc_ms=1_800_000_000_000, event=text, source=text, charge_point=text, detail=text
    )


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("=cmd", "'=cmd"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@A1", "'@A1"),
        ("  =cmd", "'  =cmd"),
        ("x;=cmd", "x;'=cmd"),
        ("x;=a; @b", "x;'=a;' @b"),
        ("\t=cmd", "\ufffd=cmd"),
        ("\r=cmd", "\ufffd=cmd"),
        ("\n=cmd", "\ufffd=cmd"),
        ("two\nlines", "two\ufffdlines"),
        ("\x1b[31mred", "\ufffd[31mred"),
        ("\ud800", "\ufffd"),
        # what does no harm stays as it is
        ("", ""),
        ("192.0.2.9", "192.0.2.9"),
        ("fe80::1-2", "fe80::1-2"),
        ("a=b, c-d; e", "a=b, c-d; e"),
        ('she said "no"', 'she said "no"'),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("L\u00e4dchen", "L\u00e4dchen"),
    ],
)
def test_a_cell_is_text(cell: str, shown: str) -> None:
    assert inert(cell) == shown


@pytest.mark.demand("S16")
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_cell_is_a_formula_however_the_cells_are_parted(payload: str, delimiter: str) -> None:
    text = as_csv([event(payload)]).decode()
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))

    cells = [cell.lstrip(' "') for row in rows for cell in row]
    assert [cell for cell in cells if cell.startswith(tuple("=+-@\uff1d\uff0b\uff0d\uff20"))] == []


@pytest.mark.demand("S16")
@pytest.mark.parametrize("payload", [*PAYLOADS, "<script>", 'quotes " and , commas', "\r\n\r\n"])
def test_an_event_stays_one_row_of_six_cells(payload: str) -> None:
    text = as_csv([event(payload), event("next")]).decode()

    assert text.count("\n") == text.count("\r\n") == 3
    head, first, second = csv.reader(io.StringIO(text, newline=""))
    assert head == ["number", "utc", "event", "source", "charge_point", "detail"]
    assert first == ["7", "2027-01-15T08:00:00.000Z", *[inert(payload)] * 4]
    assert second[2:] == ["next"] * 4
