"""No package is made with a library that has a known weakness."""

import pytest

from release.floors import FLOORS, below_floor
from release.stage import LOCK

AIOHTTP = '[aiohttp]\nfloor = "3.14.4"\nwhy = "CVE-0000-0000"\n'


@pytest.mark.demand("S26")
def test_the_lock_is_above_every_floor() -> None:
    assert below_floor(LOCK.read_text(), FLOORS.read_text()) == []


@pytest.mark.parametrize(
    ("pinned", "good"), [("3.14.4", True), ("3.14.10", True), ("4.0", True), ("3.14.3", False), ("3.9.9", False)]
)
def test_versions_are_ordered_by_number(pinned: str, good: bool) -> None:
    assert (below_floor(f"aiohttp=={pinned} \\\n    --hash=sha256:00\n", AIOHTTP) == []) is good


def test_a_library_below_its_floor_is_named_with_its_weakness() -> None:
    (line,) = below_floor("aiohttp==3.14.3 \\\n", AIOHTTP)

    assert line == "aiohttp 3.14.3 is below 3.14.4: CVE-0000-0000"


def test_a_floor_for_what_is_not_shipped_is_a_mistake() -> None:
    (line,) = below_floor("yarl==1.0 \\\n", AIOHTTP)

    assert "not in the lock" in line
