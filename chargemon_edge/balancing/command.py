"""What one running transaction was told, and therefore the most its connector may hold now.

A limit counts from the moment it is handed over until the charger certainly holds something else: an increase at once,
a decrease only when it was accepted and then followed. Must never assume a decrease that nobody confirmed.
"""

from __future__ import annotations

import msgspec

from chargemon_edge.balancing.plan import Order
from chargemon_edge.balancing.policy import Policy
from chargemon_edge.site.facts import LimitRefused, ProfilesInDoubt
from chargemon_edge.site.layout import Connector
from chargemon_edge.site.picture import ChargePointPicture, ConnectorPicture, HeldLimit, SitePicture

# a charger's clock and ours do not run out at the same instant
LEASE_GRACE_S = 5.0
# from this part of the lease on, an unrenewed limit may turn into the fallback before it can be renewed
_LEASE_DOUBT = 0.75
# after a correction of our time chargers are asked to ask for it; by then they have
TOLD_THE_TIME_S = 3.0
# an order without any outcome after this long is taken for unanswered
_OUTCOME_S = 60.0
# measured no more than this above the new limit: it was followed
_FOLLOWED_MA = 500
# the car reacts to the last limit at the latest after this long (IEC 61851-1)
_CAR_S = 5.0


class _Sent(msgspec.Struct, gc=False):
    """An order handed to the charger's slot whose outcome is not known."""

    limit_ma: int
    sent_s: float
    until_s: float
    """When its lease is over, had it been taken."""
    doubtful: bool = False
    """No answer came: taken or not, nobody knows."""


