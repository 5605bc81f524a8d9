"""Whether what a scenario promises to show was seen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from chargemon_edge.sim.scenario import Highlight

if TYPE_CHECKING:
    # the world holds the sightings; they only look at it
    from chargemon_edge.sim.world import World


class Sighting:
    """Watches for one highlight."""

    def __init__(self, highlight: Highlight) -> None:
        self.highlight = highlight
        self.seen = 0
        self.broken = ""
        """Why it can no longer be true."""
        self._entries_read = 0
        self._looked = False

    @property
    def missing(self) -> bool:
        """Whether it was not seen, or not always."""
        if self.highlight.always:
            return bool(self.broken) or not self._looked
        return self.seen < self.highlight.times

    def look(self, world: World) -> None:
        """Look at the second that just passed."""
        highlight = self.highlight
        entries = world.trace.entries
        if highlight.commanded is not None:
            if highlight.from_s <= world.elapsed_s <= highlight.to_s:
                self._look_at_connector(world)
            return
        while self._entries_read < len(entries):
            entry = entries[self._entries_read]
            self._entries_read += 1
            if not highlight.from_s <= entry.at_s <= highlight.to_s:
                continue
            wanted = {"state": highlight.state, "reason": highlight.reason}.get(entry.kind)
            if entry.kind == highlight.fact or (wanted is not None and wanted in entry.text):
                self.seen += 1

    def _look_at_connector(self, world: World) -> None:
        self._looked = True
        highlight = self.highlight
        place = next(one for one in world.wiring.places if str(one.key) == highlight.commanded)
        commanded_ma = place.outlet.commanded_ma
        if highlight.at_least_ma <= commanded_ma <= highlight.at_most_ma:
            self.seen += 1
        elif not self.broken:
            self.broken = f"{commanded_ma} mA at {world.elapsed_s:.0f} s"


def missing(sightings: Iterable[Sighting]) -> list[str]:
    """One line for each highlight that was not seen."""
    return [
        f"not seen: {one.highlight.says}" + (f" ({one.broken})" if one.highlight.always and one.broken else "")
        for one in sightings
        if one.missing
    ]
