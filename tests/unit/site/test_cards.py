"""How charge points spell id tags, and what a record says at a moment."""

import pytest

from chargemon_edge.site.cards import IdTag, TagRules, key_of, normalised, status_of

KEBA = TagRules(cut_at="_")
TWENTY = TagRules(length_max=20)


@pytest.mark.parametrize(
    ("read", "rules", "card"),
    [
        ("04A1B2C3", TagRules(), "04A1B2C3"),
        ("  04A1B2C3 \0\0", TagRules(), "04A1B2C3"),
        ("04A1B2C3_21573852", TagRules(), "04A1B2C3_21573852"),
        ("04A1B2C3_21573852", KEBA, "04A1B2C3"),
        ("04A1B2C3", KEBA, "04A1B2C3"),
        # nothing would be left: then it was no suffix
        ("_21573852", KEBA, "_21573852"),
        ("12345678901234567890AB", TWENTY, "12345678901234567890"),
        ("123", TWENTY, "123"),
        ("", TWENTY, ""),
    ],
)
def test_what_a_model_adds_is_taken_away(read: str, rules: TagRules, card: str) -> None:
    assert normalised(read, rules) == card
    assert key_of(read.lower(), rules) == card.casefold()


@pytest.mark.parametrize(
    ("tag", "status"),
    [
        (IdTag(id_tag="A"), "Accepted"),
        (IdTag(id_tag="A", expiry_utc_ms=1001), "Accepted"),
        (IdTag(id_tag="A", expiry_utc_ms=1000), "Expired"),
        (IdTag(id_tag="A", status="Blocked", expiry_utc_ms=1), "Blocked"),
        (IdTag(id_tag="A", status="Invalid"), "Invalid"),
    ],
)
def test_a_date_ends_only_what_is_accepted(tag: IdTag, status: str) -> None:
    assert status_of(tag, 1000) == status
