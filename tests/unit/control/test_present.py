"""Who is told of a fact, and what holds by then."""

from __future__ import annotations

from chargemon_edge.control.present import Present
from chargemon_edge.site.facts import Fact, IdTagPresented, LinkClosed, LinkOpened, Moment
from chargemon_edge.site.layout import Site
from chargemon_edge.site.picture import SitePicture

NOW = Moment(1.0, 1_700_000_000_000)
OPENED = LinkOpened(at=NOW, charge_point="CP1", remote="192.0.2.1:1")
CLOSED = LinkClosed(at=NOW, charge_point="CP1", reason="gone")
PRESENTED = IdTagPresented(at=NOW, charge_point="CP1", id_tag="TAG", status="Accepted")


def present() -> Present:
    return Present(Site(circuits=(), charge_points=()), SitePicture(started=NOW))


def test_a_follower_hears_of_its_kinds_after_they_are_in_the_picture() -> None:
    site = present()
    heard: list[tuple[Fact, bool]] = []

    def hear(fact: Fact) -> None:
        heard.append((fact, site.picture.charge_points["CP1"].linked))

    site.follow(hear, (LinkOpened, IdTagPresented))
    site.apply((OPENED, PRESENTED, CLOSED))

    assert heard == [(OPENED, True), (PRESENTED, True)]


def test_who_comes_later_hears_what_comes_later_and_nothing_after_the_end() -> None:
    site = present()
    first: list[Fact] = []
    second: list[Fact] = []
    end_first = site.follow(first.append, (IdTagPresented,))
    site.apply((PRESENTED,))
    site.follow(second.append)
    site.apply((PRESENTED, OPENED))
    end_first()
    site.apply((PRESENTED,))

    assert first == [PRESENTED, PRESENTED]
    assert second == [PRESENTED, OPENED, PRESENTED]


def test_the_version_rises_with_what_changes_nothing_visible_too() -> None:
    site = present()
    before = site.version
    site.apply((PRESENTED,))

    assert site.version > before
