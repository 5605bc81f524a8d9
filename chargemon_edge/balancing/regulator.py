"""The control law: from picture to orders. Holds what must be remembered between two looks, and reads no clock itself."""

from __future__ import annotations

from chargemon_edge.balancing.plan import ConnectorLimit, Decision, Order, Plan
from chargemon_edge.balancing.policy import Policy
from chargemon_edge.balancing.rows import Rows, why_not_armed
from chargemon_edge.site.facts import Fact
from chargemon_edge.site.layout import Site
from chargemon_edge.site.picture import SitePicture


class Regulator:
    """Decides who may draw how much. Hand in every picture with the monotonic time it is looked at."""

    def __init__(self, site: Site, policy: Policy) -> None:
        self.site = site
        self.policy = policy
        self._rows = Rows(site)
        reason = why_not_armed(self._rows)
        self.armed: bool = reason is None
        self.why: str = reason or "starting: no meter reading yet"

    def fact(self, fact: Fact) -> None:
        """Tell of a fact after it was folded into the picture; optional, makes the next sample look closer."""

    def sample(self, picture: SitePicture, now_s: float) -> Decision:
        """The fast path, on each meter sample: only lowers."""
        return self.tick(picture, now_s)

    def tick(self, picture: SitePicture, now_s: float) -> Decision:
        """The slow path, every ten seconds and on events: the whole division, may raise."""
        limits = {
            key: ConnectorLimit(limit_ma=connector.fallback_ma, source="fail-safe", reason="fallback current")
            for key, connector in self.site.connectors.items()
        }
        return Decision(plan=Plan(at_mono_s=now_s, armed=self.armed, why=self.why, limits=limits))

    def sent(self, order: Order, now_s: float) -> None:
        """*order* was handed to the charger's slot at *now_s*."""
