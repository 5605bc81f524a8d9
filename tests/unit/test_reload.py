"""What a running daemon takes and what waits for a restart; nothing in between."""

from pathlib import Path

import msgspec
import pytest

from chargemon_edge.config import Settings, load
from chargemon_edge.reload import TAKEN, split

SITE = '[[circuit]]\nname = "main"\nfuse_a = 63\n'


def _load(text: str) -> Settings:
    return load(text, Path("/nowhere"))


def test_the_same_settings_change_nothing() -> None:
    old = _load(SITE)

    assert split(old, _load(SITE)) == (old, ())


def test_what_can_be_taken_is_taken_and_the_rest_is_named() -> None:
    old = _load("")

    taken, waiting = split(
        old,
        _load(
            SITE + '[log]\nlevel = "debug"\n[page]\nport = 81\nhost = "0.0.0.0"\n'
            '[chargers]\nport = 9000\nrate_burst = 7\n[store]\ndirectory = "elsewhere"\n[[id_tag]]\nid_tag = "A"\n'
        ),
    )

    assert waiting == ("chargers.port", "page.host", "page.port", "store.directory")
    assert (taken.log_level, taken.chargers.rate_burst, taken.site.root.name) == ("debug", 7, "main")
    assert [tag.id_tag for tag in taken.authorisation.id_tags] == ["A"]
    assert (taken.page, taken.store, taken.chargers.port) == (old.page, old.store, 8887)


def test_what_waits_is_named_again_the_next_time() -> None:
    taken, _ = split(_load(""), _load("[page]\nport = 81\n"))

    assert split(taken, _load("[page]\nport = 81\n"))[1] == ("page.port",)
    assert split(taken, _load(""))[1] == ()


@pytest.mark.parametrize("path", sorted(TAKEN))
def test_every_setting_that_is_taken_exists(path: str) -> None:
    value: object = _load("")
    for name in path.split("."):
        assert isinstance(value, msgspec.Struct)
        value = getattr(value, name)
