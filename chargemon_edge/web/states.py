"""A connector's state: one word for programs, a few for people. Pure."""

from __future__ import annotations

from typing import NamedTuple


class State(NamedTuple):
    """For programs and for people."""

    code: str
    words: str


OFFLINE = State("offline", "Offline")
UNKNOWN = State("unknown", "No status yet")
WAITING = State("waiting", "Waiting for current")
UPDATING = State("updating", "Being given new firmware")

# OCPP 1.6 §7.7 ChargePointStatus
_STATES = {
    "Available": State("available", "Free"),
    "Preparing": State("preparing", "Car connected, not started"),
    "Charging": State("charging", "Charging"),
    "SuspendedEVSE": State("suspended_evse", "Paused by the charger"),
    "SuspendedEV": State("suspended_ev", "Paused by the car"),
    "Finishing": State("finishing", "Finished, car still connected"),
    "Reserved": State("reserved", "Reserved"),
    "Unavailable": State("unavailable", "Out of service"),
    "Faulted": State("faulted", "Fault"),
}


def state(status: str | None, *, linked: bool, waits: bool, updating: bool = False) -> State:
    """The state of a connector with this last *status*; *waits*: its transaction is to hold 0 A for now; *updating*:
    its charge point is being given new firmware, and no transaction runs on it."""
    if updating:
        return UPDATING
    if not linked:
        return OFFLINE
    if status is None:
        return UNKNOWN
    found = _STATES.get(status, UNKNOWN)
    if waits and found.code == "suspended_evse":
        return WAITING
    return found
