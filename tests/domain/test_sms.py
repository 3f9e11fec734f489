"""Segments as carriers count them, and texts as they are sent."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.sms import GSM_BASIC, GSM_EXTENDED, Segments, prepare, segments

#: Texts with their encoding and segments, counted apart from our code by 3GPP TS 23.038.
VECTORS = json.loads((Path(__file__).parent / "sms_segment_vectors.json").read_text("utf-8"))


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_segments_are_counted_as_carriers_count_them(vector: dict[str, str]) -> None:
    assert segments(vector["text"]) == Segments(vector["encoding"], vector["segments"])  # type: ignore[arg-type]  # the vectors are JSON


def test_there_are_as_many_vectors_as_were_counted() -> None:
    assert len(VECTORS) == 42


def test_the_alphabets_are_those_of_the_standard() -> None:
    assert len(GSM_BASIC) == 127  # 128 with the escape to the extension table
    assert len(GSM_EXTENDED) == 10
    assert not GSM_BASIC & GSM_EXTENDED


@given(st.text(st.sampled_from(sorted(GSM_BASIC)), max_size=500))
def test_a_text_in_the_basic_alphabet_takes_160_or_153_letters(text: str) -> None:
    count = 1 if len(text) <= 160 else -(-len(text) // 153)
    assert segments(text) == Segments("GSM-7", count)


@given(st.text(st.sampled_from("żłسব"), min_size=1, max_size=300))
def test_a_text_outside_it_takes_70_or_67_letters(text: str) -> None:
    count = 1 if len(text) <= 70 else -(-len(text) // 67)
    assert segments(text) == Segments("UCS-2", count)


@given(st.text(st.sampled_from("aż€😀"), max_size=200), st.text(st.sampled_from("aż€😀"), max_size=20))
def test_a_longer_text_never_takes_fewer_segments(text: str, more: str) -> None:
    assert segments(text).count <= segments(text + more).count


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("It’s “fine” – really…", 'It\'s "fine" - really...'),
        ("a\u00a0b\u202fc\u2009d\te", "a b c d e"),
        ("zero\u200bwidth\ufeff soft\u00adhyphen\u2060", "zerowidth softhyphen"),
        ("• one", "- one"),
        ("`quoted´" + "\u2019", "`quoted´’"),  # the acute accent has no letter in GSM-7: all stays as it was
        ("caf\u0065\u0301", "caf\u00e9"),
        ("Nu e zło – naprawdę", "Nu e zło – naprawdę"),
        ("আজ – কাল", "আজ – কাল"),
        ("It’s 😀", "It’s 😀"),
        ("", ""),
        ("plain [text] €5", "plain [text] €5"),
    ],
)
def test_a_text_is_plainer_only_where_then_all_of_it_fits(text: str, sent: str) -> None:
    assert prepare(text) == sent


@given(st.text(max_size=80) | st.text(st.sampled_from("a’–…\u00a0ż\u0301e€😀"), max_size=80))
def test_what_is_sent_is_composed_and_costs_no_more_and_is_sent_the_same_the_next_time(text: str) -> None:
    sent = prepare(text)
    assert unicodedata.is_normalized("NFC", sent)
    assert prepare(sent) == sent
    assert segments(sent).count <= segments(unicodedata.normalize("NFC", text)).count
    if sent != unicodedata.normalize("NFC", text):
        assert segments(sent).encoding == "GSM-7"
