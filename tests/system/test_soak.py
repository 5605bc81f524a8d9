"""The soak of bench/soak.py in short: every personality at work at once, and no answer is wrong. Judges no times."""

from pathlib import Path

from bench import soak
from chargemon_edge.sim import personality


def test_a_crowd_of_every_personality_charges_and_every_card_is_answered(tmp_path: Path) -> None:
    count = 2 * len(personality.names())

    seen = soak.play(tmp_path, count=count, seconds=8.0, warm_s=10.0)

    assert seen.wrong == {}
    assert len(seen.latencies_ms) > 2 * soak.PROBES
    assert seen.crowd["personalities"] == len(personality.names())
    # a few lose their links by nature
    assert seen.crowd["linked"] > count // 2
    assert seen.crowd["sessions"] > 0
