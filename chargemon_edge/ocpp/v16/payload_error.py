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
"""The specification's spelling, its ``Occurence`` included."""


class PayloadError(Exception):
    """A payload that no tolerant reading makes sense of: *code* and *description* are for a CALLERROR."""

    def __init__(self, code: Code, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description


def code_of(complaint: str) -> Code:
    """The code that fits msgspec's *complaint* about a value."""
    if complaint.startswith("Object missing required field") or "`array` of length" in complaint:
        return "OccurenceConstraintViolation"
    if ", got `" in complaint:
        return "FormationViolation" if complaint.startswith("Expected `object`") else "TypeConstraintViolation"
    return "PropertyConstraintViolation"