class Command:
    """The limits of one running transaction: sent, held, refused, followed."""

    def __init__(self, connector: Connector, policy: Policy) -> None:
        self._connector = connector
        self._policy = policy
        self._held: HeldLimit | None = None
        self._refused: LimitRefused | None = None
        self._doubted: ProfilesInDoubt | None = None
        # what the charger does to a transaction without any limit
        self._rest_ma = connector.max_ma
        self._started_s = 0.0
        # when our time of day was last moved
        self._corrected_s = float("-inf")
        # when the charger was told of that, and whether it has not been yet
        self._told_s = float("-inf")
        self._untold = False
        self._sent: list[_Sent] = []
        # what it may still hold after an accepted decrease, and since when that is accepted
        self._falling: tuple[int, float] | None = None
        # commands and since when each is the newest, oldest first; the first entry stands for all time before
        self._told: list[tuple[float, int]] = [(float("-inf"), 0)]
        # refusals in a row; a charger that is merely offline refuses nothing
        self.refusals = 0
        self._handed_s = float("-inf")
        # when it was raised last, and from what
        self.raised_s = float("-inf")
        self._raised_from_ma = 0

    def look(
        self,
        picture: SitePicture,
        connector: ConnectorPicture,
        now_s: float,
        charge_point: ChargePointPicture | None = None,
    ) -> None:
        """Take in what the picture says of the connector now, and of its charge point."""
        self._started_s = picture.started.mono_s
        self._corrected_s = picture.clock.corrected_mono_s
        if charge_point is not None:
            self._told_s, self._untold = charge_point.told_mono_s, charge_point.behind_ms != 0
        self._rest_ma = self._connector.max_ma if connector.fail_safe_ma is None else connector.fail_safe_ma
        before_ma = self.ceiling_ma(now_s)
        if connector.doubted is not self._doubted:
            self._take_doubt(connector.doubted)
        if connector.held is not self._held:
            self._take_held(connector.held, before_ma, now_s)
        if connector.refused is not self._refused:
            self._take_refused(connector.refused)
        self._give_up_waiting(now_s)
        self._look_whether_followed(connector, now_s)
        self._remember(now_s)

    def _take_held(self, held: HeldLimit | None, before_ma: int, now_s: float) -> None:
        first = self._held is None
        self._held = held
        if held is None:
            return
        if first and held.restored:
            # an adopted transaction had this limit before our start: it is no increase from nothing
            self._told = [(float("-inf"), self.latest_ma(now_s))]
        self.refusals = 0
        answered = [
            index
            for index, sent in enumerate(self._sent)
            if sent.sent_s <= held.sent_mono_s and (sent.limit_ma == held.limit_ma or sent.sent_s < held.sent_mono_s)
        ]
        if answered:
            # the link keeps the order: what was handed over before the accepted one is superseded by it
            del self._sent[: answered[-1] + 1]
        if not first or not held.restored:
            after_ma = self._held_ma(now_s)
            if after_ma < before_ma:
                self._falling = (before_ma, now_s)

    def _take_doubt(self, doubted: ProfilesInDoubt | None) -> None:
        self._doubted = doubted
        if doubted is not None:
            # taken or not, what was sent before is no longer certain to be held: it is asserted anew
            self._sent = [sent for sent in self._sent if sent.sent_s > doubted.at.mono_s]

    def _take_refused(self, refused: LimitRefused | None) -> None:
        self._refused = refused
        if refused is None:
            return
        match = next((sent for sent in self._sent if sent.limit_ma == refused.limit_ma and not sent.doubtful), None)
        if refused.outcome == "no answer":
            if match is not None:
                match.doubtful = True
        elif match is not None:
            self._sent.remove(match)
        if refused.outcome != "offline":
            self.refusals += 1

    def _give_up_waiting(self, now_s: float) -> None:
        for sent in self._sent:
            if now_s - sent.sent_s > _OUTCOME_S:
                sent.doubtful = True
        self._sent = [sent for sent in self._sent if not sent.doubtful or now_s < sent.until_s + LEASE_GRACE_S]

    def _look_whether_followed(self, connector: ConnectorPicture, now_s: float) -> None:
        if self._falling is None:
            return
        _, since_s = self._falling
        values = connector.values
        sent_s = since_s if self._held is None else min(since_s, self._held.sent_mono_s)
        drawn_ma = None if values is None or values.at.mono_s <= sent_s else values.current_ma
        followed = drawn_ma is not None and max(drawn_ma) <= self._held_ma(now_s) + _FOLLOWED_MA
        if followed or now_s >= since_s + self._policy.settle_s:
            self._falling = None

    def _remember(self, now_s: float) -> None:
        latest_ma = self.latest_ma(now_s)
        if latest_ma != self._told[-1][1]:
            if latest_ma > self._told[-1][1]:
                self.raised_s, self._raised_from_ma = now_s, self._told[-1][1]
            self._told.append((now_s, latest_ma))
        while len(self._told) > 1 and now_s >= self._told[1][0] + self._policy.settle_s:
            del self._told[0]

    def handed_over(self, order: Order, now_s: float) -> None:
        """*order* was put into the charger's slot."""
        self._handed_s = now_s
        self._sent.append(_Sent(order.limit_ma, now_s, now_s + order.lease_s))
        self._remember(now_s)

    @property
    def asserted(self) -> bool:
        """Whether the charger was given a limit by this run of the daemon, or is being given one."""
        return bool(self._sent) or (self._held is not None and not self._held.restored)

    @property
    def restored(self) -> bool:
        """Whether all that is known of its limit stems from before our start."""
        return self._held is not None and self._held.restored

    @property
    def in_flight(self) -> bool:
        """Whether an order waits for its outcome."""
        return any(not sent.doubtful for sent in self._sent)

    @property
    def refused(self) -> LimitRefused | None:
        """The last limit it did not take, until it takes one."""
        return self._refused

    def silent(self, now_s: float) -> bool:
        """Whether an order waits for longer than an answer may take."""
        return any(now_s - sent.sent_s > self._policy.answer_patience_s for sent in self._sent)

    @property
    def settling(self) -> bool:
        """Whether it may still hold something else than the newest command."""
        return bool(self._sent) or self._falling is not None

    def settled(self, now_s: float) -> bool:
        """Whether charger and car had time to follow the newest command."""
        return not self.in_flight and self._falling is None and now_s >= self._told[-1][0] + self._policy.settle_s

    def refresh_due(self, now_s: float) -> bool:
        """Whether half the lease is over, or the limit stems from before our start or from another time of day."""
        held = self._held
        if held is None or self.in_flight:
            return False
        told = now_s >= self._corrected_s + TOLD_THE_TIME_S
        return held.restored or (told and self._misdated(held)) or now_s - held.sent_mono_s >= held.lease_s / 2

    def wake_s(self, now_s: float) -> float:
        """When to look again although nothing was heard."""
        times = [told_s + self._policy.settle_s for told_s, _ in self._told[1:]]
        if self._falling is not None:
            times.append(self._falling[1] + self._policy.settle_s)
        if self._held is not None:
            end_s = self._lease_end_s(self._held)
            times += [end_s - (1 - _LEASE_DOUBT) * self._held.lease_s, end_s, end_s + LEASE_GRACE_S]
        return min((time_s for time_s in times if time_s > now_s), default=float("inf"))

    def retry_due(self, now_s: float) -> bool:
        """Whether to ask once more: at once after the first refusal, then only now and then."""
        pause_s = 0.0 if self.refusals == 1 else self._policy.refusal_retry_s
        return not self.in_flight and now_s - self._handed_s >= pause_s

    def rested(self, now_s: float) -> bool:
        """Whether the last order is old enough for another one although that is unanswered or was refused."""
        return now_s - self._handed_s >= self._policy.settle_s

    def retry_ma(self, now_s: float) -> int:
        """What to ask for then: never more than it may hold already."""
        limit_ma = self.latest_ma(now_s) if self._refused is None else self._refused.limit_ma
        return min(limit_ma, self.ceiling_ma(now_s))

    def latest_ma(self, now_s: float) -> int:
        """The newest command, whether answered or not; without any, what the charger does by itself."""
        for sent in reversed(self._sent):
            if not sent.doubtful:
                return sent.limit_ma
        held = self._held
        if held is None:
            return self._rest_ma
        return held.limit_ma if now_s < self._lease_end_s(held) else held.fallback_ma

    def ceiling_ma(self, now_s: float) -> int:
        """The most that the charger may hold now."""
        most_ma = self._held_ma(now_s)
        for sent in self._sent:
            most_ma = max(most_ma, sent.limit_ma)
        return most_ma if self._falling is None else max(most_ma, self._falling[0])

    def followed_ma(self, now_s: float) -> int:
        """What it draws at the most if the car follows an accepted decrease as fast as it must."""
        if self._falling is not None and now_s >= self._falling[1] + _CAR_S:
            return max([self._held_ma(now_s), *(sent.limit_ma for sent in self._sent)])
        return self.ceiling_ma(now_s)

    def lowest_lately_ma(self) -> int:
        """The lowest command within the settling time: it cannot have drawn less for lack of permission."""
        return min(limit_ma for _, limit_ma in self._told)

    def rising_from_ma(self, measured_s: float) -> int | None:
        """The command before the last increase, if a value measured then cannot show that increase yet."""
        if measured_s < self.raised_s + _CAR_S or self.in_flight:
            return self._raised_from_ma
        return None

    def _lease_end_s(self, held: HeldLimit) -> float:
        # a restored limit was sent on another boot's clock: its lease can have begun no later than our start
        return (self._started_s if held.restored else held.sent_mono_s) + held.lease_s

    def _misdated(self, held: HeldLimit) -> bool:
        """Whether the charger was told another time since: a lease is dated, so it may be over or not have begun."""
        return held.sent_mono_s < max(self._corrected_s + TOLD_THE_TIME_S, self._told_s)

    def _held_ma(self, now_s: float) -> int:
        held = self._held
        if held is None:
            return self._rest_ma
        limit_ma = held.limit_ma
        if held.restored:
            limit_ma = min(limit_ma + self._policy.raise_step_ma, self._connector.max_ma)
        end_s = self._lease_end_s(held)
        if now_s < end_s - (1 - _LEASE_DOUBT) * held.lease_s and not self._misdated(held) and not self._untold:
            return limit_ma
        return max(limit_ma, held.fallback_ma) if now_s < end_s + LEASE_GRACE_S else held.fallback_ma
