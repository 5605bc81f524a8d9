"""Why a payload is refused, in OCPP-J's own codes (OCPP-J 1.6 §4.2.3)."""

from __future__ import annotations

from typing import Literal

Code = Literal[
    "NotImplemented",
    "NotSupported",
    "FormationViolation",
    "TypeConstraintViolation",
    "PropertyConstraintViolation",
    "OccurenceConstraintViolation",
]
"""Spelt as the specification spells them, the last one with its missing letter."""


class PayloadError(Exception):
    """A payload that no tolerant reading makes sense of; *code* and *description* fit a CALLERROR and a log line."""

    def __init__(self, code: Code, description: str) -> None:
        # What is quoted of the peer stands as msgspec or repr show it, line breaks escaped; its length is cut here.
        self.description = description[:255]
        self.code = code
        super().__init__(self.description)


def code_of(complaint: str) -> Code:
    """The code that fits msgspec's *complaint* about a value."""
    if complaint.startswith("Object missing required field") or "`array` of length" in complaint:
        return "OccurenceConstraintViolation"
    if ", got `" in complaint:
        return "FormationViolation" if complaint.startswith("Expected `object`") else "TypeConstraintViolation"
    return "PropertyConstraintViolation"
