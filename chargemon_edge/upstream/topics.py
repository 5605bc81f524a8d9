"""The topics of one site under one prefix. Pure.

At most five slashes below the prefix's own two, one filter for all that comes in, and names that every broker takes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

DEFAULT_PREFIX = "cm/v1"
# clouds take no longer ones
ANSWER_TOPIC_MAX_BYTES = 256

# what may stand in a level as it is; all else is written as %XX of its UTF-8
_PLAIN = re.compile(rb"[A-Za-z0-9._-]")

Incoming = Literal["cmd", "limit", "group limit", "replay", "desired", "ack", "unknown"]


class Place(NamedTuple):
    """What a topic of those that come in is for."""

    kind: Incoming
    name: str = ""
    """Of what is desired, or the group's."""


def level(text: str) -> str:
    """*text* as one level of a topic. Two different texts never give the same."""
    return "".join(
        chr(byte) if _PLAIN.match(bytes((byte,))) else f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass")
    )


def lies_below(topic: str, prefix: str) -> bool:
    """Whether *topic* is *prefix* or below it, by whole levels."""
    return topic == prefix or topic.startswith(f"{prefix}/")


def may_answer(topic: str, allowed: Sequence[str]) -> bool:
    """Whether whoever asks may be answered on *topic*: below one of *allowed*, and a topic that can be published to."""
    if len(topic.encode("utf-8", "surrogatepass")) > ANSWER_TOPIC_MAX_BYTES or not topic.isprintable():
        return False
    return not set(topic) & set("+#") and any(lies_below(topic, one) and topic != one for one in allowed)


class Topics(msgspec.Struct, frozen=True, kw_only=True):
    """Everything this site says and hears."""

    site: str
    prefix: str = DEFAULT_PREFIX
    group: str | None = None

    def _own(self, rest: str) -> str:
        return f"{self.prefix}/{self.site}/{rest}"

    @property
    def status(self) -> str:
        """Retained; the last will."""
        return self._own("status")

    @property
    def info(self) -> str:
        """Retained; the birth."""
        return self._own("info")

    @property
    def state(self) -> str:
        """Retained."""
        return self._own("state")

    def charge_point(self, identity: str) -> str:
        """Retained."""
        return self._own(f"cp/{level(identity)}")

    @property
    def events(self) -> str:
        """One topic for all of them: MQTT keeps the order only within a topic."""
        return self._own("ev")

    @property
    def events_replay(self) -> str:
        """Answers to replays."""
        return self._own("ev/replay")

    @property
    def telemetry(self) -> str:
        """Live batches."""
        return self._own("tm")

    @property
    def telemetry_replay(self) -> str:
        """Answers to replays, and what an outage has kept back."""
        return self._own("tm/replay")

    @property
    def results(self) -> str:
        """Of commands."""
        return self._own("res")

    def reported(self, name: str) -> str:
        """Retained: how far a desired state is reached."""
        return self._own(f"reported/{level(name)}")

    @property
    def log(self) -> str:
        """Warnings and errors."""
        return self._own("log")

    @property
    def command(self) -> str:
        """Where commands come."""
        return self._own("in/cmd")

    @property
    def limit(self) -> str:
        """Where limits of the site come."""
        return self._own("in/limit")

    @property
    def group_limit(self) -> str | None:
        """What the group of this site may draw."""
        return None if self.group is None else f"{self.prefix}/_g/{self.group}/limit"

    @property
    def filters(self) -> tuple[str, ...]:
        """What to subscribe to."""
        own = self._own("in/#")
        return (own,) if self.group_limit is None else (own, self.group_limit)

    def place(self, topic: str) -> Place:
        """What a topic that a message came on is for."""
        if self.group is not None and topic == self.group_limit:
            return Place("group limit", self.group)
        rest = topic.removeprefix(self._own("in/"))
        if rest == "cmd":
            return Place("cmd")
        if rest == "limit":
            return Place("limit")
        if rest == "replay":
            return Place("replay")
        if rest == "ack":
            return Place("ack")
        if rest.startswith("desired/") and rest.count("/") == 1:
            return Place("desired", rest.removeprefix("desired/"))
        return Place("unknown")
