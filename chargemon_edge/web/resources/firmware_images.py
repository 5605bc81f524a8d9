"""The library of firmware images: announced in words, then sent as a stream; looked at; removed."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Annotated, Any, NamedTuple

import msgspec
from aiohttp import web

from chargemon_edge.control.file_keeping import FileKeeping, FileRefused, ImageWish
from chargemon_edge.control.ports import Clock
from chargemon_edge.site.image import IMAGE_ID_DIGITS, Image
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.endpoints import Answer, Call, Endpoint, Media, Nothing, Reply, not_found, problem

_PATH = "/api/v1/firmware/images"
ANNOUNCED_MAX = 20
ANNOUNCED_S = 3600.0
# nothing came for so long: whoever sends has gone
STALL_S = 60.0
# a wish with a chain of certificates
WISH_BYTES_MAX = 32 * 1024

_STATUS = {
    "invalid": 400,
    "duplicate": 409,
    "too large": 413,
    "no room": 409,
    "in use": 409,
    "unknown": 404,
    "not stored": 503,
}


class ImageView(msgspec.Struct, frozen=True, kw_only=True):
    """An image of the library."""

    image_id: str
    sha256: str
    size_bytes: int
    file_name: str
    vendor: str
    models: tuple[str, ...]
    version: str
    from_versions: str
    signed: bool
    signing_certificate: str | None
    added_utc_ms: int
    added_by: str
    usable: bool
    """Whether its bytes are there, whole."""


class Announced(msgspec.Struct, frozen=True, kw_only=True):
    """The image may come now."""

    content: str
    """The path to send its bytes to with PUT, within the hour."""


class OneImage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which."""

    image_id: Annotated[str, msgspec.Meta(pattern=f"^[0-9a-f]{{{IMAGE_ID_DIGITS}}}$")]


class OneAnnouncement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which."""

    announcement: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]


class _Coming(NamedTuple):
    wish: ImageWish
    until_s: float


class FirmwareImages:
    """The handlers."""

    def __init__(self, files: FileKeeping, clock: Clock) -> None:
        self._files = files
        self._clock = clock
        self._coming: dict[str, _Coming] = {}

    async def list(self, _call: Call[Nothing, Nothing]) -> Answer:
        """All of them."""
        return Reply(tuple(self._view(image) for image in self._files.images()))

    async def show(self, call: Call[OneImage, Nothing]) -> Answer:
        """One of them."""
        found = next((one for one in self._files.images() if one.image_id == call.parameters.image_id), None)
        return not_found(f"image {call.parameters.image_id}") if found is None else Reply(self._view(found))

    async def announce(self, call: Call[Nothing, ImageWish]) -> Answer:
        """Say what is to come: whatever can be refused by its description is refused before its bytes come."""
        refused = self._files.wish_fault(call.body)
        if refused is not None:
            return refusal(refused)
        now_s = self._clock.monotonic_s()
        self._coming = {name: one for name, one in self._coming.items() if one.until_s > now_s}
        if len(self._coming) >= ANNOUNCED_MAX:
            return problem(409, "no room", f"{ANNOUNCED_MAX} images are announced already")
        announcement = secrets.token_urlsafe(16)
        self._coming[announcement] = _Coming(call.body, now_s + ANNOUNCED_S)
        return Reply(Announced(content=f"{_PATH}/{announcement}/content"), status=202)

    async def receive(self, call: Call[OneAnnouncement, Nothing]) -> Answer:
        """Take its bytes; an announcement is good for one try."""
        coming = self._coming.pop(call.parameters.announcement, None)
        if coming is None or coming.until_s <= self._clock.monotonic_s():
            return not_found("announcement of that name; announce the image again")
        try:
            added = await self._files.add_image(coming.wish, _chunks(call.request), call.caller.name)
        except TimeoutError:
            return problem(408, "too slow", f"nothing came for {STALL_S:g} s; nothing is kept")
        except (ConnectionError, web.RequestPayloadError):
            return problem(400, "not understood", "the body broke off; nothing is kept")
        return refusal(added) if isinstance(added, FileRefused) else Reply(self._view(added), status=201)

    async def remove(self, call: Call[OneImage, Nothing]) -> Answer:
        """Take it out."""
        refused = await self._files.remove_image(call.parameters.image_id, call.caller.name)
        return Reply(status=204) if refused is None else refusal(refused)

    def _view(self, image: Image) -> ImageView:
        return ImageView(
            image_id=image.image_id,
            sha256=image.sha256,
            size_bytes=image.size_bytes,
            file_name=image.file_name,
            vendor=image.vendor,
            models=image.models,
            version=image.version,
            from_versions=image.from_versions,
            signed=image.signature is not None,
            signing_certificate=image.signing_certificate,
            added_utc_ms=image.added_utc_ms,
            added_by=image.added_by,
            usable=self._files.image(image.image_id) is not None,
        )


async def _chunks(request: web.Request) -> AsyncIterator[bytes]:
    while True:
        async with asyncio.timeout(STALL_S):
            chunk = await request.content.readany()
        if not chunk:
            return
        yield chunk


def refusal(refused: FileRefused) -> Answer:
    """What became of nothing."""
    return problem(_STATUS[refused.kind], refused.kind, refused.reason)


def endpoints(images: FirmwareImages) -> tuple[Endpoint[Any, Any], ...]:
    """Everybody may look; what a charger may run, installers decide."""
    return (*_coming(images), *_there(images))


def _coming(images: FirmwareImages) -> tuple[Endpoint[Any, Any], ...]:
    return (
        Endpoint(
            method="GET",
            path=_PATH,
            summary="List the firmware images",
            role=Role.VIEWER,
            parameters=Nothing,
            body=Nothing,
            answers={200: tuple[ImageView, ...]},
            handle=images.list,
        ),
        Endpoint(
            method="POST",
            path=_PATH,
            summary="Announce a firmware image: what it is, for whom, and how large",
            role=Role.INSTALLER,
            parameters=Nothing,
            body=ImageWish,
            rules="Printable text; bounds like >= 4, < 5.2; a signature and its certificate, or neither.",
            answers={202: Announced},
            problems=(409, 413),
            body_bytes_max=WISH_BYTES_MAX,
            handle=images.announce,
        ),
        Endpoint(
            method="PUT",
            path=f"{_PATH}/{{announcement}}/content",
            summary="Send the bytes of an announced firmware image",
            role=Role.INSTALLER,
            parameters=OneAnnouncement,
            body=Nothing,
            takes=Media("application/octet-stream"),
            rules="The bytes must be those that were announced.",
            answers={201: ImageView},
            problems=(404, 409, 503),
            handle=images.receive,
        ),
    )


def _there(images: FirmwareImages) -> tuple[Endpoint[Any, Any], ...]:
    return (
        Endpoint(
            method="GET",
            path=f"{_PATH}/{{image_id}}",
            summary="Show a firmware image",
            role=Role.VIEWER,
            parameters=OneImage,
            body=Nothing,
            answers={200: ImageView},
            problems=(404,),
            handle=images.show,
        ),
        Endpoint(
            method="DELETE",
            path=f"{_PATH}/{{image_id}}",
            summary="Remove a firmware image that nobody needs",
            role=Role.INSTALLER,
            parameters=OneImage,
            body=Nothing,
            answers={204: None},
            problems=(404, 409, 503),
            handle=images.remove,
        ),
    )
