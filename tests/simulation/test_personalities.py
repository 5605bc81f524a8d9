"""The personalities that have quirks of the wire or of the keys: a car charges at each, within the limits."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from chargemon_edge.sim.personality import personality
from tests.simulation.one_charger import tell
from tests.simulation.test_quirks import charged, session, told

_QUIRKY = (
    "blanks-and-quotes",
    "keys-unlisted",
    "names-phases",
    "one-phase-meter",
    "rare-values",
    "tag-suffix",
    "waits-for-remote-start",
    "watts-only",
)


@pytest.mark.parametrize("name", _QUIRKY)
def test_a_car_charges_at_it(name: str, tmp_path: Path) -> None:
    both = tell(tmp_path, session, catalogue=True, more={}, **msgspec.structs.asdict(personality(name)))

    assert charged(both), told(both)
