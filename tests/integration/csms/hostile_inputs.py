"""Messages between good and rubbish, by seed: payloads from the official schemas, bent, broken, and bred further.

What led to an answer nobody saw before is kept and bent again, so the inputs find their way into the corners.
"""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable
from typing import Any

from chargemon_edge.ocpp.v16.messages import FROM_CHARGE_POINT, TO_CHARGE_POINT
from tests.unit.ocpp.schemas import schema

ACTIONS = sorted(FROM_CHARGE_POINT)
OTHERS = [*sorted(TO_CHARGE_POINT), "NoSuchAction", "", "heartbeat", "\u0000"]
MOMENTS = ["2026-11-25T10:00:00Z", "2026-11-25T10:00:00.123456+05:30", "1970-01-01T00:00:00Z", "yesterday", ""]
ODD: list[Any] = [
    None, True, False, 0, 1, -1, 2**31, -(2**31) - 1, 2**53, 2**63, -(2**63) - 1, 10**40, 0.1, -0.0, 1e308, 1e-320,
    "", " ", "0", "-1", "1e5", "NaN", "Infinity", "1,5", "true", "null", "\u0000", "\ud800", "\u202e", "\r\nX: y",
    "=cmd|' /C calc'!A0", "<script>alert(1)</script>", "' OR 1=1 --", "+/#", "../../etc/passwd", "ä" * 300, "x" * 5_000,
    [], {}, [[]], [{}], {"a": {}}, [None], [1, "a"], {"": ""},
]  # fmt: skip
ODD_TEXTS = [text for text in ODD if isinstance(text, str)]
KEPT_MAX = 2_000
LONGEST = 65_536
BREED_MAX = 8_000


