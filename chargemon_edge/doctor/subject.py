"""Who is examined: the configuration as far as it can be read, the running daemon if there is one, the machine."""

from __future__ import annotations

from pathlib import Path

import msgspec

from chargemon_edge import config as configuration
from chargemon_edge.config import Settings
from chargemon_edge.web import client
from chargemon_edge.web.shapes import ClockView, SiteView


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where the machine tells of itself."""

    proc: Path = Path("/proc")
    sys: Path = Path("/sys")
    dev: Path = Path("/dev")
    dpkg: Path = Path("/var/lib/dpkg/info")
    systemd: Path = Path("/run/systemd/system")


class Daemon(msgspec.Struct, frozen=True, kw_only=True):
    """A daemon that answers."""

    socket: str
    site: SiteView
    clock: ClockView


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """One installation."""

    config: Path
    settings: Settings
    """Those of the file; the defaults if it has mistakes."""
    mistakes: tuple[str, ...]
    daemon: Daemon | None
    silence: str
    """Why no daemon answers; empty if one does."""
    machine: Machine = Machine()

    @property
    def state(self) -> Path:
        """Where the daemon keeps its records."""
        return Path(self.settings.store.directory)


def take(config: Path, socket: str | None, machine: Machine | None = None) -> Subject:
    """Read what there is; never fails for what an installation is like. *socket*: None is the configured one."""
    mistakes: tuple[str, ...] = ()
    try:
        settings = configuration.load_file(config)
    except configuration.ConfigError as error:
        mistakes = tuple(error.mistakes)
        settings = configuration.load("", config.parent)
    where = socket or settings.page.unix_socket
    daemon, silence = None, "the daemon has no socket for the command line (page.unix_socket)"
    if where is not None:
        try:
            daemon = Daemon(socket=where, site=client.fetch_site(where), clock=client.fetch_clock(where))
            silence = ""
        except client.ClientError as error:
            silence = str(error)
    return Subject(
        config=config,
        settings=settings,
        mistakes=mistakes,
        daemon=daemon,
        silence=silence,
        machine=machine or Machine(),
    )
