"""The box at a charging site: central system of the chargers and balancer of the fuses."""

__version__ = "0.1.0"

SUPPORTED_UNTIL = "2031-11-30"
"""The last day on which weaknesses of this version are mended (SECURITY.md)."""
