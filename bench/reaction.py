"""A load step on the meter: how long until all decreases of fifty chargers are on the wire, one never answering.

Against the real process, with a Modbus server on pyModbusTCP and chargers on the PyPI package `ocpp`, whose own time
to read fifty sockets is in the figures. The reference is the sample: no daemon knows of a step before it is read.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from pathlib import Path

from bench.figures import Figure, show
from tests.system import load_step


def main() -> list[Figure]:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=5)
    arguments, _ = parser.parse_known_args()
    print(f"reaction: {load_step.COUNT} chargers, meter polled once a second, {arguments.steps} steps")
    seen = []
    for _ in range(arguments.steps):
        with tempfile.TemporaryDirectory() as folder:
            seen.append(asyncio.run(load_step.play(Path(folder))))
    figures = [
        Figure(
            "meter step to last decrease on the wire, median", statistics.median(s.step_to_wire_s for s in seen), "s"
        ),
        Figure("meter step to last decrease on the wire, worst", max(s.step_to_wire_s for s in seen), "s", at_most=1.5),
        Figure("sample read to last decrease, median", statistics.median(s.sample_to_wire_s for s in seen), "s"),
        Figure("sample read to last decrease, worst", max(s.sample_to_wire_s for s in seen), "s", at_most=0.2),
    ]
    show(figures)
    return figures


if __name__ == "__main__":
    main()
