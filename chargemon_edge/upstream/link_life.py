"""When to try again, with which version of MQTT, and when to raise an alarm: the rules of a connection's life. Pure.

Randomness comes from outside, as a *roll* between 0 and 1: a fleet whose broker was away must not come back at once.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Version = Literal[5, 4]
"""MQTT 5, or 3.1.1 (whose protocol level is 4)."""

FIRST_SPREAD_S = 5.0
BACKOFF_MAX_S = 300.0
# a link that stood for so long was a good one: the next failure is the first again
STABLE_S = 60.0
CREDENTIALS_FIRST_S = 60.0
CREDENTIALS_MAX_S = 900.0
BUSY_S = 30.0
TAKEN_OVER_S = 300.0
TAKEN_OVER_WITHIN_S = 60.0
OLD_VERSION_S = 24 * 3600.0
# so often a broker may hang up on MQTT 5 without a word before 3.1.1 is tried
SILENT_MAX = 2

TAKEN_OVER = 0x8E
UNSUPPORTED_VERSION = 0x84
# MQTT 5 §3.2.2.2: who we are is not liked
_CREDENTIALS = frozenset((0x85, 0x86, 0x87, 0x8A, 0x8C))
# … or how much we ask for
_BUSY = frozenset((0x88, 0x89, 0x93, 0x96, 0x97, 0x9F))


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a connection, or the attempt at one, has ended."""

    words: str
    code: int | None = None
    """The broker's reason code, if it gave one."""
    answered: bool = False
    """The broker had accepted the connection."""
    refused_version: bool = False
    """It does not speak the version of MQTT, or hung up without an answer to it."""
    poisoned: bool = False
    """What it keeps for us cannot be taken: it must forget it."""
    unknown_broker: bool = False
    """Its certificate is not one that we trust: asking often changes nothing."""


class LinkLife:
    """One upstream's way through its connections."""

    def __init__(self) -> None:
        # how many failed in a row
        self._failures = 0
        self._silent = 0
        # until when only 3.1.1 is spoken
        self._old_version_until_s = float("-inf")
        self._taken_over_at_s = float("-inf")
        # two boxes share one client id: a person must see to it
        self.rival = False

    def first_delay_s(self, roll: float) -> float:
        """Before the first attempt of all."""
        return roll * FIRST_SPREAD_S

    def version(self, now_s: float) -> Version:
        """To try next."""
        return 4 if now_s < self._old_version_until_s else 5

    def delay_s(self, ending: Ending, lasted_s: float, now_s: float, roll: float) -> float:
        """How long to wait after *ending* of a connection that stood for *lasted_s* (0: it never did)."""
        assert 0 <= roll <= 1
        if lasted_s >= STABLE_S:
            self._failures = 0
            self.rival = False
        if ending.answered:
            self._silent = 0
        if self._wants_old_version(ending, now_s):
            self._old_version_until_s = now_s + OLD_VERSION_S
            self._silent = 0
            return roll
        self._failures += 1
        if ending.code == TAKEN_OVER:
            again = now_s - self._taken_over_at_s <= TAKEN_OVER_WITHIN_S + TAKEN_OVER_S
            self._taken_over_at_s = now_s
            if again:
                self.rival = True
                return TAKEN_OVER_S * (1 + roll) / 2
        most_s: float = min(BACKOFF_MAX_S, 2.0 ** min(self._failures, 20))
        if ending.code in _CREDENTIALS or ending.unknown_broker:
            slow_s = CREDENTIALS_FIRST_S * 2.0 ** min(self._failures - 1, 10)
            return min(CREDENTIALS_MAX_S, slow_s) * (1 + roll) / 2
        if ending.code in _BUSY:
            return BUSY_S + roll * most_s
        return roll * most_s

    def _wants_old_version(self, ending: Ending, now_s: float) -> bool:
        if self.version(now_s) == 4 or ending.answered:
            return False
        if ending.code == UNSUPPORTED_VERSION:
            return True
        if ending.refused_version:
            self._silent += 1
        return self._silent >= SILENT_MAX


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    """What the broker has said in its CONNACK that it takes (MQTT 5 §3.2.2.3); 3.1.1 says nothing."""

    version: Version
    receive_max: int = 65_535
    packet_max: int | None = None
    qos_max: int = 2
    retain: bool = True
    session_present: bool = False


# paho looks through its whole window at each acknowledgement; more gains nothing
WINDOW_MAX = 20


def window(abilities: Abilities) -> int:
    """How many messages may be under way at once."""
    return max(1, min(WINDOW_MAX, abilities.receive_max))


def packet_bytes(topic: str, payload: bytes, correlation: bytes | None = None) -> int:
    """An upper bound of the size of a QoS 1 PUBLISH with up to one expiry property, and correlation data."""
    named = 0 if correlation is None else 1 + 2 + len(correlation)
    return len(topic.encode()) + len(payload) + named + 2 + 2 + 6 + 5


REASONS = {
    0x10: "nobody has subscribed",
    0x80: "refused without a reason",
    0x81: "malformed packet",
    0x82: "protocol error",
    0x83: "not accepted by this broker",
    0x84: "the broker does not speak this version of MQTT",
    0x85: "the client id is not accepted",
    0x86: "wrong user name or password",
    0x87: "not authorised",
    0x88: "the broker is not available",
    0x89: "the broker is busy",
    0x8A: "banned",
    0x8B: "the broker is shutting down",
    0x8C: "wrong way to authenticate",
    0x8D: "the broker has not heard from us in time",
    0x8E: "somebody else has connected with the same client id",
    0x90: "the topic is not accepted",
    0x93: "too much at once (Receive Maximum)",
    0x95: "the message is too large for the broker",
    0x96: "too many messages",
    0x97: "a quota is used up",
    0x98: "ended by an administrator",
    0x99: "the payload is not accepted",
    0x9A: "the broker retains nothing",
    0x9B: "the broker does not offer this quality of service",
    0x9C: "use another server",
    0x9D: "the server has moved",
    0x9F: "connections come too often",
}


def in_words(code: int) -> str:
    """A reason code for people."""
    return f"{REASONS.get(code, 'refused')} (0x{code:02X})"
