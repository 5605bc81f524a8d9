"""Compares a password with what is kept of it, beside the event loop: scrypt takes longer than a limit may wait.

One thread, a short queue. A password that was right once is known again at once, by a digest under a key that is made
anew at each start: chargers that reconnect cost nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from chargemon_edge.control.password_hash import canonical, matches

_log = logging.getLogger(__name__)

WAITING_MAX = 32
_KNOWN_MAX = 4_096


class PasswordChecks:
    """Ask :meth:`known` first, then :meth:`check`; :meth:`close` at the end."""

    def __init__(self, *, inline: bool = False) -> None:
        # virtual time has no threads: there a check takes place at once
        self._inline = inline
        self._executor: ThreadPoolExecutor | None = None
        self._secret = os.urandom(32)
        # what is kept → digest of the password that was right for it
        self._right: dict[str, bytes] = {}
        self._waiting = 0

    def known(self, kept: Sequence[str], password: bytes) -> str | None:
        """Which of *kept* this password was found right for before; None: it has to be checked."""
        digest = self._short(password)
        for one in kept:
            right = self._right.get(one)
            if right is not None and hmac.compare_digest(right, digest):
                return one
        return None

    def check(self, kept: Sequence[str], password: bytes, done: Callable[[str | None], None]) -> bool:
        """Tell *done*, on the loop, which of *kept* is this password's, or None. False: too many wait."""
        if self._inline:
            self._ended(password, _first_match(kept, password), done)
            return True
        if self._waiting >= WAITING_MAX:
            return False
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="password")
        self._waiting += 1
        loop = asyncio.get_running_loop()
        work = self._executor.submit(_first_match, tuple(kept), password)

        def told(future: Future[str | None]) -> None:
            if not future.cancelled() and not loop.is_closed():
                loop.call_soon_threadsafe(finished, future.result())

        def finished(found: str | None) -> None:
            self._waiting -= 1
            self._ended(password, found, done)

        work.add_done_callback(told)
        return True

    def close(self) -> None:
        """Drop what waits."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = None

    def _ended(self, password: bytes, found: str | None, done: Callable[[str | None], None]) -> None:
        if found is not None:
            if len(self._right) >= _KNOWN_MAX:
                self._right.pop(next(iter(self._right)))
            self._right[found] = self._short(password)
        done(found)

    def _short(self, password: bytes) -> bytes:
        return hmac.digest(self._secret, canonical(password), hashlib.sha256)


def _first_match(kept: Sequence[str], password: bytes) -> str | None:
    """On the thread."""
    for one in kept:
        try:
            if matches(one, password):
                return one
        except ValueError:
            _log.error("a kept password cannot be read; set a new one for this charge point")
    return None
