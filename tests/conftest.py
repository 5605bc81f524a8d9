"""What holds for every test: nothing it started may outlive it, and generated examples may take their time."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import settings

# Two shared cores make a deadline per example a matter of luck
settings.register_profile("chargemon", deadline=None, print_blob=True)
settings.load_profile("chargemon")


@pytest.fixture(autouse=True)
def _no_thread_left_behind() -> Iterator[None]:
    yield from watched_threads()


def watched_threads() -> Iterator[None]:
    """A thread that a test leaves running writes into the next one's files and clocks."""
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before and thread.is_alive()]
    # The loop's own pool (name resolution, files) is joined when the loop closes, which may be after this fixture
    left = [thread for thread in left if not thread.name.startswith("asyncio_")]
    for thread in left:
        thread.join(timeout=2)
    assert not [thread.name for thread in left if thread.is_alive()], "the test left a thread running"
