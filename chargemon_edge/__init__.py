"""The box at a charging site: central system of the chargers and balancer of the fuses."""

__version__ = "0.1.0"
