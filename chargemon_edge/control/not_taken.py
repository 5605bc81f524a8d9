"""That the configuration's files have mistakes: which, and what is in force in their place. Pure."""

from __future__ import annotations

import enum
from datetime import UTC, datetime

import msgspec


class Instead(enum.Enum):
    """What counts while the files cannot be used."""

    BEFORE = "before"
    """What was in force before a reload that was refused."""
    LAST_GOOD = "last_good"
    """The configuration that the daemon last ran on, kept beside its data."""
    NOTHING = "nothing"
    """No charge point is known: there is no such copy, or it cannot be used either."""


class NotTaken(msgspec.Struct, frozen=True, kw_only=True):
    """One refusal."""

    mistakes: tuple[str, ...]
    """One line for each thing to mend."""
    in_force: Instead
    kept_utc_ms: int | None = None
    """Since when the copy is as it is, for LAST_GOOD."""
    shut_out: tuple[str, ...] = ()
    """Charge points of the copy that cannot get in: their passwords cannot be read."""

    @property
    def summary(self) -> str:
        """The whole in one sentence, without a full stop."""
        count = len(self.mistakes)
        head = f"the configuration has {count} mistake{'' if count == 1 else 's'} and is not in force; "
        if self.in_force is Instead.BEFORE:
            return head + "what was in force before still is"
        if self.in_force is Instead.NOTHING:
            return head + "no charge point may connect"
        assert self.kept_utc_ms is not None
        since = datetime.fromtimestamp(self.kept_utc_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
        tail = f"; without password, so shut out: {', '.join(self.shut_out)}" if self.shut_out else ""
        return f"{head}the last good one counts, of {since}{tail}"
