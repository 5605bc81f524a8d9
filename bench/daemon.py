"""The daemon as it is shipped, on a site made for the benchmark: N charge points behind one fuse, free ports."""

from __future__ import annotations

from pathlib import Path

from bench.processes import PASSWORD, Server
from bench.session import ID_TAG

READY = r"ready .*chargers=ws://127\.0\.0\.1:(\d+)"

_SITE = """
[site]
name = "bench"

[[circuit]]
name = "main"
fuse_a = {fuse_a}
margin_a = 2

[[id_tag]]
id_tag = "{id_tag}"

[chargers]
host = "127.0.0.1"
port = 0
max_sockets = {sockets}
max_handshakes_per_source = {sockets}
rate_per_s = 1e6
rate_burst = 1000000

[page]
host = "127.0.0.1"
port = 0
unix_socket = "{folder}/control.sock"

[store]
directory = "{folder}/state"
flush_delay_s = {flush_delay_s}

{meter}
"""

_CHARGE_POINT = """
[[charge_point]]
identity = "BENCH{number:04d}"
password_file = "password"
quiet = {quiet}
[[charge_point.connector]]
number = 1
circuit = "main"
fallback_a = 6
"""

_METER = """
[[meter]]
name = "grid"
circuit = "main"
host = "127.0.0.1"
port = {port}
model = "eastron-sdm630"
"""


def write_config(
    folder: Path, *, count: int, quiet: bool = True, flush_delay_s: float = 0.0, meter_port: int | None = None
) -> Path:
    """A configuration for *count* charge points in *folder*; returns its path."""
    (folder / "state").mkdir(parents=True, exist_ok=True)
    (folder / "password").write_text(PASSWORD)
    config = folder / "config.toml"
    site = _SITE.format(
        fuse_a=min(10_000, 40 * count),
        id_tag=ID_TAG,
        folder=folder,
        flush_delay_s=flush_delay_s,
        sockets=count + 50,
        meter="" if meter_port is None else _METER.format(port=meter_port),
    )
    chargers = [_CHARGE_POINT.format(number=number, quiet=str(quiet).lower()) for number in range(count)]
    config.write_text(site + "".join(chargers))
    return config


def command(config: Path) -> list[str]:
    """What follows ``python`` to run the daemon on *config*."""
    return ["-m", "chargemon_edge", "run", "--config", str(config)]


def start(config: Path, environment: dict[str, str] | None = None) -> Server:
    """The daemon on *config*, ready to accept."""
    return Server("chargemon-edge", command(config), READY, environment)
