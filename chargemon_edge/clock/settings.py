"""What the configuration may say of the machine's clock."""

from __future__ import annotations

import msgspec


class ClockSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``[clock]``"""

    synchronised_file: str | None = None
    """A file that a time service touches when it has set the clock; None: kernel, timesyncd and chrony are asked."""
