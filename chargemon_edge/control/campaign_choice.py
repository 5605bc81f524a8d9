"""Which charge points a campaign is for: those that somebody names, as far as the image fits them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from chargemon_edge.site.charger_model import Nameplate, bounds_mistake, has_number, within
from chargemon_edge.site.image import Image
from chargemon_edge.site.layout import Site
from chargemon_edge.site.picture import SitePicture
from chargemon_edge.site.rollout import matches_version


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Who is in it, and who is not although a pattern names them."""

    charge_points: tuple[str, ...] = ()
    left_out: dict[str, str] = {}
    """By charge point, why."""
    mistake: str | None = None
    """Why there can be no campaign; then nobody is in it."""


def choose(site: Site, picture: SitePicture, image: Image, named: Sequence[str], from_versions: str) -> Choice:
    """*named*: identities, or patterns of them with ``*``; none: all of the site. *from_versions*: bounds of the
    versions that they run now; empty: any that the image follows upon. The order of *named* is their turn."""
    if (wrong := bounds_mistake(from_versions)) is not None:
        return Choice(mistake=wrong)
    chosen: dict[str, None] = {}
    left_out: dict[str, str] = {}
    for pattern in named or ("*",):
        found = _named(site, pattern)
        if not found:
            return Choice(mistake=f"no charge point of the site is called {pattern}")
        for identity in found:
            misfit = _misfit(picture, image, identity, from_versions)
            if misfit is None:
                chosen[identity] = None
            elif "*" in pattern:
                left_out[identity] = misfit
            else:
                return Choice(mistake=f"{identity}: {misfit}")
    if not chosen:
        reasons = "; ".join(f"{identity}: {why}" for identity, why in list(left_out.items())[:5])
        return Choice(mistake=f"it fits nobody ({reasons})")
    return Choice(charge_points=tuple(chosen), left_out=left_out)


def _named(site: Site, pattern: str) -> Iterable[str]:
    if "*" not in pattern:
        return [pattern] if pattern in site.charge_point_by_identity else []
    expression = re.compile(".*".join(re.escape(part) for part in pattern.split("*")), re.DOTALL)
    return [identity for identity in site.charge_point_by_identity if expression.fullmatch(identity)]


def _misfit(picture: SitePicture, image: Image, identity: str, from_versions: str) -> str | None:
    entry = picture.charge_points.get(identity)
    boot = None if entry is None else entry.boot
    nameplate = (
        None if boot is None else Nameplate(vendor=boot.vendor, model=boot.model, firmware=boot.firmware_version)
    )
    if boot is not None and matches_version(boot.firmware_version, image.version):
        # it is done already, whatever the image follows upon; but it must be for this model
        return msgspec.structs.replace(image, from_versions="").misfit(nameplate)
    misfit = image.misfit(nameplate)
    if misfit is None and from_versions and boot is not None:
        version = boot.firmware_version
        if not has_number(version) or not within(version, from_versions):
            return f"runs {version or 'an unknown version'}, not one of {from_versions}"
    return misfit
