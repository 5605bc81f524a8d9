"""How charge points get in: records, passwords, key rotation, raises. No answer holds a password but a fresh one."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from chargemon_edge.control.charger_access import ChargerAccess, Standing, new_password
from chargemon_edge.control.key_rotation import Rotation
from chargemon_edge.control.raising import Wish
from chargemon_edge.control.records import Identity
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.endpoints import Answer, Call, Endpoint, Nothing, Reply, not_found, not_stored, problem

_PATH = "/api/v1/charge-points/{identity}"
# also what access.py calls the Unix socket: only somebody on this machine may lower a profile
_ON_THIS_MACHINE = "command line"
_KEY = Annotated[str, msgspec.Meta(min_length=1, max_length=50)]
_VALUE = Annotated[str, msgspec.Meta(max_length=500)]


class OneChargePoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which one."""

    identity: Identity


class RecordWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is written; what is left out stays as it is."""

    security_profile: Annotated[int, msgspec.Meta(ge=0, le=3)] | None = None
    password: Annotated[str, msgspec.Meta(min_length=16, max_length=128)] | None = None
    """The one the charge point has; hexadecimal digits also stand for the octets they spell."""
    generate_password: bool = False
    """Make a random one; the answer shows it this once."""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """How it gets in now."""

    access: Standing
    password: str | None = None
    """If one was made: to be typed into the charge point, and shown nowhere again."""


class RotationAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a new key."""

    result: Literal["accepted", "refused", "unanswered"]
    """refused: the old one stays. Else both open until the charge point has used the new one."""


class RaiseWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far, and what the model needs besides."""

    to: Annotated[int, msgspec.Meta(ge=1, le=3)]
    settings: Annotated[dict[_KEY, _VALUE], msgspec.Meta(max_length=10)] = {}
    """Configuration keys to set before the profile: the new address, for models that must be told."""
    root: Literal["ecdsa", "rsa"] = "ecdsa"
    """Which root it gets on the way to profile 2; its own TLS decides."""


class Revocation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which certificate."""

    serial: Annotated[str, msgspec.Meta(pattern="^[0-9A-Fa-f]{1,40}$")] | None = None
    """Its serial number, hexadecimal; null: all that were signed for the charge point here."""


class Revoked(msgspec.Struct, frozen=True, kw_only=True):
    """What opens its link no more."""

    serials: tuple[str, ...]


class AccessResource:
    """The handlers."""

    def __init__(self, access: ChargerAccess) -> None:
        self._access = access

    async def show(self, call: Call[OneChargePoint, Nothing]) -> Answer:
        """How it gets in."""
        standing = self._access.standing(call.parameters.identity)
        return _unknown(call) if standing is None else Reply(standing)

    async def write(self, call: Call[OneChargePoint, RecordWish]) -> Answer:
        """Write its record."""
        identity, wish = call.parameters.identity, call.body
        if identity != identity.strip() or not identity.isprintable():
            return problem(400, "not understood", "an identity is printable and not padded with spaces")
        if wish.password is not None and wish.generate_password:
            return problem(400, "not understood", "give a password or have one made, not both")
        refusal = self._access.refusal(identity, wish.security_profile)
        if refusal is not None:
            return problem(409, "not written", refusal)
        made = new_password() if wish.generate_password else None
        error = await self._access.write(
            identity, profile=wish.security_profile, password=made or wish.password, by=call.caller.name
        )
        if error is not None:
            return not_stored(error)
        standing = self._access.standing(identity)
        assert standing is not None
        return Reply(Written(access=standing, password=made))

    async def forget(self, call: Call[OneChargePoint, Nothing]) -> Answer:
        """Forget its record."""
        identity = call.parameters.identity
        standing = self._access.standing(identity)
        if standing is None or not standing.recorded:
            return not_found(f"record of charge point {identity!r}")
        if self._access.lowers(identity) and call.caller.name != _ON_THIS_MACHINE:
            return problem(
                409,
                "not removed",
                "it would let the charge point in with a lower security profile; on the machine itself: "
                f"chargemon-edge charger forget {identity}",
            )
        error = await self._access.forget(identity, call.caller.name)
        return Reply(status=204) if error is None else not_stored(error)

    async def rotate(self, call: Call[OneChargePoint, Nothing]) -> Answer:
        """Give it a new key."""
        identity = call.parameters.identity
        if self._access.standing(identity) is None:
            return _unknown(call)
        came = await self._access.rotation.rotate(identity, call.caller.name)
        if came is Rotation.NOT_STORED:
            return problem(503, "not stored", "nothing was sent and nothing was changed")
        if came in (Rotation.OFFLINE, Rotation.TOO_MANY):
            return problem(409, "not sent", came.value)
        return Reply(RotationAnswer(result=msgspec.convert(came.value, Literal["accepted", "refused", "unanswered"])))

    async def revoke(self, call: Call[OneChargePoint, Revocation]) -> Answer:
        """Let a certificate open its link no more."""
        identity = call.parameters.identity
        serials = self._access.to_revoke(identity, call.body.serial)
        if isinstance(serials, str):
            return problem(409, "not revoked", serials)
        error = await self._access.revoke(identity, serials, call.caller.name)
        return not_stored(error) if error is not None else Reply(Revoked(serials=tuple(serials)))

    async def begin_raise(self, call: Call[OneChargePoint, RaiseWish]) -> Answer:
        """Start a raise; it goes on by itself."""
        wish = Wish(
            charge_point=call.parameters.identity,
            to=call.body.to,
            by=call.caller.name,
            settings=call.body.settings,
            root=call.body.root,
        )
        standing = self._access.standing(wish.charge_point)
        if standing is None:
            return _unknown(call)
        refusal = self._access.raising.refusal(wish)
        if refusal is not None:
            return problem(409, "not begun", refusal)
        self._access.raising.begin(wish)
        return Reply(standing, status=202)

    async def give_up_raise(self, call: Call[OneChargePoint, Nothing]) -> Answer:
        """Close the new way again."""
        standing = self._access.standing(call.parameters.identity)
        if standing is None or standing.raising_to is None:
            return not_found("raise of it")
        error = await self._access.raising.give_up(call.parameters.identity, call.caller.name)
        return Reply(status=204) if error is None else not_stored(error)


