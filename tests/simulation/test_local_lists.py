"""The daemon and a charger's own list of cards, each by itself: nobody pushes anything."""

from __future__ import annotations

import asyncio
from pathlib import Path

from chargemon_edge.site.card_facts import CacheCleared, LocalListHeld, LocalListUnsupported
from chargemon_edge.site.device_facts import ConfigurationRead
from chargemon_edge.site.facts import LinkOpened
from tests.simulation.one_charger import CARD, Pair, tell

SOON_S = 90.0


async def wait(both: Pair) -> None:
    await asyncio.sleep(SOON_S)


def test_a_charger_that_appears_is_given_the_cards_and_asked_for_its_keys_only_once(tmp_path: Path) -> None:
    both = tell(tmp_path, wait)

    assert set(both.charger.local_list.entries) == {CARD.casefold(), "0123456789abcdefghij"}
    assert [len(fact.held.entries) for fact in both.seen(LocalListHeld)] == [2]
    assert [fact.whole for fact in both.seen(ConfigurationRead) if len(fact.keys) > 1] == [True]


def test_after_a_reconnect_the_list_is_not_sent_again(tmp_path: Path) -> None:
    async def reconnect(both: Pair) -> None:
        await asyncio.sleep(SOON_S)
        both.charger.cut()
        await asyncio.sleep(2 * SOON_S)
        assert len(both.seen(LinkOpened)) == 2

    first = tell(tmp_path, reconnect)

    assert len(first.seen(LocalListHeld)) == 1
    assert first.charger.local_list.version == 1


def test_a_charger_without_lists_is_noted_and_serves_its_cards_all_the_same(tmp_path: Path) -> None:
    async def story(both: Pair) -> None:
        await asyncio.sleep(SOON_S)
        await both.charge()

    both = tell(tmp_path, story, keys_missing=("LocalAuthListEnabled",))

    assert len(both.seen(LocalListUnsupported)) == 1
    assert both.seen(LocalListHeld) == both.seen(CacheCleared) == []
    assert both.charged_wh > 0
