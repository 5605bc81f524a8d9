"""What happened in a run, in order: a digest to compare runs by, and the moments worth telling."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from typing import NamedTuple

import msgspec

from chargemon_edge.balancing.plan import Plan
from chargemon_edge.site import facts
from chargemon_edge.site.facts import Fact

_TAIL = 200


class Entry(NamedTuple):
    """One moment worth telling."""

    at_s: float
    """Seconds since the scenario's start."""
    kind: str
    """A kind of fact, ``state``, ``reason`` or ``fault``."""
    text: str


class Trace:
    """Facts by virtual time. Ports and addresses are left out: the kernel hands them out as it likes."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.entries: list[Entry] = []
        """All but readings and values; states and reasons only when they change."""
        self.tail: deque[str] = deque(maxlen=_TAIL)
        """The last facts as text, for the report of a failure."""
        self._digest = hashlib.sha256()
        self._encoder = msgspec.json.Encoder()
        self._plan: Plan | None = None
        self._state = ""
        self._reasons: dict[str, str] = {}

    @property
    def digest(self) -> str:
        """Equal for equal runs."""
        return self._digest.hexdigest()

    def fact(self, at_s: float, fact: Fact) -> None:
        """Note one fact."""
        kind = type(fact).__name__
        self.counts[kind] += 1
        if isinstance(fact, facts.LinkOpened):
            fact = msgspec.structs.replace(fact, remote="")
        elif isinstance(fact, facts.SecurityEvent):
            fact = msgspec.structs.replace(fact, source="", detail="")
        text = self._encoder.encode(fact)
        self._digest.update(text)
        if kind not in ("MeterRead", "ValuesReported"):
            self.tail.append(f"{at_s:9.1f} s  {text.decode()}")
            self.entries.append(Entry(at_s, kind, _place(fact)))

    def plan(self, at_s: float, plan: Plan) -> None:
        """Note what changed in the balancer's words."""
        if plan is self._plan:
            return
        self._plan = plan
        if plan.why != self._state:
            self._state = plan.why
            self.entries.append(Entry(at_s, "state", plan.why))
        for key, limit in plan.limits.items():
            name = str(key)
            if self._reasons.get(name) != limit.reason:
                self._reasons[name] = limit.reason
                self.entries.append(Entry(at_s, "reason", f"{name}: {limit.reason}"))

    def fault(self, at_s: float, text: str) -> None:
        """Note something that was made to go wrong."""
        self._digest.update(f"{at_s:.3f} {text}".encode())
        self.tail.append(f"{at_s:9.1f} s  fault: {text}")
        self.entries.append(Entry(at_s, "fault", text))


def _place(fact: Fact) -> str:
    charge_point = getattr(fact, "charge_point", getattr(fact, "meter", ""))
    connector = getattr(fact, "connector", None)
    return charge_point if connector is None else f"{charge_point}/{connector}"
