"""kill -9 under load: what was answered is there, once; what runs is adopted under its id.

STORE_KILLS sets how often; the everyday run is small.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from tests.unit.store.opened import opened
from tests.unit.store.site_facts import StandingClock

KILLS = int(os.environ.get("STORE_KILLS", "20"))
SEED = int(os.environ.get("STORE_SEED", "0")) or random.randrange(2**32)


def test_what_was_answered_survives(tmp_path: Path) -> None:
    print(f"STORE_SEED={SEED} STORE_KILLS={KILLS}")
    rng = random.Random(SEED)
    answered = tmp_path / "answered"
    answered.touch()
    with subprocess.Popen(
        [sys.executable, "-m", "tests.integration.store.committer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as forker:
        assert forker.stdin is not None
        assert forker.stdout is not None
        for opens in range(1, KILLS + 1):
            print(tmp_path, file=forker.stdin, flush=True)
            process_id = int(forker.stdout.readline())
            wait_for_opening(answered, opens)
            time.sleep(rng.uniform(0.0, 0.1))
            os.kill(process_id, signal.SIGKILL)
            assert forker.stdout.readline() == "gone\n"
        forker.stdin.close()
    check(tmp_path)


def wait_for_opening(answered: Path, times: int) -> None:
    deadline_s = time.monotonic() + 20
    while answered.read_bytes().count(b"opened\n") < times:
        assert time.monotonic() < deadline_s, "the child did not open the store"
        time.sleep(0.005)


def check(directory: Path) -> None:
    """Compare what was answered with what is there."""
    with opened(directory, StandingClock()) as store:
        picture = store.restored.picture
    connection = sqlite3.connect(directory / "site.db")
    on_disk = dict(
        connection.execute("SELECT transaction_id, stop_received_utc_ms IS NOT NULL FROM charging_transaction")
    )
    (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
    (events,) = connection.execute("SELECT count(*) FROM event WHERE kind LIKE 'Transaction%'").fetchone()
    connection.close()
    last: dict[str, tuple[str, int]] = {}
    started: list[int] = []
    ended: list[int] = []
    for line in (directory / "answered").read_text().splitlines():
        if line == "opened":
            continue
        what, text, identity = line.split()
        number = int(text)
        (started if what == "started" else ended).append(number)
        last[identity] = (what, number)

    print(f"answered starts={len(started)} ends={len(ended)} on disk={len(on_disk)}")
    assert verdict == "ok"
    assert len(started) > KILLS
    assert len(set(started)) == len(started)
    assert set(started) <= set(on_disk)
    assert all(on_disk[number] for number in ended)
    # committed, but killed before the answer went out: one for each charge point and kill at most
    assert len(set(on_disk) - set(started)) <= 8 * KILLS
    assert events == len(on_disk) + sum(on_disk.values())
    for identity, (what, number) in last.items():
        running = picture.connector(identity, 1).transaction
        if what == "started" and not on_disk[number]:
            assert running is not None
            assert running.transaction_id == number
            assert running.adopted