def _unknown(call: Call[OneChargePoint, Any]) -> Answer:
    return not_found(f"charge point {call.parameters.identity!r}, neither configured nor recorded")


def endpoints(resource: AccessResource) -> tuple[Endpoint[Any, Any], ...]:
    """Who gets in, an installer decides."""
    return (*_records(resource), *_conversations(resource))


def _records(resource: AccessResource) -> tuple[Endpoint[Any, Any], ...]:
    return (
        Endpoint(
            method="GET",
            path=f"{_PATH}/access",
            summary="Show how a charge point gets in",
            role=Role.VIEWER,
            parameters=OneChargePoint,
            body=Nothing,
            answers={200: Standing},
            problems=(404,),
            handle=resource.show,
        ),
        Endpoint(
            method="PUT",
            path=_PATH,
            summary="Write how a charge point gets in: security profile, password; never a lower profile",
            role=Role.INSTALLER,
            parameters=OneChargePoint,
            body=RecordWish,
            rules="The identity is printable and not padded with spaces; a password is given or made, not both.",
            answers={200: Written},
            problems=(409, 503),
            handle=resource.write,
        ),
        Endpoint(
            method="DELETE",
            path=_PATH,
            summary="Forget that; only what is configured counts then",
            role=Role.INSTALLER,
            parameters=OneChargePoint,
            body=Nothing,
            answers={204: None},
            problems=(404, 409, 503),
            handle=resource.forget,
        ),
    )


def _conversations(resource: AccessResource) -> tuple[Endpoint[Any, Any], ...]:
    return (
        Endpoint(
            method="POST",
            path=f"{_PATH}/key-rotation",
            summary="Give a charge point a new random password; the old one opens until it has used the new one",
            role=Role.INSTALLER,
            parameters=OneChargePoint,
            body=Nothing,
            answers={200: RotationAnswer},
            problems=(404, 409, 503),
            handle=resource.rotate,
        ),
        Endpoint(
            method="POST",
            path=f"{_PATH}/certificate-revocations",
            summary="Let a certificate of a charge point's open its link no more, for ever",
            role=Role.INSTALLER,
            parameters=OneChargePoint,
            body=Revocation,
            answers={200: Revoked},
            problems=(409, 503),
            handle=resource.revoke,
        ),
        Endpoint(
            method="POST",
            path=f"{_PATH}/profile-raise",
            summary="Begin to raise a charge point's security profile, step by step",
            role=Role.INSTALLER,
            parameters=OneChargePoint,
            body=RaiseWish,
            answers={202: Standing},
            problems=(404, 409),
            handle=resource.begin_raise,
        ),
        Endpoint(
            method="DELETE",
            path=f"{_PATH}/profile-raise",
            summary="Give a raise up: close the new way, which locks out a charge point that has taken it",
            role=Role.INSTALLER,
            parameters=OneChargePoint,
            body=Nothing,
            answers={204: None},
            problems=(404, 503),
            handle=resource.give_up_raise,
        ),
    )
