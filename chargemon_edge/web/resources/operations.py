"""Operations: what a person makes a charge point do, in OCPP's own words."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from chargemon_edge.control import wishes
from chargemon_edge.control.charging_profiles import ChargingProfiles
from chargemon_edge.control.commands import DEADLINE_S, Commands, Refused
from chargemon_edge.control.ports import Answered, Busy, CallErrored, Outcome, TimedOut
from chargemon_edge.control.redaction import is_secret
from chargemon_edge.ocpp.v16 import codec
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.endpoints import Answer, Call, Endpoint, Reply, not_found, problem

_PATH = "/api/v1/charge-points/{identity}/operations/{action}"
DEADLINE_MAX_S = 120.0
# a local list of a thousand id tags
BODY_BYTES_MAX = 256 * 1024


class OneOperation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What, of whom, and how long its answer may take."""

    identity: Annotated[str, msgspec.Meta(max_length=100)]
    action: Annotated[str, msgspec.Meta(max_length=50, extra_json_schema={"enum": sorted(m.TO_CHARGE_POINT)})]
    deadline_s: Annotated[float, msgspec.Meta(ge=1, le=DEADLINE_MAX_S)] = DEADLINE_S


class CallError(msgspec.Struct, frozen=True, kw_only=True):
    """The charge point's CALLERROR (OCPP-J 1.6 §4.2.3)."""

    code: str
    description: str
    details: msgspec.Raw
    """As it came; an object, if the charge point keeps to the specification."""


class OperationAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One of the two. A status like Rejected is a result: the charge point has answered."""

    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    call_error: CallError | msgspec.UnsetType = msgspec.UNSET


class Operations:
    """The handlers."""

    def __init__(self, commands: Commands, profiles: ChargingProfiles) -> None:
        self._commands = commands
        self._profiles = profiles

    async def carry_out(self, call: Call[OneOperation, msgspec.Raw]) -> Answer:
        """Send it, and wait for the answer."""
        wanted = call.parameters
        if not self._commands.knows(wanted.identity):
            return not_found(f"charge point {wanted.identity!r}")
        if wanted.action not in m.TO_CHARGE_POINT:
            return not_found(f"operation {wanted.action!r}; the specification's names are written like ClearCache")
        try:
            request = wishes.read(wanted.action, bytes(call.body), self._profiles.by_name, self._commands.take_number)
        except codec.PayloadError as error:
            return problem(400, "not understood", f"{error.code}: {error.description}")
        if is_for_installers(request) and not call.caller.role.covers(Role.INSTALLER):
            return problem(403, "not allowed", f"this {wanted.action} needs the role installer")
        outcome = await self._commands.execute(
            wanted.identity, request, by=call.caller.name, deadline_s=wanted.deadline_s
        )
        return _answer(outcome, wanted)


# what decides who and what gets into a charge point, or whether it ever comes back
_ACTIONS_OF_INSTALLERS = (
    m.InstallCertificateRequest,
    m.DeleteCertificateRequest,
    m.CertificateSignedRequest,
    m.UpdateFirmwareRequest,
    m.SignedUpdateFirmwareRequest,
)
_KEYS_OF_INSTALLERS = frozenset({"securityprofile", "cponame", "additionalrootcertificatecheck"})


def is_for_installers(request: m.Request) -> bool:
    """Whether an operator may not ask for *request*."""
    if isinstance(request, m.ChangeConfigurationRequest):
        return is_secret(request.key) or request.key.lower() in _KEYS_OF_INSTALLERS
    return isinstance(request, _ACTIONS_OF_INSTALLERS)


def _answer(outcome: Outcome | Refused, wanted: OneOperation) -> Answer:
    if isinstance(outcome, Answered):
        return Reply(OperationAnswer(result=msgspec.Raw(codec.encode(outcome.response))))
    if isinstance(outcome, CallErrored):
        details = msgspec.Raw(outcome.details.encode())
        return Reply(
            OperationAnswer(call_error=CallError(code=outcome.code, description=outcome.description, details=details))
        )
    if isinstance(outcome, Refused):
        return problem(409, "refused", outcome.reason)
    if isinstance(outcome, TimedOut):
        return problem(
            504, "no answer", f"sent, and {wanted.identity} did not answer; it may have done it all the same"
        )
    if isinstance(outcome, Busy):
        return problem(503, "busy", f"too much waits for {wanted.identity} already; nothing was sent")
    return problem(409, "not connected", f"{wanted.identity} is not connected; nothing was sent")


def endpoints(operations: Operations) -> tuple[Endpoint[Any, Any], ...]:
    """One for all: the payloads are the specification's."""
    return (
        Endpoint(
            method="POST",
            path=_PATH,
            summary="Make a charge point do something, and wait for its answer",
            role=Role.OPERATOR,
            parameters=OneOperation,
            body=msgspec.Raw,
            rules="The body is that action's payload as OCPP 1.6 defines it; docs/api.md says what may be left out.",
            answers={200: OperationAnswer},
            problems=(404, 409, 503, 504),
            body_bytes_max=BODY_BYTES_MAX,
            handle=operations.carry_out,
        ),
    )
