"""The window for unknown charge points."""

import pytest

from chargemon_edge.control.commissioning import Commissioning
from tests.unit.control.fakes import FakeClock


@pytest.mark.demand("S3")
def test_window_is_shut_until_opened_and_shuts_by_itself() -> None:
    clock = FakeClock()
    window = Commissioning(clock)
    assert not window.is_open()

    window.open(10)

    clock.now_s += 599
    assert window.is_open()
    clock.now_s += 2
    assert not window.is_open()


def test_window_can_be_shut_early() -> None:
    window = Commissioning(FakeClock())
    window.open(10)

    window.close()

    assert not window.is_open()


@pytest.mark.parametrize("minutes", [0, -1, 61])
def test_window_is_never_open_for_longer_than_an_hour(minutes: int) -> None:
    with pytest.raises(ValueError, match="1 to 60 minutes"):
        Commissioning(FakeClock()).open(minutes)
