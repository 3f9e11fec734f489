"""What the secret key protects: nothing opens without it, and what it names today it names for ever."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import String

from evaluation.store import records
from store.vault import Vault, WrongKey

SECRET = "a secret for tests only"
VAULT = Vault(SECRET)
OTHER = Vault(SECRET + ".")
_OWNERS = st.integers(0, 2**63 - 1)
#: Bytes of the data behind a button of Telegram (Bot API, InlineKeyboardButton).
LONGEST_TOKEN = 64

_MANY = settings(deadline=None, database=None)


@_MANY
@given(st.binary(max_size=2000), _OWNERS)
def test_what_is_sealed_opens_as_it_was(plain: bytes, owner: int) -> None:
    sealed = VAULT.seal(plain, owner)
    assert VAULT.open(sealed, owner) == plain
    assert Vault(SECRET).open(sealed, owner) == plain
    if len(plain) > 3:
        assert plain not in sealed


@_MANY
@given(st.binary(max_size=200), _OWNERS, _OWNERS)
def test_it_opens_for_its_owner_and_with_its_key_only(plain: bytes, owner: int, other: int) -> None:
    sealed = VAULT.seal(plain, owner)
    with pytest.raises(WrongKey, match="MIME_SECRET_KEY"):
        OTHER.open(sealed, owner)
    if other != owner:
        with pytest.raises(WrongKey):
            VAULT.open(sealed, other)


@_MANY
@given(st.binary(max_size=100), st.data())
def test_what_was_changed_by_one_bit_does_not_open(plain: bytes, data: st.DataObject) -> None:
    sealed = bytearray(VAULT.seal(plain, 1))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(WrongKey):
        VAULT.open(bytes(sealed), 1)


@_MANY
@given(st.binary(max_size=40), st.integers(0, 60))
def test_what_was_cut_short_does_not_open(plain: bytes, length: int) -> None:
    sealed = VAULT.seal(plain, 1)
    if length < len(sealed):
        with pytest.raises(WrongKey):
            VAULT.open(sealed[:length], 1)


def test_the_same_words_are_never_sealed_alike() -> None:
    assert len({VAULT.seal(b"yes", 1) for _ in range(1000)}) == 1000


@_MANY
@given(st.text(st.characters(exclude_categories=())))
def test_a_text_is_found_under_one_number_that_fits_a_column(words: str) -> None:
    found = VAULT.find(words)
    assert found == Vault(SECRET).find(words)
    assert 0 <= found < 2**63


def test_numbers_of_different_texts_and_keys_differ() -> None:
    numbers = [f"tel:+4477{n:08}" for n in range(50_000)]
    assert len({VAULT.find(number) for number in numbers}) == 50_000
    assert not {VAULT.find(number) for number in numbers} & {OTHER.find(number) for number in numbers}


def test_a_pseudonym_tells_nothing_and_fits_its_column() -> None:
    ids = range(1, 20_000)
    participants, responses = {VAULT.participant(n) for n in ids}, {VAULT.response(n) for n in ids}
    assert len(participants | responses) == 2 * len(ids)  # a person's is never a response's
    assert not participants & {OTHER.participant(n) for n in ids}
    assert set("".join(participants)) <= set(string.ascii_lowercase + "234567")
    assert {len(one) for one in participants | responses} == {16}
    for column in (records.c.participant, records.c.response):
        assert isinstance(column.type, String)
        assert column.type.length == 16
    assert not any(str(n) in VAULT.participant(n) for n in range(10_000, 20_000))


def test_a_button_s_token_is_its_session_s_and_its_question_s_own() -> None:
    tokens = {VAULT.button(session, name) for session in range(2000) for name in ("mood", "worry", "a/b")}
    assert len(tokens) == 6000
    assert OTHER.button(1, "mood") not in tokens
    assert all(len(f"{token}.999".encode()) <= LONGEST_TOKEN for token in tokens)
    assert not any("." in token for token in tokens)  # what stands behind the last dot is the option


def test_what_is_stored_today_is_read_by_every_later_release() -> None:
    """A change here would lose every address, every pseudonym and every word that people gave us."""
    assert VAULT.find("tel:+447700900123") == 8381328477155362842
    assert VAULT.participant(1) == "3oan5342xkzvbkds"
    assert VAULT.response(1) == "5kqfmxxmxabogmeo"
    assert VAULT.button(1, "mood") == "9GtyGKC9o3KM"
    assert (
        VAULT.open(bytes.fromhex("017bdbad455e1b61841332223663a23ae67ba3d9f1f2fcdefc72cfab59f43df7cf6a"), 7) == b"hello"
    )


@pytest.mark.parametrize("secret", ["", "short", "fifteen letters"])
def test_a_secret_that_is_too_short_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="at least 16 characters"):
        Vault(secret)
