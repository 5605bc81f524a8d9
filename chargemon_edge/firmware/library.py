"""The library of firmware images: takes what is whole, new, of a sensible size and truly signed; gives up what nobody
needs. Images lie in files named after their digests.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path

from chargemon_edge.control.durable import make_durable
from chargemon_edge.control.file_keeping import FileRefused, ImageWish
from chargemon_edge.control.ports import Clock, Journal, SignatureChecks, moment
from chargemon_edge.control.present import Present
from chargemon_edge.firmware.disk import Disk, DiskFullError, Draft
from chargemon_edge.firmware.names import harmless
from chargemon_edge.firmware.settings import FilesSettings
from chargemon_edge.site.charger_model import bounds_mistake
from chargemon_edge.site.facts import Fact
from chargemon_edge.site.file_facts import ImageAdded, ImageRemoved
from chargemon_edge.site.image import Image

log = logging.getLogger(__name__)

FOLDER = "images"
IMAGES_MAX = 500
# what a download that went wrong leaves: the web server's page about it
_PAGES = (b"<!doctype html", b"<html")
_LOOKED_AT = 512


class Library:
    """All images. Lives on the event loop."""

    def __init__(
        self,
        settings: FilesSettings,
        disk: Disk,
        present: Present,
        journal: Journal,
        clock: Clock,
        signatures: SignatureChecks,
        restored: Iterable[Image],
    ) -> None:
        self._settings = settings
        self._disk = disk
        self._present = present
        self._journal = journal
        self._clock = clock
        self._signatures = signatures
        self._images = {image.image_id: image for image in restored}
        # digests and sizes of what is on its way
        self._coming: set[str] = set()
        self._coming_bytes = 0
        # who may need one
        self._users: list[Callable[[str], str | None]] = []
        # rows whose files are not there, or not of their size
        self._broken: set[str] = set()
        present.follow(self._folded, (ImageAdded, ImageRemoved))

    def open(self) -> None:
        """Compare rows and files; files without a row go. Raises OSError."""
        self._disk.prepare(FOLDER)
        there = self._disk.sizes(FOLDER)
        known = {image.sha256: image for image in self._images.values()}
        for name in there.keys() - known.keys():
            self._disk.path(FOLDER, name).unlink(missing_ok=True)
        self._broken = {one.image_id for one in known.values() if there.get(one.sha256) != one.size_bytes}
        for image_id in sorted(self._broken):
            log.error("firmware image=%s: its file is missing or cut off; remove it and add it again", image_id)

    def images(self) -> Sequence[Image]:
        """Newest first."""
        return sorted(self._images.values(), key=lambda image: (-image.added_utc_ms, image.image_id))

    def image(self, image_id: str) -> Image | None:
        """One whose bytes are there."""
        return None if image_id in self._broken else self._images.get(image_id)

    def path(self, image: Image) -> Path:
        """Where its bytes are."""
        return self._disk.path(FOLDER, image.sha256)

    def keep(self, user: Callable[[str], str | None]) -> None:
        """Ask *user* before one is removed."""
        self._users.append(user)

    def fault(self, wish: ImageWish) -> FileRefused | None:
        """What can be said against it before its bytes come."""
        settings = self._settings
        if len(self._images) >= IMAGES_MAX:
            return FileRefused(kind="no room", reason=f"there are {IMAGES_MAX} images already; remove some first")
        if wish.size_bytes > settings.image_max_bytes:
            return FileRefused(kind="too large", reason=f"an image may have {settings.image_max_mb} MB here")
        used = sum(image.size_bytes for image in self._images.values()) + self._coming_bytes
        if used + wish.size_bytes > settings.library_max_bytes:
            reason = f"the library may hold {settings.library_max_mb} MB and holds {used / 1e6:.1f}; remove some first"
            return FileRefused(kind="no room", reason=reason)
        if not self._disk.room_for(wish.size_bytes):
            return FileRefused(kind="no room", reason="what is left of the disk is kept for the databases")
        wrong = bounds_mistake(wish.from_versions)
        if wrong is not None:
            return FileRefused(kind="invalid", reason=wrong)
        if not all(text.isprintable() for text in (wish.vendor, *wish.models, wish.version)):
            return FileRefused(kind="invalid", reason="vendor, models and version are printable text")
        if (wish.signature is None) != (wish.signing_certificate is None):
            return FileRefused(kind="invalid", reason="a signature comes with its certificate, or neither comes")
        if settings.require_signature and wish.signature is None:
            return FileRefused(kind="invalid", reason="files.require_signature is set, and it has no signature")
        return None if wish.sha256 is None else self._duplicate(wish.sha256.lower())

    async def add(self, wish: ImageWish, content: AsyncIterator[bytes], by: str) -> Image | FileRefused:
        """Take the bytes; whatever is against them, nothing is left of them."""
        refused = self.fault(wish)
        if refused is not None:
            return refused
        self._coming_bytes += wish.size_bytes
        draft: Draft | None = None
        try:
            draft = await self._disk.draft(FOLDER)
            return await self._take(draft, wish, content, by)
        except DiskFullError as error:
            return FileRefused(kind="no room", reason=error.why)
        except OSError as error:
            log.error("firmware image not stored: %s", error)
            return FileRefused(kind="not stored", reason=f"the disk does not take it: {error.strerror or error}")
        finally:
            self._coming_bytes -= wish.size_bytes
            if draft is not None:
                await draft.discard()

    async def _take(self, draft: Draft, wish: ImageWish, content: AsyncIterator[bytes], by: str) -> Image | FileRefused:
        beginning = b""
        async for chunk in content:
            if draft.size_bytes + len(chunk) > wish.size_bytes:
                return FileRefused(kind="invalid", reason=f"it is longer than the {wish.size_bytes} bytes announced")
            if len(beginning) < _LOOKED_AT:
                beginning += chunk[:_LOOKED_AT]
            await draft.write(chunk)
        if draft.size_bytes < wish.size_bytes:
            reason = f"it is cut off: {draft.size_bytes} of {wish.size_bytes} bytes came"
            return FileRefused(kind="invalid", reason=reason)
        if beginning.lstrip().lower().startswith(_PAGES):
            return FileRefused(kind="invalid", reason="it is a web page, not firmware: was the download refused?")
        kept = await draft.finish()
        if wish.sha256 is not None and wish.sha256.lower() != kept.sha256:
            return FileRefused(kind="invalid", reason=f"its SHA-256 is {kept.sha256}, not the one announced")
        refused = self._duplicate(kept.sha256) or await self._forged(kept.sha256, wish)
        # somebody else's copy may have come in meanwhile
        refused = refused or self._duplicate(kept.sha256)
        if refused is not None:
            return refused
        self._coming.add(kept.sha256)
        try:
            return await self._store(draft, _image(wish, kept.sha256, self._clock.utc_ms(), by))
        finally:
            self._coming.discard(kept.sha256)

    async def _store(self, draft: Draft, image: Image) -> Image | FileRefused:
        await draft.keep(FOLDER, image.sha256)
        fact = ImageAdded(at=moment(self._clock), image=image)
        error = await make_durable(self._journal, self._present, [fact])
        if error is not None:
            await self._disk.remove(FOLDER, image.sha256)
            return FileRefused(kind="not stored", reason=str(error))
        log.warning(
            "firmware added image=%s vendor=%r version=%r size=%d signed=%s by=%r",
            image.image_id,
            image.vendor,
            image.version,
            image.size_bytes,
            image.signature is not None,
            image.added_by,
        )
        return image

    async def _forged(self, sha256: str, wish: ImageWish) -> FileRefused | None:
        if wish.signature is None or wish.signing_certificate is None:
            return None
        wrong = await self._signatures.fault(bytes.fromhex(sha256), wish.signature, wish.signing_certificate)
        return None if wrong is None else FileRefused(kind="invalid", reason=wrong)

    def _duplicate(self, sha256: str) -> FileRefused | None:
        same = next((image for image in self._images.values() if image.sha256 == sha256), None)
        if same is not None:
            reason = f"the library has it already: image {same.image_id}, {same.vendor} {same.version}"
            return FileRefused(kind="duplicate", reason=reason)
        if sha256 in self._coming:
            return FileRefused(kind="duplicate", reason="somebody else is adding it now")
        return None

    async def remove(self, image_id: str, by: str) -> FileRefused | None:
        """Remove one that nobody needs."""
        image = self._images.get(image_id)
        if image is None:
            return FileRefused(kind="unknown", reason=f"there is no image {image_id}")
        for user in self._users:
            reason = user(image_id)
            if reason is not None:
                return FileRefused(kind="in use", reason=reason)
        error = await make_durable(
            self._journal, self._present, [ImageRemoved(at=moment(self._clock), image_id=image_id, by=by)]
        )
        if error is not None:
            return FileRefused(kind="not stored", reason=str(error))
        log.warning("firmware removed image=%s by=%r", image_id, by)
        try:
            await self._disk.remove(FOLDER, image.sha256)
        except OSError as failed:
            # without its row it goes at the next start
            log.warning("firmware image=%s: its file is still there: %s", image_id, failed)
        return None

    def _folded(self, fact: Fact) -> None:
        if isinstance(fact, ImageAdded):
            self._images[fact.image.image_id] = fact.image
        elif isinstance(fact, ImageRemoved):
            self._images.pop(fact.image_id, None)
            self._broken.discard(fact.image_id)


def _image(wish: ImageWish, sha256: str, utc_ms: int, by: str) -> Image:
    return Image(
        sha256=sha256,
        size_bytes=wish.size_bytes,
        file_name=harmless(wish.file_name, "firmware.bin"),
        vendor=wish.vendor,
        models=wish.models,
        version=wish.version,
        from_versions=wish.from_versions,
        signature=wish.signature,
        signing_certificate=wish.signing_certificate,
        added_utc_ms=utc_ms,
        added_by=by,
    )
