"""The reference for files: aiohttp's own handler of static files, as it comes, on one file. Prints ``ready PORT``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from aiohttp import web


async def _main(file: Path) -> None:
    application = web.Application()
    application.router.add_static("/files", file.parent)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print("ready", runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
