"""One look at a meter while no daemon polls it: connects, reads everything once, and says what came of it."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from chargemon_edge.meters import selftest
from chargemon_edge.meters.modbus import ExceptionAnswer, ReadFailed, RegisterSource
from chargemon_edge.meters.registers import Decoder, Sample
from chargemon_edge.meters.settings import MeterSettings, register_map_of
from chargemon_edge.site.units import PerPhase


class Tried(NamedTuple):
    """What came of it."""

    current_ma: PerPhase | None
    """None: no good sample."""
    fault: str = ""
    advice: str = ""


def try_once(settings: MeterSettings) -> Tried:
    """Read the meter once. Blocks, for two answers of each block at the longest."""
    return asyncio.run(_try_once(settings))


async def _try_once(settings: MeterSettings) -> Tried:
    register_map = register_map_of(settings)
    source = RegisterSource(
        settings.host,
        settings.port,
        settings.unit,
        function_code=register_map.function_code,
        timeout_s=max(1.0, settings.timeout_s),
    )
    blocks: list[bytes | None] = []
    try:
        for block in register_map.blocks:
            try:
                blocks.append(await source.read(block.start, block.count))
            except ExceptionAnswer:
                # some meters lack what is read now and then
                if block.every == 1:
                    raise
                blocks.append(None)
    except ReadFailed as failed:
        return Tried(None, failed.why, failed.advice)
    finally:
        source.close()
    decoder = Decoder(
        register_map,
        rating_ma=settings.rating_ma,
        ct_ratio=settings.ct_ratio,
        rotation=settings.rotation,
        reversed_ct=settings.reversed_ct,
        invert=settings.invert,
    )
    found = decoder.decode(blocks)
    if isinstance(found, Sample):
        return Tried(found.current_ma, "; ".join(selftest.doubts(found)))
    changes = selftest.advice(register_map, blocks)
    return Tried(
        None, found.why, f"try {changes}" if changes else "check model, rating_ma and ct_ratio (docs/meters.md)"
    )
