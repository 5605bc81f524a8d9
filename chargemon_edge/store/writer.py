"""The loop's side of writing: collects rows, hands one batch at a time to the one writer, releases those who wait.

When nothing is being written, a batch leaves at the end of the loop's iteration; while one is being written, the next
collects. So the slower the disk, the larger the groups. In a rush on a fast disk a batch waits until ``BATCH_GAP_S``
after the one before it, or until ``BATCH_FULL`` wait: what a flush costs is then shared by more. Rows nobody waits for
ride along or wait for the write budget.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import TypeVar

from chargemon_edge.control.keeping import BackupError
from chargemon_edge.control.ports import Clock
from chargemon_edge.store.disk import Batch, Disk, Entry, Errand
from chargemon_edge.store.errors import StoreError
from chargemon_edge.store.samples import Sample
from chargemon_edge.store.settings import StoreSettings
from chargemon_edge.store.statement import Statement

log = logging.getLogger(__name__)

T = TypeVar("T")

# a group this large fills its pages: waiting longer would save nothing
FLUSH_ROWS = 1_000
# batches do not follow each other sooner: each costs the processor as much as fifty rows, however few it carries
BATCH_GAP_S = 0.01
# unless so many wait that they share that well
BATCH_FULL = 50
CLOSE_TIMEOUT_S = 20.0


class Writer:
    """Owns the writing thread. Every method is called on the event loop.

    With *inline* there is no thread: the same batches are written on the loop, so that virtual time stays exact.
    """

    def __init__(self, disk: Disk, settings: StoreSettings, clock: Clock, *, inline: bool) -> None:
        self._disk = disk
        self._settings = settings
        self._clock = clock
        self._inline = inline
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._batches: SimpleQueue[Batch | None] = SimpleQueue()
        # what waits for the next batch
        self._entries: list[Entry] = []
        self._rows: deque[Sequence[Statement]] = deque()
        self._samples: deque[Sample] = deque()
        self._work: Callable[[], object] | None = None
        self._errands: list[Errand] = []
        # the timers that end the waiting of rows and samples; None: nothing waits
        self._rows_timer: asyncio.TimerHandle | None = None
        self._samples_timer: asyncio.TimerHandle | None = None
        self._samples_due = False
        # the batch on its way to disk, and since when
        self._running: Batch | None = None
        self._running_since_s = float("-inf")
        # what will hand in the next batch, if one is due: at the end of this iteration, or when the gap is over
        self._submit_soon = False
        self._submit_timer: asyncio.TimerHandle | None = None
        self._closed = False
        # oldest rows that a full queue has cost
        self.dropped_rows = 0
        self.dropped_samples = 0
        self._dropped_told = 0
        self._dropped_told_s = float("-inf")
        # what is wrong with the disk; None: nothing
        self.trouble: str | None = disk.trouble
        if self.trouble is not None:
            log.error("store trouble: %s", self.trouble)
        # a bug of ours that ended the writer
        self._death: BaseException | None = None
        self._died = asyncio.Event()
        # who wants to know that something was written
        self._followers: list[Callable[[], None]] = []

    # --- what the journal hands in

    def commit(self, entry: Entry) -> None:
        """Write at once; *entry.done* is called on the loop when it is durable, or has failed."""
        if self._closed:
            entry.error = StoreError("the store is closed")
            self._bound().call_soon(self._release, Batch([], [entry], []))
            return
        self._entries.append(entry)
        self._wake()

    def record(self, group: Sequence[Statement]) -> None:
        """Write these, all or none, with the next commit, or when the budget allows."""
        rows = self._rows
        if len(rows) >= self._settings.waiting_rows_max:
            rows.popleft()
            self.dropped_rows += 1
        rows.append(group)
        if self._rows_timer is None:
            self._arm()
        if len(rows) == FLUSH_ROWS:
            self._wake()

    def sample(self, row: Sample) -> None:
        """Write with the next group of samples."""
        samples = self._samples
        if len(samples) >= self._settings.waiting_rows_max:
            samples.popleft()
            self.dropped_samples += 1
        samples.append(row)
        if self._samples_timer is None:
            self._arm()
        if len(samples) == FLUSH_ROWS:
            self._flush_samples()

    def upkeep(self, work: Callable[[], object]) -> None:
        """Do *work* on the writer, after the next batch. Only one piece waits: a later one takes its place."""
        self._work = work
        self._wake()

    async def errand(self, work: Callable[[sqlite3.Connection], int]) -> int:
        """Let the writer do *work* on the site's file, after what waits has been written; returns what that returns.

        Raises :class:`BackupError` with what the disk had against it.
        """
        loop = self._bound()
        ended: asyncio.Future[int | Exception] = loop.create_future()

        def done(outcome: int | Exception) -> None:
            if not ended.done():
                ended.set_result(outcome)

        self._errands.append(Errand(work, done))
        self._wake()
        outcome = await ended
        if isinstance(outcome, Exception):
            raise BackupError(str(outcome)) from outcome
        return outcome

    def follow(self, written: Callable[[], None]) -> Callable[[], None]:
        """Call *written* on the loop after each batch that has reached the site's file; returns what ends that."""
        self._followers.append(written)
        return lambda: self._followers.remove(written)

    @property
    def broken(self) -> str | None:
        """What is to be done about a file that was found broken in use; None: none was."""
        return self._disk.broken

    def busy_s(self) -> float:
        """For how long the batch on its way has been; 0: none is."""
        return 0.0 if self._running is None else self._clock.monotonic_s() - self._running_since_s

    def alive(self, within_s: float) -> bool:
        """Whether the writer stands, and no flush takes longer than *within_s*."""
        stands = self._death is None and (self._thread is None or self._thread.is_alive() or self._closed)
        return stands and self.busy_s() <= within_s

    async def watch(self) -> None:
        """Returns never; raises what has ended the writer, which is always a bug of ours."""
        await self._died.wait()
        assert self._death is not None
        raise self._death

    def close(self, *, flush: bool) -> None:
        """Write what waits (or drop it, as a crash would) and end the writer. Blocks the loop meanwhile."""
        assert not self._closed
        _cancel(self._rows_timer)
        _cancel(self._samples_timer)
        _cancel(self._submit_timer)
        self._closed = True
        self._samples_due = True
        batch = self._take() if flush else Batch([], [], [])
        if self._thread is None:
            if self._death is None:
                self._disk.write(batch)
                self._release(batch)
            return
        self._batches.put(batch)
        self._batches.put(None)
        self._thread.join(CLOSE_TIMEOUT_S)
        if self._thread.is_alive():
            raise StoreError(f"the disk has not answered for {CLOSE_TIMEOUT_S:.0f} s: the last rows may be lost")

    # --- batches

    def _bound(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    def _rows_due(self) -> None:
        self._rows_timer = None
        self._wake()

    def _flush_samples(self) -> None:
        self._samples_due = True
        self._wake()

    def _wake(self) -> None:
        if self._running is not None or self._submit_soon or self._closed:
            return
        full = self._inline or len(self._entries) >= BATCH_FULL
        if self._submit_timer is not None and not full:
            return
        gap_s = 0.0 if full else self._running_since_s + BATCH_GAP_S - self._clock.monotonic_s()
        if gap_s > 0:
            self._submit_timer = self._bound().call_later(gap_s, self._submit)
        else:
            self._submit_soon = True
            self._bound().call_soon(self._submit)

    def _take(self) -> Batch:
        samples: list[Sample] = []
        if self._samples_due:
            samples = list(self._samples)
            self._samples.clear()
            self._samples_due = False
            _cancel(self._samples_timer)
            self._samples_timer = None
        batch = Batch(list(self._rows), self._entries, samples, self._work, self._errands)
        self._rows.clear()
        _cancel(self._rows_timer)
        self._rows_timer = None
        self._entries = []
        self._work = None
        self._errands = []
        return batch

    def _submit(self) -> None:
        self._submit_soon = False
        _cancel(self._submit_timer)
        self._submit_timer = None
        if self._running is not None or self._closed:
            return
        batch = self._running = self._take()
        self._running_since_s = self._clock.monotonic_s()
        if self._inline:
            self._write_here(batch)
            return
        if self._thread is None:
            # a daemon thread: a process that fails elsewhere must be able to end
            self._thread = threading.Thread(target=self._write_all, name="store-writer", daemon=True)
            self._thread.start()
        self._batches.put(batch)

    def _write_here(self, batch: Batch) -> None:
        try:
            self._disk.write(batch)
        except BaseException as error:
            self._die(error)
            raise
        self._ended(batch)
        self._disk.tidy()

    def _write_all(self) -> None:
        """The thread."""
        while (batch := self._batches.get()) is not None:
            try:
                self._disk.write(batch)
            except BaseException as error:  # noqa: BLE001 - goes on to watch(), which ends the process
                self._on_loop(self._die, error)
                return
            self._on_loop(self._ended, batch)
            self._disk.tidy()

    def _on_loop(self, call: Callable[[T], None], argument: T) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(call, argument)
        except RuntimeError:
            # the loop has ended: nobody waits any more
            log.debug("a batch outlived the event loop")

    def _die(self, error: BaseException) -> None:
        self._death = error
        self._died.set()

    def _ended(self, batch: Batch) -> None:
        self._running = None
        kept = batch.rows_kept or batch.samples_kept
        if batch.rows_kept:
            self.dropped_rows += _put_back(self._rows, batch.rows, self._settings.waiting_rows_max)
        if batch.samples_kept:
            self.dropped_samples += _put_back(self._samples, batch.samples, self._settings.waiting_rows_max)
        self._tell(batch.trouble)
        self._release(batch)
        if batch.entries or batch.rows:
            for written in self._followers:
                written()
        if kept:
            # the timer tries again, not the next iteration
            self._samples_due = False
        if (
            self._entries
            or self._errands
            or self._work is not None
            or self._samples_due
            or (len(self._rows) >= FLUSH_ROWS and not kept)
        ):
            self._wake()
        self._arm()

    def _arm(self) -> None:
        """Set a timer for whatever waits without one."""
        if self._closed:
            return
        if self._rows and self._rows_timer is None:
            self._rows_timer = self._bound().call_later(self._settings.record_flush_s, self._rows_due)
        if self._samples and self._samples_timer is None:
            self._samples_timer = self._bound().call_later(self._settings.samples_flush_s, self._flush_samples)

    def _release(self, batch: Batch) -> None:
        for errand in batch.errands:
            errand.done(errand.outcome)
        for entry in batch.entries:
            try:
                entry.done(entry.error)
            except Exception as error:  # noqa: BLE001 - one waiter's bug must not leave the others without an answer
                self._bound().call_exception_handler({"message": "a commit's waiter failed", "exception": error})

    def _tell(self, trouble: str | None) -> None:
        """One line when the disk's state changes, and one a minute at most about what that has cost."""
        if (trouble is None) != (self.trouble is None):
            if trouble is None:
                log.warning("store writes again after: %s", self.trouble)
            else:
                log.error("store trouble: %s", trouble)
        self.trouble = trouble
        dropped = self.dropped_rows + self.dropped_samples
        now_s = self._clock.monotonic_s()
        if dropped > self._dropped_told and now_s >= self._dropped_told_s + 60:
            self._dropped_told, self._dropped_told_s = dropped, now_s
            log.error("store dropped oldest rows=%d samples=%d since start", self.dropped_rows, self.dropped_samples)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


def _put_back(queue: deque[T], older: list[T], size_max: int) -> int:
    """Put *older* before what came meanwhile; returns how many of the oldest did not fit."""
    room = max(0, size_max - len(queue))
    fitting = older[max(0, len(older) - room) :]
    queue.extendleft(reversed(fitting))
    return len(older) - len(fitting)
