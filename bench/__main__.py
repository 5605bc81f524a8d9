"""Every benchmark in turn, briefly, and then one table of the figures that have a goal.

Always ends with exit code 0 when it could measure: a figure is for a person to judge, on a machine the person knows.
"""

from __future__ import annotations

import subprocess
import sys
import time

from bench import backup, files, idle, memory, messages, reaction, slow_flash, startup, uplink
from bench.figures import show

# These print their own figures beside their own goals
_ON_THEIR_OWN = ("bench.allocation", "bench.write_budget")


def main() -> int:
    """Run all; returns the exit code."""
    started_s = time.monotonic()
    figures = []
    for benchmark in (messages, slow_flash, backup, files, uplink, reaction, memory, startup, idle):
        figures += benchmark.main()
        print()
    for module in _ON_THEIR_OWN:
        subprocess.run([sys.executable, "-m", module], check=True)
        print()
    print(f"all figures with a goal ({time.monotonic() - started_s:.0f} s)")
    show(one for one in figures if one.met is not None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
