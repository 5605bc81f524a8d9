"""What the daemon promises of its reliability, each with the tests that show it; ``make cases`` writes the table.

A test shows a promise by its mark: ``@pytest.mark.promise("R3")``. The figures beside are measured ones, written
here by who measured them; docs/reliability.md says on what.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tests.demands import marked
from tests.written_table import WrittenTable

ROOT = Path(__file__).parent.parent


class Promise(NamedTuple):
    """One line of the table."""

    text: str
    measured: str


PROMISES = {
    "R1": Promise(
        "kill -9 under load: no answered start or stop lost or doubled, every running one taken up under its id",
        "200 kills of the daemon: 92,633 starts and stops answered; of the writer alone: 3,998; 0 lost, 0 doubled",
    ),
    "R2": Promise(
        "Power cut (ext4): no answered start or stop lost",
        "100 cuts: 7,062 starts and stops answered, 0 lost, 0 doubled, every file sound",
    ),
    "R3": Promise(
        "Back and answering 5 s after a crash; ready 0.8 s after exec",
        "2.8 s; 0.6 s (Debian 13: 2.5 s; 0.43 s)",
    ),
    "R4": Promise(
        "An upgrade under load refuses no connection, fails none, lets none wait 3 s, and parts no transaction",
        "1,052 starts and stops through an upgrade, 1,030 through a downgrade: 0 refused, 0 failed, longest 0.70 s",
    ),
    "R5": Promise(
        "A loop that hangs is replaced within WatchdogSec + RestartSec + 3 s, the reason is in the journal",
        "4.3 s at WatchdogSec=2",
    ),
    "R6": Promise(
        "Full disk: chargers stay connected, starts are refused rather than promised, running transactions end and are "
        "kept, all goes on by itself when there is room",
        "by tests",
    ),
    "R7": Promise("Read-only disk: served from, told, nothing promised, no restarts", "by tests"),
    "R8": Promise(
        "Damaged database: put aside, the newest good backup in its place, an alarm, service at once",
        "a site.db of 206 MB: found, put aside and restored in 1.4 s",
    ),
    "R9": Promise(
        "A backup daily and before a change of schema, each checked, seven kept, restored by a command",
        "206 MB in 0.9 s with its check; slowest answer to a start beside it 8 ms, loop late by 5 ms (bench.backup)",
    ),
    "R10": Promise(
        "Wrong clock (1970 at boot, years ahead, days back, racing): nothing fires early or late, nobody is "
        "disconnected, dates are put right once the time is known",
        "by tests",
    ),
    "R11": Promise(
        "20 chargers with a sample every 10 s: 250 MB a day at the device for the data, 10 MB a day of journal entries",
        "227 MB and 0.2 MB; journald's own files: 20 MB a day at their device",
    ),
    "R12": Promise(
        "Resident with 20 chargers: 80 MB; threads and descriptors stay as many",
        "52 MB after eleven minutes, 3 threads, 41 descriptors",
    ),
    "R13": Promise(
        "Uplink gone for seven days: nothing lost, in order, drained within an hour",
        "a month: 3,000 events, 50/s at most as configured; daemon killed 20 times, broker stopped 20 times, frozen "
        "5 times under load: 18,055 events, 0 lost, in order",
    ),
    "R14": Promise(
        "Version before → this one → version before, and Debian 12 → 13: the same transactions, the same totals",
        "Debian 12 → 13: 925 starts and stops before, 1,662 while the package for 13 takes over, 0 refused, 0 lost",
    ),
    "R15": Promise("A silent meter disturbs nobody else and counts again with its first good answers", "by tests"),
}


def tests() -> dict[str, list[str]]:
    """``file::test`` of each promise by its number; numbers that nothing was promised under are keys, too."""
    return marked("promise", PROMISES)


def table() -> str:
    """The promises in Markdown."""
    found = tests()
    lines = ["| | Promise | Measured | Shown by (`tests/`) |", "| --- | --- | --- | --- |"]
    for number, (text, measured) in PROMISES.items():
        lines.append(f"| {number} | {text} | {measured} | {', '.join(f'`{name}`' for name in found[number])} |")
    return "\n".join(lines)


WRITTEN = WrittenTable(
    document=ROOT / "docs" / "reliability.md",
    begin="<!-- promises: written by `make cases` -->",
    end="<!-- end of promises -->",
    table=table,
)

if __name__ == "__main__":
    WRITTEN.write()
