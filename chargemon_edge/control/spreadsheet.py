"""Strangers' texts in a spreadsheet: shown, never obeyed. Pure."""

from __future__ import annotations

import re

from chargemon_edge import log

# What makes a spreadsheet take a cell for a formula; some take the full-width signs too, and skip blanks and quotes.
# Where the comma is the decimal sign a spreadsheet parts cells at semicolons, also within our quotes.
_FORMULA = re.compile(r"""(^|;)(?=[ "]*[=+\-@\uff1d\uff0b\uff0d\uff20])""")


def inert(cell: str) -> str:
    """A text that a spreadsheet shows as it is, wherever it parts the cells: an apostrophe before each formula."""
    return _FORMULA.sub(r"\1'", log.inert(cell))
