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
    firmware: str = "1.0"
    serial: str = ""
    """As it says it when it boots; empty: made from its identity."""
    subprotocol: str = "ocpp1.6"
    """What it offers in the handshake; empty: nothing."""
    origin: str = ""
    """A header that some send without need."""
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
    measurands: tuple[str, ...] = ()
    """Every measurand that it takes in a list, spelled its way; empty: the ordinary names of what it reports."""
    sampled: str = ""
    """The list of measurands that it comes with; empty: all that it takes."""
    measurands_max: int = 0
    """The longest list of them that it takes; 0: any."""
    measurands_lethal: tuple[str, ...] = ()
    """Measurands that it takes, and that make it restart."""
    value_longest: int = 0
    """A configuration value that is longer overwrites the charger's memory: it restarts, all keys at their defaults."""
    keys_listed: bool = True
    """False: it tells keys by name only."""
    keys_missing: tuple[str, ...] = ()
    keys_readonly: tuple[str, ...] = ()
    keys_need_reboot: tuple[str, ...] = ()
    values_least_s: int = 0
    """Shorter intervals of meter values are rejected."""
    takes_unit: str = ""
    """The one unit of limits (A or W) that it takes; empty: both."""
    wants_number_phases: bool = False
    """Rejects limits that do not say on how many phases they are meant."""
    rate_units: str = "Current"
    """As ChargingScheduleAllowedChargingRateUnit says it."""
    file_protocols: str = "FTP,FTPS,HTTP,HTTPS"
    url_longest: int = 0
    """Of an address so many characters are kept; 0: all."""
    file_step_s: float = 5.0
    """From one status of an update, an upload or a log to the next."""
    restart_s: tuple[float, float] = (20.0, 40.0)
    """A restart takes between these."""
    firmware_update: str = "works"
    """``works``, ``download-fails``, ``install-fails``, ``refuses-image`` (its signature, where that is asked for),
    ``stuck`` (in Installing), ``old-version`` (is what it boots after ``Installed``) or ``dead`` (after it)."""
    firmware_forgets: bool = False
    """New firmware comes up without any charging profile."""
    reservations: str = "takes"
    """``takes`` or ``rejects`` them."""
    breaks_on: tuple[str, ...] = ()
    """CALLs that make it drop the link."""
    calls_max: int = 0
    """More CALLs than these within calls_window_s and it drops the link; 0: any number."""
    calls_window_s: float = 60.0
    calls_counted: tuple[str, ...] = ()
    """Which CALLs count there; none named: all."""
    breaks_on_start_within_s: float = 0.0
    """A StartTransaction that is answered sooner makes it drop the link and forget the answer."""
    needs_remote_start: bool = False
    """A card that was accepted starts nothing: it waits for RemoteStartTransaction."""
    tag_suffix: str = ""
    """What it appends to every card's id."""
    pads_numbers: bool = False
    """Writes numbers as text with blanks around them."""
    quotes_measurands: bool = False
    """Writes measurands with quotes inside the text."""
    phase_names: tuple[str, str, str] = ("L1", "L2", "L3")
    phases: int = 3
    """Of its own meter."""
    zoneless: bool = False
    """Writes times without a zone."""
    error_code: str = "NoError"
    """As it says that there is none."""
    answers_pings: bool = True
    breaks_on_ping: bool = False
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