class Inputs:
    """An endless row of messages; the same seed gives the same row for the same answers."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        # frames that led somewhere new
        self._kept: list[list[Any]] = []
        self._seen: set[str] = set()
        self._frame: list[Any] | None = None
        self._numbers = 0

    def next(self) -> bytes:
        """One text message."""
        kept = self._kept and self.chance.random() < 0.3
        frame = copy.deepcopy(self.chance.choice(self._kept)) if kept else self._fresh()
        for _ in range(self.chance.choice((0, 0, 1, 1, 1, 2, 4))):
            frame = self._bent(frame)
        data = json.dumps(frame, ensure_ascii=self.chance.random() < 0.5).encode("utf-8", "surrogatepass")
        self._frame = frame if isinstance(frame, list) and len(data) < BREED_MAX else None
        if self.chance.random() < 0.15:
            data = self._broken(data)
        # a longer one ends the link, which is right and tested elsewhere
        return data[:LONGEST]

    def operation(self) -> tuple[str, Any]:
        """Something that a charge point can be asked."""
        action = self.chance.choice(sorted(TO_CHARGE_POINT))
        return action, self._payload(schema(action))

    def answer(self, unique_id: str, action: str) -> bytes:
        """To such a question: mostly with its id, and seldom as it should be."""
        kind = self.chance.random()
        frame: Any = [3, unique_id, self._payload(schema(f"{action}Response"))]
        if kind < 0.2:
            frame = [4, unique_id, "InternalError", "why", {}]
        for _ in range(self.chance.choice((0, 1, 1, 2, 4))):
            frame = self._bent(frame)
        data = json.dumps(frame).encode()
        return (self._broken(data) if self.chance.random() < 0.1 else data)[:LONGEST]

    def led_to(self, answer: str) -> None:
        """What the last one was answered with; novelty breeds."""
        words = re.sub(r"\d+", "0", answer)
        if words not in self._seen:
            self._seen.add(words)
            if self._frame is not None and len(self._kept) < KEPT_MAX:
                self._kept.append(self._frame)

    @property
    def discoveries(self) -> int:
        """How many different answers were seen."""
        return len(self._seen)

    # --- good ones

    def _fresh(self) -> list[Any]:
        chance = self.chance
        self._numbers += 1
        unique_id = str(self._numbers) if chance.random() < 0.9 else chance.choice(["1", "é", "x" * 36, "x" * 37, ""])
        kind = chance.random()
        if kind < 0.85:
            action = chance.choice(ACTIONS)
            return [2, unique_id, action, self._payload(schema(action))]
        if kind < 0.90:
            return [2, unique_id, chance.choice(OTHERS), {}]
        if kind < 0.95:
            action = chance.choice(sorted(TO_CHARGE_POINT))
            return [3, unique_id, self._payload(schema(f"{action}Response"))]
        return [4, unique_id, chance.choice(["GenericError", "NotSupported", "Nonsense"]), "why", {}]

    def _payload(self, node: dict[str, Any], member: str = "") -> Any:
        chance = self.chance
        if "enum" in node:
            return chance.choice(node["enum"])
        kind = node["type"]
        if kind == "object":
            required = node.get("required", ())
            return {
                name: self._payload(inner, name)
                for name, inner in node["properties"].items()
                if name in required or chance.random() < 0.6
            }
        if kind == "array":
            return [self._payload(node["items"], member) for _ in range(chance.randint(1, 3))]
        if kind == "string":
            if node.get("format") == "date-time":
                return chance.choice(MOMENTS[:3])
            if chance.random() < 0.15:
                # within every rule, and still not what anybody expects
                return chance.choice(ODD_TEXTS)[: node.get("maxLength", 60)]
            return "".join(chance.choices("AB12 é", k=chance.randint(1, min(20, node.get("maxLength", 20)))))
        if kind == "boolean":
            return chance.random() < 0.5
        return chance.choice((0, 1, 2, 3, chance.randint(0, 200_000)))

    # --- bent: still JSON

    def _bent(self, frame: Any) -> Any:
        places = list(_places(frame))
        if not places or self.chance.random() < 0.03:
            return self.chance.choice(ODD)
        # rather deep inside than in the frame itself
        holder, key = places[max(self.chance.randrange(len(places)), self.chance.randrange(len(places)))]
        bend: Callable[[Any, Any], None] = self.chance.choice(
            (self._odd, self._odd, self._drop, self._double, self._as_text, self._deep, self._added, self._moment)
        )
        bend(holder, key)
        return frame

    def _odd(self, holder: Any, key: Any) -> None:
        holder[key] = copy.deepcopy(self.chance.choice(ODD))

    def _drop(self, holder: Any, key: Any) -> None:
        del holder[key]

    def _double(self, holder: Any, key: Any) -> None:
        holder[key] = [copy.deepcopy(holder[key]) for _ in range(self.chance.choice((1, 2, 50)))]

    def _as_text(self, holder: Any, key: Any) -> None:
        holder[key] = f" {holder[key]} " if self.chance.random() < 0.5 else json.dumps(holder[key])

    def _deep(self, holder: Any, key: Any) -> None:
        for _ in range(self.chance.choice((1, 5, 12, 40))):
            holder[key] = {"a": holder[key]} if self.chance.random() < 0.5 else [holder[key]]

    def _added(self, holder: Any, key: Any) -> None:
        odd = copy.deepcopy(self.chance.choice(ODD))
        if isinstance(holder, dict):
            holder[self.chance.choice(["extra", "", "idTag", "transactionId", str(key).upper()])] = odd
        else:
            holder.insert(self.chance.randint(0, len(holder)), odd)

    def _moment(self, holder: Any, key: Any) -> None:
        holder[key] = self.chance.choice(MOMENTS)

    # --- broken: perhaps no JSON any more

    def _broken(self, data: bytes) -> bytes:
        chance = self.chance
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(5)
        if kind == 0:
            return data[:at]
        if kind == 1:
            return (
                data[:at]
                + chance.choice([b'"', b"\\", b"[", b"}", b",", b"\x00", b"NaN", b"\xc3\xa9", b" "])
                + data[at:]
            )
        if kind == 2:
            return data[:at] + data[at + chance.randint(1, 9) :]
        if kind == 3:
            return data + data
        return bytes(chance.randrange(32, 127) for _ in range(chance.randrange(60)))


def _places(value: Any, depth: int = 0) -> Any:
    """Every (holder, key) within a JSON value."""
    if depth > 30:
        return
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield value, key
        yield from _places(one, depth + 1)
