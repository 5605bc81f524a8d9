"""Holds the one current picture of the site. The only writer of it; whoever wants to know of a change follows here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence

from chargemon_edge.balancing.plan import Plan
from chargemon_edge.site.facts import Fact
from chargemon_edge.site.fold import Fold
from chargemon_edge.site.layout import Site
from chargemon_edge.site.picture import SitePicture


class Present:
    """The site now: its wiring, its picture, and the plan in force. Lives on the event loop."""

    def __init__(self, site: Site, picture: SitePicture) -> None:
        self.site = site
        self._fold = fold = Fold(picture)
        # parts of the picture, asked for by each message: the fold's own answers, without a call of ours around them
        self.charge_point = fold.charge_point
        self.apart = fold.apart
        self.connector = fold.connector
        self.running_on = fold.running_on
        # None until the balancer has decided for the first time
        self.plan: Plan | None = None
        # rises with every change of picture or plan
        self.version = 0
        # with the kinds of facts that each wants; None: all
        self._followers: list[tuple[Callable[[Fact], None], Collection[type[Fact]] | None]] = []
        self._takers = _Takers(self._find_takers)
        self._waiters: list[asyncio.Future[None]] = []

    @property
    def picture(self) -> SitePicture:
        """The whole site, for whoever looks at it now and then; what each message asks has its own way above."""
        return self._fold.picture

    def apply(self, new: Iterable[Fact]) -> None:
        """Fold facts in, in order, and tell the followers of each."""
        takers = self._takers
        for fact in new:
            for take in takers[type(fact)]:
                take(fact)
        self.version += 1
        if self._waiters:
            self._tell_waiters()

    def _find_takers(self, kind: type[Fact]) -> Sequence[Callable[[Fact], None]]:
        """The picture itself, then the followers."""
        fold = self._fold.folding(kind)
        following = [follower for follower, kinds in self._followers if kinds is None or kind in kinds]
        return following if fold is None else [fold, *following]

    def replace_site(self, site: Site) -> None:
        """The site is wired like this from now on; what was known of it stays known."""
        self.site = site
        self._wake()

    def set_plan(self, plan: Plan) -> None:
        """Put the balancer's newest plan beside the picture."""
        self.plan = plan
        self._wake()

    def follow(
        self, follower: Callable[[Fact], None], kinds: Collection[type[Fact]] | None = None
    ) -> Callable[[], None]:
        """Call *follower* with every fact (of these *kinds*) after it is folded in; returns what ends that."""
        entry = (follower, kinds)

        def end() -> None:
            self._followers.remove(entry)
            self._takers.clear()

        self._followers.append(entry)
        self._takers.clear()
        return end

    async def changed(self, since: int) -> int:
        """Wait until :attr:`version` is above *since*; returns it."""
        while self.version <= since:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter
        return self.version

    def _wake(self) -> None:
        self.version += 1
        self._tell_waiters()

    def _tell_waiters(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


class _Takers(dict[type[Fact], Sequence[Callable[[Fact], None]]]):
    """Who takes which kind of facts, found out when the first of a kind comes."""

    def __init__(self, find: Callable[[type[Fact]], Sequence[Callable[[Fact], None]]]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, kind: type[Fact]) -> Sequence[Callable[[Fact], None]]:
        takers = self[kind] = self._find(kind)
        return takers
