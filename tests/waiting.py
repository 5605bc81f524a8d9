"""Waiting in tests for what happens elsewhere: looked for often, never slept through."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(true: Callable[[], object], within_s: float = 15.0, what: str = "") -> None:
    """Wait until *true()* is; the loop goes on meanwhile. TimeoutError after *within_s*, which names *what*."""
    try:
        async with asyncio.timeout(within_s):
            while not true():
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise TimeoutError(f"not within {within_s:g} s: {what}" if what else f"not within {within_s:g} s") from None
