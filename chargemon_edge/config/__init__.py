"""The configuration: one typed TOML file → each room's own frozen settings. Reports every mistake at once."""

from chargemon_edge.config.last_good import ConfigFiles
from chargemon_edge.config.loading import ConfigError, Settings, load, load_file

__all__ = ["ConfigError", "ConfigFiles", "Settings", "load", "load_file"]
