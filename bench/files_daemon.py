"""The daemon with an image in its library, a probe on its loop, and ears for two signals.

SIGUSR1: offer the image to every charge point that is linked, and print the addresses. SIGUSR2: print how late a timer
of the loop was at worst since the last time. Started with a configuration and the image's size in bytes.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from bench.watched import probe
from chargemon_edge import log
from chargemon_edge.app import Addresses, App
from chargemon_edge.clock import SystemClock
from chargemon_edge.config import Settings, load_file
from chargemon_edge.control.file_keeping import ImageWish
from chargemon_edge.control.ports import FileOffer
from chargemon_edge.site.image import Image

_PIECE_BYTES = 1_000_000


async def _content(size_bytes: int) -> AsyncIterator[bytes]:
    for start in range(0, size_bytes, _PIECE_BYTES):
        yield os.urandom(min(_PIECE_BYTES, size_bytes - start))


async def _offer(app: App, settings: Settings, image: Image) -> None:
    assert app.files is not None
    urls = []
    for charge_point in settings.site.charge_points:
        offer = await app.files.offer_image(charge_point.identity, image.image_id, good_for_s=600, by="benchmark")
        if isinstance(offer, FileOffer):
            urls.append(offer.url)
    print("offered", json.dumps(urls), flush=True)


async def _main(config: Path, size_bytes: int) -> None:
    settings = load_file(config)
    log.configure("warning")
    app = App(settings, SystemClock())
    late_s: list[float] = []
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[Addresses] = loop.create_future()
    serving = asyncio.create_task(app.run(ready.set_result))
    probing = asyncio.create_task(probe(late_s))
    loop.add_signal_handler(signal.SIGTERM, serving.cancel)
    addresses = await ready
    assert app.files is not None
    wish = ImageWish(file_name="image.bin", vendor="*", models=("*",), version="2", size_bytes=size_bytes)
    image = await app.files.add_image(wish, _content(size_bytes), "benchmark")
    assert isinstance(image, Image), image
    offering: set[asyncio.Task[None]] = set()
    loop.add_signal_handler(signal.SIGUSR1, lambda: offering.add(loop.create_task(_offer(app, settings, image))))

    def tell() -> None:
        print(f"late at most {1000 * max(late_s):.3f} ms", flush=True)
        late_s.clear()

    loop.add_signal_handler(signal.SIGUSR2, tell)
    print("image", config.parent / "state" / "files" / "images" / image.sha256, flush=True)
    # last: now it obeys
    print(f"serving on {addresses.chargers[1]}", flush=True)
    try:
        await serving
    except asyncio.CancelledError:
        pass
    finally:
        probing.cancel()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), int(sys.argv[2])))
