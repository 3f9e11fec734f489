"""What people write, in the one form in which it is compared."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.fold import digits_to_ascii, fold

ANYTHING = st.text(st.characters(exclude_categories=()), max_size=60)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Yes!", "yes"), ("  two   words\n", "two words"), ("don't", "dont"), ("DON’T", "dont"), ("it`s", "its"),
        ("Źle się czuję", "zle sie czuje"), ("Łódź", "lodz"), ("mâine, ȘTIU", "maine stiu"), ("straße", "strasse"),
        ("Ünï", "uni"), ("Σας", "σασ"), ("й", "и"), ("ŒUF", "oeuf"), ("İ", "i"), ("KELVIN", "kelvin"),
        ("ي ك ه", "ی ک ہ"), ("ھاں", "ہاں"), ("جی‌ہاں", "جیہاں"), ("ہَاں", "ہاں"), ("ۃ", "ۃ"), ("نـــہیں", "نہیں"),
        ("হ্যাঁ", "হ্যাঁ"), ("আমি ঠিক আছি।", "আমি ঠিক আছি"), ("\u200eno\u200f", "no"),
        ("৭/১০", "7 10"), ("７", "7"), ("⑦", "7"), ("7\ufe0f\u20e3", "7"), ("x²", "x2"),
        ("👍", "👍"), ("yes👍", "yes 👍"), ("👍🏿👍", "👍 👍"), ("😀 ok", "ok"), ("", ""),
        ("?!", ""), ("a_b-c", "a b c"), ("𝐘𝐄𝐒", "yes"), ("ＹＥＳ", "yes"),
        ("\ud83c sun", "sun"),
    ],
)  # fmt: skip
def test_a_text_is_folded(text: str, folded: str) -> None:
    assert fold(text) == unicodedata.normalize("NFC", folded)


@given(ANYTHING)
def test_what_is_folded_is_not_folded_further(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_no_character_is_folded_further() -> None:
    everything = map(chr, range(sys.maxunicode + 1))
    characters = [c for c in everything if unicodedata.normalize("NFKD", c).casefold() != c]
    assert len(characters) > 10_000
    assert [c for c in characters if fold(folded := fold(c)) != folded] == []


@given(ANYTHING)
def test_a_text_folds_the_same_however_its_accents_are_stored(text: str) -> None:
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))


@given(ANYTHING, st.sampled_from([" ", "  ", "\n", "\t", " . "]))
def test_space_around_a_text_is_no_matter(text: str, space: str) -> None:
    assert fold(space + text + space) == fold(text)


@given(ANYTHING)
def test_a_folded_text_holds_letters_digits_single_spaces_and_thumbs_alone(text: str) -> None:
    folded = fold(text)
    assert folded == " ".join(folded.split())
    assert all(c in " 👍👎0123456789" or unicodedata.category(c)[0] in "LM" for c in folded)


@given(st.text(st.characters(exclude_categories=()), min_size=41, max_size=200))
def test_a_long_text_is_folded_as_its_words_are(text: str) -> None:
    spaced = " ".join(text)
    assert fold(spaced) == " ".join(fold(" ".join(folded)) for c in spaced.split() if (folded := fold(c).split()))


def test_digits_become_ascii_and_all_else_stays() -> None:
    assert digits_to_ascii("am ৭-٣, ⑦!") == "am 7-3, 7!"
    assert digits_to_ascii("7½") == "7½"
    assert digits_to_ascii("2\ufe0f\u20e30\ufe0f\u20e3-\u200f7") == "20-7"
