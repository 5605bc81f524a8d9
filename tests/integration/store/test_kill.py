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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chargemon_edge.clock import SystemClock
from chargemon_edge.store.journal import open_store
from chargemon_edge.store.settings import StoreSettings

KILLS = int(os.environ.get("STORE_KILLS", "20"))
SEED = int(os.environ.get("STORE_SEED", "0")) or random.randrange(2**32)


@pytest.mark.promise("R1")
def test_what_was_answered_survives(tmp_path: Path) -> None:
    print(f"STORE_SEED={SEED} STORE_KILLS={KILLS}")
    rng = random.Random(SEED)
    answered = tmp_path / "answered"
    answered.touch()
    with committers() as start:
        for opens in range(1, KILLS + 1):
            process_id, gone = start(tmp_path, answered)
            wait_for_opening(answered, opens)
            time.sleep(rng.uniform(0.0, 0.1))
            os.kill(process_id, signal.SIGKILL)
            gone()
    starts = check(tmp_path, answered.read_text(), KILLS)
    assert starts > KILLS


@contextmanager
def committers() -> Iterator[Callable[[Path, Path], tuple[int, Callable[[], None]]]]:
    """Gives a function that starts a committer and returns its process id and what waits for its end."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.integration.store.committer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as forker:
        assert forker.stdin is not None
        assert forker.stdout is not None
        to, from_ = forker.stdin, forker.stdout

        def gone() -> None:
            assert from_.readline() == "gone\n"

        def start(directory: Path, answered: Path) -> tuple[int, Callable[[], None]]:
            print(directory, answered, file=to, flush=True)
            return int(from_.readline()), gone

        yield start
        to.close()


def wait_for_opening(answered: Path, times: int) -> None:
    wait_for(answered, b"opened\n", times)


def wait_for(answered: Path, what: bytes, times: int) -> None:
    deadline_s = time.monotonic() + 20
    while answered.read_bytes().count(what) < times:
        assert time.monotonic() < deadline_s, f"the child has not answered {what!r} {times} times"
        time.sleep(0.005)


def check(directory: Path, answered: str, ends: int) -> int:
    """Compare what was answered with what is there after so many sudden ends; returns how many starts were answered."""
    # not inline: that leaves flushing to the kernel, and the next cut would take what this opening has copied
    store = open_store(StoreSettings(directory=str(directory), reserve_kb=64), SystemClock(), inline=False)
    picture = store.restored.picture
    store.close()
    assert not list(directory.glob("*.corrupt.*"))
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
    for line in answered.splitlines():
        if line == "opened":
            continue
        what, text, identity = line.split()
        number = int(text)
        (started if what == "started" else ended).append(number)
        last[identity] = (what, number)

    print(f"answered starts={len(started)} ends={len(ended)} on disk={len(on_disk)}")
    assert verdict == "ok"
    assert len(set(started)) == len(started)
    assert set(started) <= set(on_disk)
    assert all(on_disk[number] for number in ended)
    # committed, but killed before the answer went out: one for each charge point and kill at most
    assert len(set(on_disk) - set(started)) <= 8 * ends
    assert events == len(on_disk) + sum(on_disk.values())
    for identity, (what, number) in last.items():
        running = picture.connector(identity, 1).transaction
        if what == "started" and not on_disk[number]:
            assert running is not None
            assert running.transaction_id == number
            assert running.adopted
    return len(started)
