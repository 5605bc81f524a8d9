"""What leaves the box for somebody who helps holds neither secret nor whole id tag."""

from __future__ import annotations

import base64
import tomllib

import pytest

from chargemon_edge.command_line.scrub import Scrub, texts_in

SECRET = "Tr0ub4dor&3-canary"
TAG = "04CANARY77"
CONFIG = f"""
[page]
# an old one: password = "left-in-a-comment"
host = "0.0.0.0"
[[charge_point]]
identity = "GATE-1"
password_file = "gate-1"
configuration = {{ AuthorizationKey = "{SECRET}", HeartbeatInterval = "300" }}
[[id_tag]]
id_tag = "{TAG}"
parent_id_tag = "FAMILY1"
[[upstream]]
url = "mqtts://site:{SECRET}-2@broker.example"
password = 'inline-secret'
"""


@pytest.fixture
def scrub() -> Scrub:
    return Scrub([f"{SECRET}\n"], ["04OTHER88"], texts_in(tomllib.loads(CONFIG)))


def test_settings_keep_what_helps_and_lose_what_is_secret(scrub: Scrub) -> None:
    text = scrub.settings(CONFIG)

    assert [gone for gone in (SECRET, TAG, "FAMILY1", "inline-secret", "left-in-a-comment") if gone in text] == []
    assert all(
        kept in text for kept in ('host = "0.0.0.0"', "GATE-1", 'password_file = "gate-1"', "300", "broker.example")
    )


@pytest.mark.parametrize(
    "line",
    [
        f"refused login with {SECRET} from 10.0.0.9",
        f"sent {SECRET.encode().hex()}",
        f"Authorization: Basic {base64.b64encode(f'GATE-1:{SECRET}'.encode()).decode()}",
        f"card {TAG.lower()} at GATE-1",
        '{"idTag": "04NEVERSEEN"}',
        "group family1",
        "known from the records: 04other88",
        "GET ftp://user:pass-word@files.example/x",
    ],
)
def test_a_canary_is_hidden_wherever_it_stands(scrub: Scrub, line: str) -> None:
    text = scrub.text(line)

    middle = base64.b64encode(f"GATE-1:{SECRET}".encode()).decode()[12:24]
    canaries = (SECRET, SECRET.encode().hex(), middle, TAG, "04NEVERSEEN", "FAMILY1", "04OTHER88", "pass-word")
    assert [canary for canary in canaries if canary.lower() in text.lower()] == []
    assert text != line


def test_broken_settings_are_scrubbed_by_name(scrub: Scrub) -> None:
    text = scrub.settings('[[[ broken\napi_token = "abc"\nwifi_psk=xyz123\n"id_tag" = "04ZZ"\nname = "kept"\n')

    assert "abc" not in text
    assert "xyz123" not in text
    assert "04ZZ" not in text
    assert "kept" in text
