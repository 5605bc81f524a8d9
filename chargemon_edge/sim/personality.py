"""How simulated chargers behave and misbehave, as data: one TOML file each in ``personalities/``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec

# Schedules begin half a minute in the past: with a clock that is further behind none is in force, and the charger
# offers its fallback whatever it is told
_CLOCK_ERROR_MAX_S = 25.0


class Personality(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a model of charger does differently from a perfect one. The defaults are an ordinary good charger."""

    title: str
    description: str
    vendor: str = "Simulated"
    model: str = "Obedient"
    answer_delay_s: float = 0.2
    """From a CALL to its answer."""
    unanswered: float = 0.0
    """Share of the CALLs that never get an answer."""
    reaction_s: float = 0.3
    """From a new limit in force until the pilot signal says so."""
    takes_profiles: str = "obeys"
    """``obeys``, ``ignores`` (accepts them and does nothing) or ``rejects``."""
    stack_level_max: int = 8
    """Profiles above it are rejected."""
    step_ma: int = 100
    """The pilot signal's own resolution; limits are rounded down to it."""
    reports: tuple[str, ...] = ("current", "power", "energy")
    meter_values_s: int = 10
    answers_pings: bool = True
    clock_offset_s: float = 0.0
    """Its own clock, ahead of the right time."""
    sets_clock: bool = True
    """Follows the time in BootNotification.conf and Heartbeat.conf."""
    reboots_per_h: float = 0.0
    losses_per_h: float = 0.0
    """How often its link breaks."""
    loss_s: float = 30.0
    """How long a broken link stays away, on the average."""
    redial_s: float = 2.0
    """First pause before it dials again; doubled each time up to redial_max_s."""
    redial_max_s: float = 20.0

    @property
    def transparent(self) -> bool:
        """Whether the central system can know what limit is in force, and how much of it the car leaves unused."""
        right_clock = self.sets_clock or abs(self.clock_offset_s) <= _CLOCK_ERROR_MAX_S
        return self.takes_profiles == "obeys" and "current" in self.reports and right_clock


@cache
def personality(name: str) -> Personality:
    """The personality in ``personalities/NAME.toml``; raises FileNotFoundError or msgspec.ValidationError."""
    text = files("chargemon_edge.sim").joinpath("personalities", f"{name}.toml").read_text("utf-8")
    return msgspec.toml.decode(text, type=Personality)


def names() -> list[str]:
    """Every personality there is."""
    folder = files("chargemon_edge.sim").joinpath("personalities")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))
